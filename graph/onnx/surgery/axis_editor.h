// Sizes that are computed, written into a file: nodes that take them from the shapes of values.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "graph/onnx/surgery/axis_sizes.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::wire {
class NodeProto;
}

namespace temper::graph {

using SizeOrNumber = std::variant<std::int64_t, SizeFormula>;

class AxisEditor {
 public:
  explicit AxisEditor(ModelEdit& edit) : edit_(edit) {}

  ModelEdit& edit() { return edit_; }
  // The file's node that gives the value, or null.
  wire::NodeProto* maker(const std::string& value);
  // Whether the value is there in front of the node.
  bool is_before(const std::string& value, const wire::NodeProto& node);

  // A vector of these numbers, made in front of `place`.
  std::string numbers(const wire::NodeProto& place, const std::string& name,
                      const std::vector<SizeOrNumber>& entries);
  // Input `input` of the node becomes `value`. What it was is removed by finish() if nothing else
  // reads it.
  void set_input(wire::NodeProto& node, int input, const std::string& value);
  // Elements [0, size) along an axis, in front of `place`.
  std::string first_of(const wire::NodeProto& place, const std::string& value, int axis,
                       const SizeFormula& size);
  // 0, 1, ... size - 1 times `step` along an axis of `rank`, added to `first`, which is 1 there.
  std::string counted_from(const wire::NodeProto& place, const std::string& first, int axis,
                           int rank, std::int64_t step, const SizeFormula& size);

  int changes() const { return changes_; }
  void finish();

 private:
  std::string size_vector(const wire::NodeProto& place, const std::string& name,
                          const SizeFormula& size);
  std::string make(const wire::NodeProto& place, const char* op,
                   const std::vector<std::string>& inputs, const std::string& name);
  std::string constant(const std::string& name, const std::vector<std::int64_t>& numbers);
  void find_positions();

  ModelEdit& edit_;
  std::unordered_map<std::string, int> positions_;  // by value: its node
  int nodes_ = -1;                                  // when they were found
  std::set<std::string> replaced_;
  int changes_ = 0;
};

}  // namespace temper::graph
