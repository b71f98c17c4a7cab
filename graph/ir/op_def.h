// What the graph knows about an op, written in one file of graph/ops/: name, arity, shape rule,
// gradient, flags. Kernels are the backends' affair and are found by the op's name.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/ids.h"

namespace temper::graph {

class Builder;
class InferContext;
class GradContext;
struct Node;

using InferFunction = void (*)(InferContext&);
using GradFunction = void (*)(GradContext&);
// Computes the outputs of `node` from `inputs` by other ops, all of which have gradients.
using ExpandFunction = std::vector<ValueId> (*)(Builder&, const Node& node,
                                                const std::vector<ValueId>& inputs);

// What mixed precision makes of an op: torch.amp's autocast lists.
enum class PrecisionClass {
  kFloat32,  // computes in float32: losses, exp, log, pow, softmax, sums
  kLow,      // gains from 16 bits: matmul, conv
  // Computes in the type its inputs have; where they differ, in the widest of them. Scalar
  // constants have no say, as PyTorch's type promotion gives numbers none.
  kFollowInputs,
};

class OpDef {
 public:
  explicit OpDef(std::string name) : name_(std::move(name)) {}

  // --- set by the op's file (chainable) --------------------------------------
  OpDef& inputs(int least, int most) {
    min_inputs = least;
    max_inputs = most;
    return *this;
  }
  OpDef& outputs(int least, int most) {
    min_outputs = least;
    max_outputs = most;
    return *this;
  }
  OpDef& infer(InferFunction f) {
    infer_function = f;
    return *this;
  }
  OpDef& gradient(GradFunction f) {
    grad_function = f;
    return *this;
  }
  // An op without a gradient rule is differentiated through this.
  OpDef& expands(ExpandFunction f) {
    expand_function = f;
    return *this;
  }
  // A plan computes the op by its expansion: only the reference has a kernel for it.
  OpDef& expanded_in_plans() {
    is_expanded = true;
    return *this;
  }
  // The op has no gradient on purpose (integer outputs, comparisons): nothing flows through it.
  OpDef& no_gradient(std::string because) {
    no_gradient_reason = std::move(because);
    return *this;
  }
  OpDef& precision(PrecisionClass c) {
    precision_class = c;
    return *this;
  }
  // Inputs that stay float32 while the op follows the others: the statistics, scale and bias of
  // BatchNorm.
  OpDef& wide_inputs(std::vector<int> indices) {
    float32_inputs = std::move(indices);
    return *this;
  }
  // Internal ops are never read from a file.
  OpDef& internal() {
    is_internal = true;
    return *this;
  }
  // Depends on more than its inputs (random numbers), or writes variables: never folded, merged or
  // removed as a duplicate.
  OpDef& stateful() {
    is_stateful = true;
    return *this;
  }
  // Same elements in the same order under another shape: lowered to an alias when the input is
  // plain.
  OpDef& reshape_only() {
    is_reshape = true;
    return *this;
  }
  // Writes its variables in place under `ok` (optimizer updates): output i aliases the variable
  // read as input `i` of `aliased_inputs`.
  OpDef& commits() {
    is_commit = true;
    is_stateful = true;
    return *this;
  }
  // These inputs hold shapes, axes and the like: infer reads them as constants and turns them into
  // attributes.
  OpDef& absorbs(std::vector<int> indices) {
    absorbed_inputs = std::move(indices);
    return *this;
  }

  const std::string& name() const { return name_; }

  int min_inputs = 1, max_inputs = 1;  // max -1: any number
  int min_outputs = 1, max_outputs = 1;
  InferFunction infer_function = nullptr;
  GradFunction grad_function = nullptr;
  ExpandFunction expand_function = nullptr;
  bool is_differentiable() const { return grad_function != nullptr || expand_function != nullptr; }
  std::string no_gradient_reason;
  PrecisionClass precision_class = PrecisionClass::kFollowInputs;
  bool is_internal = false;
  bool is_stateful = false;
  bool is_reshape = false;
  bool is_commit = false;
  bool is_expanded = false;
  std::vector<int> absorbed_inputs;
  std::vector<int> float32_inputs;

 private:
  std::string name_;
};

}  // namespace temper::graph
