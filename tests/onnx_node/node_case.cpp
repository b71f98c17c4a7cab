// Reads the index of the cases and the list of exclusions.
#include "tests/onnx_node/node_case.h"

#include <fnmatch.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string_view>

#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"

namespace temper::onnx_node {
namespace {

// Constants are no nodes of a graph.
bool is_ours(const std::string& op) {
  return op == "Constant" || graph::standard_ops().find_imported(op) != nullptr;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) {
    parts.push_back(part);
  }
  return parts;
}

// Every line of the index.
std::vector<NodeCase> read_index() {
  std::vector<NodeCase> cases;
  std::ifstream index(cases_folder() + "/index.txt");
  for (std::string line; std::getline(index, line);) {
    const std::vector<std::string> fields = split(line, '\t');
    TEMPER_ASSERT(fields.size() == 3, "index.txt has the line '", line, "'");
    cases.push_back({fields[0], fields[1], split(fields[2], ','), {}});
  }
  return cases;
}

bool is_selected(const NodeCase& one) {
  return is_ours(one.op) || std::all_of(one.ops.begin(), one.ops.end(), is_ours);
}

std::vector<NodeCase> read_cases() {
  const std::vector<Exclusion> excluded = exclusions();
  std::vector<NodeCase> cases;
  for (NodeCase& one : read_index()) {
    if (!is_selected(one)) {
      continue;
    }
    for (const Exclusion& exclusion : excluded) {
      if (fnmatch(exclusion.pattern.c_str(), one.name.c_str(), 0) == 0) {
        one.excluded = exclusion.reason;
        break;
      }
    }
    cases.push_back(std::move(one));
  }
  return cases;
}

}  // namespace

void PrintTo(const NodeCase& node_case, std::ostream* out) { *out << node_case.name; }

std::string cases_folder() {
  const char* given = std::getenv("TEMPER_ONNX_NODE_CASES");
  return given != nullptr ? given : TEMPER_SOURCE_DIR "/build/onnx_node";
}

std::vector<Exclusion> exclusions() {
  std::vector<Exclusion> out;
  std::ifstream file(TEMPER_SOURCE_DIR "/tests/onnx_node/excluded.txt");
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    const std::size_t bar = line.find(" | ");
    if (line.empty() || line[0] == '#') {
      continue;
    }
    TEMPER_ASSERT(bar != std::string::npos && bar > 0, "excluded.txt, line ", number,
                  " is not 'pattern | reason'");
    const std::size_t end = line.find_last_not_of(' ', bar) + 1;
    out.push_back({line.substr(0, end), line.substr(bar + 3), number});
  }
  return out;
}

const std::vector<NodeCase>& selected_cases() {
  static const std::vector<NodeCase> cases = read_cases();
  return cases;
}

std::map<std::string, int> cases_of_other_ops() {
  std::map<std::string, int> counts;
  for (const NodeCase& one : read_index()) {
    counts[one.op] += is_selected(one) ? 0 : 1;
  }
  std::erase_if(counts, [](const auto& count) { return count.second == 0; });
  return counts;
}

}  // namespace temper::onnx_node
