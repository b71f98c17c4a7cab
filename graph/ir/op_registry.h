// All ops by name. Filled once (graph/ops/standard_ops.h), then immutable.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/op_def.h"

namespace temper::graph {

class OpRegistry {
 public:
  // THROWS: kInternal when the name is taken.
  OpDef& add(std::string_view name);
  // The op, or null.
  const OpDef* find(std::string_view name) const;
  // The op that files call by this name, or null: an internal op only if it says so (imported_as).
  const OpDef* find_imported(std::string_view onnx_name) const;
  // THROWS: kInternal when there is no such op.
  const OpDef& get(std::string_view name) const;
  std::vector<const OpDef*> all() const;  // sorted by name

 private:
  std::map<std::string, std::unique_ptr<OpDef>, std::less<>> ops_;
};

}  // namespace temper::graph
