// ONNX's backend node tests as files (written by tests/onnx_node/write_cases.py): which of them are
// run, and which are known not to pass, with the reason.
#pragma once

#include <iosfwd>
#include <map>
#include <string>
#include <vector>

namespace temper::onnx_node {

struct NodeCase {
  std::string name;              // "test_add_bcast"
  std::string op;                // the op it tests
  std::vector<std::string> ops;  // all ops of its model: several when a function's body is tested
  std::string excluded;          // why it is expected to fail; empty: it must pass
};

// How GoogleTest shows a case.
void PrintTo(const NodeCase& node_case, std::ostream* out);

struct Exclusion {
  std::string pattern;  // as in a shell: "test_cast_*_to_FLOAT8*"
  std::string reason;
  int line = 0;
};

// The folder of the cases: $TEMPER_ONNX_NODE_CASES, otherwise build/onnx_node below the sources.
std::string cases_folder();

// The lines "pattern | reason" of excluded.txt.
std::vector<Exclusion> exclusions();

// The cases about ops Temper has: those that test such an op, and those whose models hold nothing
// else. Empty when the folder is not there.
const std::vector<NodeCase>& selected_cases();

// How many cases there are of each op that Temper does not have.
std::map<std::string, int> cases_of_other_ops();

}  // namespace temper::onnx_node
