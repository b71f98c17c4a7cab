// What the graph knows about an op, written in one file of graph/ops/: name, arity, shape rule,
// gradient, and each fact that passes, import or analyses ask for. Nobody else lists op names.
// Kernels are the backends' affair and are found by the op's name.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/op_facts.h"
#include "runtime/base/expression.h"
#include "runtime/base/ids.h"

namespace temper::graph {

class BatchContext;
class Builder;
class Graph;
class GradContext;
class InferContext;
class RebatchContext;
class ResolveContext;
class TrainingContext;
struct Node;
struct NodeDraft;

using InferFunction = void (*)(InferContext&);
using GradFunction = void (*)(GradContext&);
// Computes the outputs of `node` from `inputs` by other ops, all of which have gradients.
using ExpandFunction = std::vector<ValueId> (*)(Builder&, const Node& node,
                                                const std::vector<ValueId>& inputs);
// The axis in all outputs where the batch lies (batch_context.h).
using BatchFunction = int (*)(const BatchContext&);
// Writes the new batch size where the node holds the file's as a number (batch_context.h).
using RebatchFunction = void (*)(RebatchContext&);
// Puts the form for training, or for inference, in the node's place (training_context.h).
using TrainingFunction = void (*)(TrainingContext&);
// Puts other nodes in the place of one whose meaning is known when the graph is compiled
// (resolve_context.h); false: it is not, and the node stays.
using ResolveFunction = bool (*)(ResolveContext&);
using NodeTest = bool (*)(const Graph&, const Node&);
// Floating-point operations of a product, from the shapes.
using WorkFunction = double (*)(const Graph&, const Node&);
// Brings a node of an older opset to the canonical form (node_draft.h).
using UpgradeFunction = void (*)(NodeDraft&);
// The functor of an elementwise op with these attributes; none: it has no functor.
using FunctorFunction = std::optional<FunctorCall> (*)(const Attrs&);

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
  // A plan and constant folding compute the op by its expansion: no backend needs a kernel for it.
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
  // Moves elements and computes nothing. A reshape is lowered to an alias when its input is plain.
  OpDef& moves(Movement m) {
    movement = m;
    return *this;
  }
  // Where the batch lies in the outputs. Without it a batch that flows into the op is refused.
  OpDef& batch(BatchFunction f) {
    batch_function = f;
    return *this;
  }
  OpDef& rebatch(RebatchFunction f) {
    rebatch_function = f;
    return *this;
  }
  // A stored tensor at this input is a weight, a bias, a running statistic.
  OpDef& weight(int input, const char* what) { return place(input, Place::kWeight, what); }
  OpDef& bias(int input, const char* what) { return place(input, Place::kBias, what); }
  OpDef& statistic(int input, const char* what) { return place(input, Place::kStatistic, what); }
  OpDef& computes(Arithmetic a) {
    arithmetic = a;
    return *this;
  }
  OpDef& activates(Activation a) {
    activation = a;
    return *this;
  }
  // A product with a weight [inputs, outputs] at input 1, transposed where attribute `transpose` is
  // not 0, or a convolution.
  OpDef& is_linear(Linear l, const char* transpose = "") {
    linear = l;
    weight_transpose = transpose;
    return *this;
  }
  // The axis of the output along which features or channels lie; -1 is the last.
  OpDef& units_along(int axis) {
    unit_axis = axis;
    has_units = true;
    return *this;
  }
  // Input i picks elements of input 0 along attribute `axis`.
  OpDef& index_input(int i) {
    picking_input = i;
    return *this;
  }
  // The one op that computes its gradient.
  OpDef& gradient_op(std::string name) {
    gradient_op_name = std::move(name);
    return *this;
  }
  // The op computes the gradients of `forward`: its inputs are those of `forward`, then the
  // gradients of its outputs; output i is the gradient of input i. Without a rule it is
  // differentiated as the gradient of the forward op's expansion.
  OpDef& backward_of(std::string forward) {
    forward_op_name = std::move(forward);
    return *this;
  }
  // With attribute relu = 1 its kernels apply a Relu to output 0. An op that must save the mask for
  // its gradient names the output and the gradient op's input.
  OpDef& takes_relu(int mask_output = -1, int mask_input = -1) {
    can_take_relu = true;
    relu_mask_output = mask_output;
    relu_mask_input = mask_input;
    return *this;
  }
  // Files have it in this domain of ONNX's, in place of the default one.
  OpDef& in_domain(std::string name) {
    domain = std::move(name);
    return *this;
  }
  // Its outputs are gradients of values of the graph: the pass over gradient requests puts the
  // reverse pass in its place.
  OpDef& requests_gradient() {
    is_gradient_request = true;
    return *this;
  }
  // Takes and gives tensors of narrow types (runtime/base/narrow_types.h).
  OpDef& takes_narrow() {
    can_take_narrow = true;
    return *this;
  }
  // With attribute wide = 1 it gives float32 from 16-bit inputs: it sums in float32 anyway.
  OpDef& widens() {
    can_widen = true;
    return *this;
  }
  // Puts the training form in the place of an imported node, or the inference form where that is
  // what the options ask for; `exported` tells whether the file has the node in training form.
  OpDef& training(TrainingFunction f, NodeTest exported) {
    training_function = f;
    exported_for_training = exported;
    return *this;
  }
  // Attribute `momentum` is the share of the old running statistics in the new ones.
  OpDef& updates_statistics() {
    has_running_statistics = true;
    return *this;
  }
  // A recurrent op: inputs that it begins with and the outputs that say with what it ends, pair by
  // pair. The batch lies along axis 1 of both, along axis 0 with attribute layout = 1.
  OpDef& keeps_states(std::vector<int> inputs, std::vector<int> outputs) {
    state_inputs = std::move(inputs);
    state_outputs = std::move(outputs);
    return *this;
  }
  // A product: what it costs beside reading and writing its tensors.
  OpDef& work(WorkFunction f) {
    work_function = f;
    return *this;
  }
  // Files call it by this name; the op's own name is internal.
  OpDef& imported_as(std::string name) {
    onnx_name = std::move(name);
    return *this;
  }
  // Its attribute of this name is a tensor of one element, which gives `value` and `dtype`.
  OpDef& filler_attribute(std::string name) {
    filler_name = std::move(name);
    return *this;
  }
  // Its attribute of this name is an element type, a number in files and a name in the graph.
  OpDef& type_attribute(std::string name) {
    type_name = std::move(name);
    return *this;
  }
  // Computes a functor of its inputs, element by element: chains of such ops become one.
  OpDef& elementwise(FunctorFunction f) {
    functor_function = f;
    return *this;
  }
  OpDef& upgrade(UpgradeFunction f) {
    upgrade_function = f;
    return *this;
  }
  // Writes its variables in place under `ok` (optimizer updates): inputs and outputs are those of
  // runtime/base/update_layout.h.
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

