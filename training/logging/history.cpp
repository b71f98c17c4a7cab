#include "training/logging/history.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

#include "runtime/base/concat.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/formats/json.h"

namespace temper::training {
namespace {

struct Epoch {
  std::int64_t number = 0;
  std::int64_t step = 0;
  std::map<std::string, std::string> metrics;
};

// Lines at an epoch's end are the first that name the epoch after it; the evaluation's line follows
// at the same step.
void take_line(const JsonValue& line, std::vector<Epoch>& epochs, std::vector<std::string>& names) {
  const std::int64_t number = line.at("epoch").as_int("epoch");
  const std::int64_t step = line.at("step").as_int("step");
  if (number == 0) {
    return;
  }
  if (epochs.empty() || epochs.back().number < number) {
    epochs.push_back({number, step, {}});
  }
  if (epochs.back().step != step) {
    return;
  }
  for (const JsonMember& member : line.as_object("a line of metrics")) {
    if (member.key == "step" || member.key == "epoch") {
      continue;
    }
    epochs.back().metrics[member.key] = concat(member.value.as_double(member.key));
    if (std::find(names.begin(), names.end(), member.key) == names.end()) {
      names.push_back(member.key);
    }
  }
}

}  // namespace

void write_history(const std::string& run_directory) {
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 30;
  const std::string path = join_path(run_directory, "metrics.jsonl");
  const std::string text = read_text_file(path, kLimit);
  std::vector<Epoch> epochs;
  std::vector<std::string> names;
  int number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    ++number;
    take_line(
        parse_json(std::string_view(text).substr(begin, end - begin), concat(path, ":", number)),
        epochs, names);
    begin = end + 1;
  }
  if (epochs.empty()) {
    return;
  }
  std::string table = "epoch,step";
  for (const std::string& name : names) {
    table += "," + name;
  }
  table += "\n";
  for (const Epoch& epoch : epochs) {
    table += concat(epoch.number, ",", epoch.step);
    for (const std::string& name : names) {
      const auto found = epoch.metrics.find(name);
      table += "," + (found == epoch.metrics.end() ? std::string{} : found->second);
    }
    table += "\n";
  }
  write_file_atomically(join_path(run_directory, "history.csv"), table);
}

}  // namespace temper::training
