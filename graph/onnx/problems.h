// Collects what a model needs and Temper does not have, to report all of it at once.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/import.h"

namespace temper::graph {

class Problems {
 public:
  void add_op(const std::string& domain, const std::string& op, const std::string& example);
  void add(const std::string& what, const std::string& example);
  // One per op and per other problem.
  std::vector<ImportProblem> list() const;
  // THROWS: kUnsupported, one line per op and per other problem: name, domain, count, example
  // names.
  void throw_if_any(const std::string& path) const;

 private:
  struct Entry {
    std::int64_t count = 0;
    std::vector<std::string> examples;
  };
  static void note(Entry& entry, const std::string& example);

  std::map<std::pair<std::string, std::string>, Entry> ops_;
  std::map<std::string, Entry> others_;
};

}  // namespace temper::graph