  // Of an input that is absorbed: the attribute that keeps it, for files written from the graph.
  OpDef& writes(int input, const char* attribute, InputForm form) {
    written_inputs.push_back({input, attribute, form});
    return *this;
  }
  // Attributes that no file has: what follows from the rest, or is this library's own.
  OpDef& unwritten(std::vector<std::string> attributes) {
    own_attributes = std::move(attributes);
    return *this;
  }
  // The opset from which files have the op in the graph's form, where that is above 20.
  OpDef& since(int opset) {
    first_opset = opset;
    return *this;
  }
  // An internal op in operators of the standard, for files that other tools run; without it that
  // is its expansion.
  OpDef& standard(ExpandFunction f) {
    standard_function = f;
    return *this;
  }

  // Control flow with known conditions and sequences of known length vanish when shapes are bound.
  OpDef& resolves(ResolveFunction f) {
    resolve_function = f;
    return *this;
  }
  // Its attributes of these names are graphs: the bodies of a node.
  OpDef& has_bodies(std::vector<std::string> attributes) {
    body_attributes = std::move(attributes);
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
  bool is_commit = false;
  bool is_expanded = false;
  std::vector<int> absorbed_inputs;
  std::vector<WrittenInput> written_inputs;
  std::vector<std::string> own_attributes;
  int first_opset = 20;
  ExpandFunction standard_function = nullptr;
  std::vector<int> float32_inputs;
  Movement movement = Movement::kNone;
  // Whether the memory of the output is that of the input.
  bool is_reshape() const { return movement == Movement::kReshape || movement == Movement::kSame; }
  // Whether output 0 has the elements of input 0, all of them and no others.
  bool keeps_elements() const {
    return is_reshape() || movement == Movement::kPermute || movement == Movement::kConvert;
  }
  BatchFunction batch_function = nullptr;
  RebatchFunction rebatch_function = nullptr;
  std::vector<PlaceOfInput> places;
  Arithmetic arithmetic = Arithmetic::kNone;
  Activation activation = Activation::kNone;
  Linear linear = Linear::kNone;
  // MatMul: a product of matrices that takes no bias itself.
  bool is_bare_product() const { return linear == Linear::kMatrix && max_inputs == 2; }
  std::string weight_transpose;
  bool has_units = false;
  int unit_axis = 0;
  int picking_input = -1;
  std::string gradient_op_name;
  std::string forward_op_name;
  bool can_take_relu = false;
  int relu_mask_output = -1, relu_mask_input = -1;
  bool can_take_narrow = false;
  bool is_gradient_request = false;
  bool can_widen = false;
  TrainingFunction training_function = nullptr;
  NodeTest exported_for_training = nullptr;
  bool has_running_statistics = false;
  std::vector<int> state_inputs;
  std::vector<int> state_outputs;
  WorkFunction work_function = nullptr;
  std::string onnx_name;
  std::string domain;
  std::string filler_name;
  std::string type_name;
  FunctorFunction functor_function = nullptr;
  UpgradeFunction upgrade_function = nullptr;
  ResolveFunction resolve_function = nullptr;
  std::vector<std::string> body_attributes;

 private:
  OpDef& place(int input, Place place, const char* what) {
    places.push_back({input, place, what});
    return *this;
  }

  std::string name_;
};

}  // namespace temper::graph
