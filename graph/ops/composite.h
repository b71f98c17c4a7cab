// Ops of com.microsoft: onnxruntime's optimizer puts one in the place of several nodes of ONNX.
// Each is written as those nodes again, which replace it before a graph is trained (expand_ops.h),
// and its shape rule is theirs.
#pragma once

#include <string_view>
#include <vector>

#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {

// The optional input i.
inline ValueId given(const std::vector<ValueId>& inputs, std::size_t i) {
  return i < inputs.size() ? inputs[i] : ValueId{};
}

// What an expansion refuses: valid, but not read here.
template <class... Parts>
void support(bool condition, const Parts&... what) {
  TEMPER_CHECK(condition, ErrorCode::kUnsupported, what...);
}

// What it takes for a mistake of the file.
template <class... Parts>
void expect(bool condition, const Parts&... what) {
  TEMPER_CHECK(condition, ErrorCode::kInvalidModel, what...);
}

// Types and shapes are those of the nodes that the op is made of.
inline void infer_composite(InferContext& c) {
  const Node node = c.node();
  Graph part(standard_ops());
  Builder builder(part, node.origin);
  std::vector<ValueId> inputs;
  for (int i = 0; i < c.input_count(); ++i) {
    inputs.emplace_back();
    if (c.has_input(i)) {
      inputs.back() = part.add_input(concat("input ", i), c.dtype(i), c.shape(i));
    }
  }
  const std::vector<ValueId> made = node.op->expand_function(builder, node, inputs);
  for (int i = 0; i < c.output_count(); ++i) {
    if (c.has_output(i)) {
      const ValueId value = given(made, static_cast<std::size_t>(i));
      support(value.valid(), "output ", i, " is not supported");
      c.set_output(i, builder.dtype(value), builder.shape(value));
    }
  }
}

// The batch leaves in front.
inline int batch_of_composite(const BatchContext& c) {
  for (int i = 0; i < c.input_count(); ++i) {
    c.check(!c.axis(i) || *c.axis(i) == 0, "takes the batch along another axis than 0");
  }
  return 0;
}

// An op that files call com.microsoft::NAME.
inline OpDef& add_composite(OpRegistry& ops, std::string_view name, ExpandFunction expand) {
  return ops.add(concat("Microsoft", name))
      .internal()
      .imported_as(concat("com.microsoft::", name))
      .infer(infer_composite)
      .expands(expand)
      .expanded_in_plans()
      .batch(batch_of_composite);
}

}  // namespace temper::graph
