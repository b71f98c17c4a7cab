// What a gradient rule sees: its forward node, the gradients of its outputs, and a builder. The
// driver (graph/autodiff/gradient.h) accumulates over several uses, sums broadcast axes away, skips
// inputs nobody asked for and checks shapes, so a rule is a formula:
//
//   // y = a * b;  da = dy * b,  db = dy * a
//   void mul_gradient(GradContext& g) {
//     if (g.needs(0)) g.set(0, g.builder().mul(g.dy(), g.x(1)));
//     if (g.needs(1)) g.set(1, g.builder().mul(g.dy(), g.x(0)));
//   }
#pragma once

#include <memory>
#include <vector>

#include "graph/ir/builder.h"
#include "graph/ir/graph.h"

namespace temper::graph {

// The gradient of a body (graph/autodiff/gradient.h).
using BodyGradient = std::shared_ptr<Body> (*)(const Body& body,
                                               const std::vector<std::size_t>& outputs,
                                               const std::vector<std::size_t>& inputs);

class GradContext {
 public:
  GradContext(Builder& builder, NodeId node, std::vector<ValueId> dy, std::vector<bool> needed,
              BodyGradient of_body)
      : body_gradient_(of_body),
        builder_(builder),
        node_(node),
        dy_(std::move(dy)),
        needed_(std::move(needed)),
        dx_(needed_.size()) {}

  Builder& builder() { return builder_; }
  const Node& node() const { return builder_.graph().node(node_); }
  const Attrs& attrs() const { return node().attrs; }

  int input_count() const { return static_cast<int>(node().inputs.size()); }
  bool has_input(int i) const {
    return i < input_count() && node().inputs[static_cast<std::size_t>(i)].valid();
  }
  ValueId x(int i) const { return node().inputs[static_cast<std::size_t>(i)]; }
  ValueId y(int i = 0) const { return node().outputs[static_cast<std::size_t>(i)]; }
  // The gradient of output i; invalid when nothing depends on that output.
  ValueId dy(int i = 0) const { return dy_[static_cast<std::size_t>(i)]; }
  bool has_dy(int i = 0) const { return i < static_cast<int>(dy_.size()) && dy(i).valid(); }
  Shape shape(ValueId id) const { return builder_.shape(id); }
  DType dtype(ValueId id) const { return builder_.dtype(id); }

  // Whether the gradient of input i is asked for.
  bool needs(int i) const { return i < input_count() && needed_[static_cast<std::size_t>(i)]; }
  // Its value: of x(i)'s shape, or of a shape x(i) was broadcast to.
  void set(int i, ValueId dx) { dx_[static_cast<std::size_t>(i)] = dx; }
  const std::vector<ValueId>& dx() const { return dx_; }

  // Output i of the forward node for the gradient's use: an optional output that was left out is
  // added now (and inferred). An op declares saved bytes as an optional output of dtype kOpaque.
  ValueId saved(int i);

  // A body that takes what `body` takes and the gradients of these outputs of it, and gives those
  // of these inputs.
  std::shared_ptr<Body> body_gradient(const Body& body, const std::vector<std::size_t>& outputs,
                                      const std::vector<std::size_t>& inputs) const {
    return body_gradient_(body, outputs, inputs);
  }

 private:
  BodyGradient body_gradient_;
  Builder& builder_;
  NodeId node_;
  std::vector<ValueId> dy_;
  std::vector<bool> needed_;
  std::vector<ValueId> dx_;
};

}  // namespace temper::graph
