#include "tools/cli/pass_dump.h"

#include <cstdio>
#include <map>

#include "graph/ir/print.h"
#include "runtime/base/concat.h"
#include "runtime/base/text_bytes.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper::cli {

decltype(training::EngineOptions::observer) dump_passes_to(const std::string& folder) {
  if (folder.empty()) {
    return {};
  }
  make_directories(folder);
  return [folder, counts = std::map<std::string, int>()](
             const std::string& graph, std::string_view pass, const graph::Graph& made) mutable {
    char number[16];
    std::snprintf(number, sizeof number, "%02d", ++counts[graph]);
    std::string name = concat(graph, ".", number, ".", pass);
    for (char& c : name) {
      c = is_ascii_alphanumeric(c) || c == '.' || c == '-' ? c : '_';
    }
    write_file_atomically(join_path(folder, name + ".txt"), std::string_view(graph::print(made)));
  };
}

}  // namespace temper::cli
