// Whether a node is what an opset has: attributes, inputs, outputs and their types.
#pragma once

#include <cstdint>
#include <string>

#include "graph/onnx/deploy/opset_forms.h"
#include "graph/onnx/deploy/opset_node.h"
#include "graph/onnx/deploy/opset_types.h"

namespace temper::graph {

class OpsetFit {
 public:
  explicit OpsetFit(OpsetChange& change) : change_(change) {}

  // Whether the operator has another form in the other opset, or takes other types there.
  bool is_concerned(const wire::NodeProto& node) const;
  // Whether it does not have the operator, or not for these types.
  bool is_missing(const wire::NodeProto& node) const;
  // Attributes of the former opset that say the default are dropped; what does not fit is a reason
  // of the change. `where`: "in a body of If 'a', ", or "".
  void fit(wire::NodeProto& node, const std::string& where);

 private:
  void check_types(const wire::NodeProto& node, const std::string& label);

  OpsetChange& change_;
  OpsetForms forms_;
  OpsetTypes types_;
};

}  // namespace temper::graph
