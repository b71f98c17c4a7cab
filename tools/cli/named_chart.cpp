#include "tools/cli/named_chart.h"

#include <cstdio>
#include <filesystem>
#include <utility>

#include "runtime/base/concat.h"
#include "runtime/platform/folders.h"
#include "training/formats/json.h"

namespace temper::cli {

std::string chart_stem(const std::string& typed) {
  std::filesystem::path path = typed;
  if (path.extension() == ".png" || path.extension() == ".svg") {
    path.replace_extension();
  }
  return path.string();
}

std::vector<std::string> write_charts(const std::vector<NamedChart>& all,
                                      const std::string& folder) {
  std::vector<std::string> written;
  if (!all.empty()) {
    make_directories(folder);
  }
  for (const NamedChart& chart : all) {
    written.push_back(join_path(folder, chart.name));
    charts::write_chart(chart.panel, written.back());
  }
  return written;
}

void print_chart_files(const std::vector<std::string>& without_suffix, bool as_json) {
  std::vector<std::string> files;
  for (const std::string& path : without_suffix) {
    files.push_back(path + ".png");
    files.push_back(path + ".svg");
  }
  if (as_json) {
    training::JsonValue line = training::JsonValue::object();
    line.set("charts", training::JsonValue::array_of(files));
    files = {line.text()};
  }
  std::printf("%s\n", join(files, "\n").c_str());
}

std::vector<training::DrawnChart> drawn_charts(const std::vector<NamedChart>& all) {
  std::vector<training::DrawnChart> drawn;
  for (const NamedChart& chart : all) {
    charts::Png png = charts::chart_png(chart.panel);
    drawn.push_back({"charts/" + chart.name, {png.width, png.height, std::move(png.bytes)}});
  }
  return drawn;
}

}  // namespace temper::cli
