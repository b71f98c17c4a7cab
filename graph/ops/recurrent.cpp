// LSTM, GRU and RNN: every attribute, one or both directions, lengths per sample, either layout.
// Per step t of a direction (the reverse one goes from the end), with * an elementwise product:
//   RNN   H = f(x W^T + h R^T + Wb + Rb)
//   GRU   z, r = f(x W^T + h R^T + Wb + Rb), n = g(x Wh^T + Wbh + (r * h) Rh^T + Rbh), or with
//         linear_before_reset g(x Wh^T + Wbh + r * (h Rh^T + Rbh)),  H = (1 - z) * n + z * h
//   LSTM  i, o, f, g of x W^T + h R^T + Wb + Rb, peepholes P * c added in i and f and P * C in o,
//         C = f * c + i * g, H = o * h(C); with input_forget f = 1 - i
// What activations are applied to is clipped to [-clip, clip], C before h excepted (onnxruntime).
// Behind a sample's length the state stays and Y is 0.
#include <algorithm>
#include <cmath>
#include <limits>

#include "graph/ir/batch_context.h"
#include "graph/ir/grad_context.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/product_work.h"
#include "graph/ops/recurrent_steps.h"
#include "runtime/base/text_bytes.h"

namespace temper::graph {
namespace {

using recurrent::Kind;
using recurrent::kind_of;
using recurrent::Sizes;
using recurrent::sizes_of;
using recurrent::Strings;
using enum recurrent::Input;

// Their order numbers them (backends/common/cell_activation.h).
// An activation's name with the defaults of its parameters; NaN: it has no such parameter.
struct Known {
  const char* name;
  double alpha, beta;
};
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr Known kKnown[] = {
    {"Relu", kNone, kNone},     {"Tanh", kNone, kNone},     {"Sigmoid", kNone, kNone},
    {"Affine", 1, 0},           {"LeakyRelu", 0.01, kNone}, {"ThresholdedRelu", 1, kNone},
    {"ScaledTanh", 1, 1},       {"HardSigmoid", 0.2, 0.5},  {"Elu", 1, kNone},
    {"Softsign", kNone, kNone}, {"Softplus", kNone, kNone}};

const Known& known_activation(const InferContext& c, const std::string& name) {
  const auto same = [](char a, char b) { return ascii_lower(a) == ascii_lower(b); };
  for (const Known& known : kKnown) {
    const std::string_view ours = known.name;
    if (std::equal(ours.begin(), ours.end(), name.begin(), name.end(), same)) {
      return known;
    }
  }
  c.check(false, "the activation \"", name, "\" is none that ONNX defines for ",
          c.node().op->name());
  return kKnown[0];
}

// The activations of all directions by name, and in `functions` by number, and a parameter for each
// in `alphas` and `betas`:
// ONNX lists only those of the activations that take one.
void normalise_activations(InferContext& c, const Kind& kind, int directions) {
  Attrs& attrs = c.attrs();
  if (attrs.has("alphas")) {
    return;
  }
  Strings names;
  if (const AttrValue* given = attrs.find("activations")) {
    c.check(std::holds_alternative<Strings>(*given), "activations is no list of names");
    names = std::get<Strings>(*given);
  } else {
    for (int d = 0; d < directions; ++d) {
      names.insert(names.end(), kind.defaults.begin(), kind.defaults.end());
    }
  }
  const auto wanted = static_cast<std::size_t>(directions * kind.functions);
  c.check(names.size() == wanted, "activations has ", names.size(), " entries, expected ", wanted);
  std::vector<double> alphas, betas;
  std::vector<std::int64_t> functions;
  const std::vector<double> given_alphas = attrs.get_doubles("activation_alpha");
  const std::vector<double> given_betas = attrs.get_doubles("activation_beta");
  std::size_t next_alpha = 0, next_beta = 0;
  const auto take = [](double fallback, const std::vector<double>& given, std::size_t& next) {
    if (std::isnan(fallback)) {
      return 0.0;
    }
    return next < given.size() ? given[next++] : fallback;
  };
  for (std::string& name : names) {
    const Known& known = known_activation(c, name);
    name = known.name;
    functions.push_back(&known - kKnown);
    alphas.push_back(take(known.alpha, given_alphas, next_alpha));
    betas.push_back(take(known.beta, given_betas, next_beta));
  }
  attrs.erase("activation_alpha");
  attrs.erase("activation_beta");
  attrs.set("activations", names);
  attrs.set("functions", functions);
  attrs.set("alphas", alphas);
  attrs.set("betas", betas);
}

void normalise_attributes(InferContext& c, const Kind& kind, std::int64_t hidden) {
  Attrs& attrs = c.attrs();
  const std::int64_t declared = attrs.get_int("hidden_size", hidden);
  c.check(declared == hidden, "hidden_size is ", declared, ", but R has the shape ", c.shape(kR));
  attrs.set("hidden_size", hidden);
  const std::string direction = attrs.get_string("direction", "forward");
  c.check(direction == "forward" || direction == "reverse" || direction == "bidirectional",
          "direction is \"", direction, "\", expected forward, reverse or bidirectional");
  attrs.set("direction", direction);
  const std::int64_t layout = attrs.get_int("layout", 0);
  c.check(layout == 0 || layout == 1, "layout is ", layout, ", expected 0 or 1");
  attrs.set("layout", layout);
  if (attrs.has("clip")) {
    const double clip = attrs.get_double("clip", 0);
    c.check(clip > 0, "clip is ", clip, ", expected a positive number");
  }
  normalise_activations(c, kind, direction == "bidirectional" ? 2 : 1);
}

// Checks the inputs of a recurrent op (of its gradient, the first ones).
Sizes check_recurrent(InferContext& c, const Kind& kind) {
  c.require_same_dtype({kX, kW, kR, kB, kH0});
  c.check(is_float(c.dtype(kX)), "X is ", c.dtype(kX), ", expected a float type");
  c.check(c.rank(kX) == 3 && c.rank(kW) == 3 && c.rank(kR) == 3, "X, W and R have the shapes ",
          c.shape(kX), ", ", c.shape(kW), " and ", c.shape(kR), ", expected three dimensions each");
  normalise_attributes(c, kind, c.shape(kR)[2]);
  const std::int64_t directions = c.attrs().get_string("direction", "") == "bidirectional" ? 2 : 1;
  Sizes sizes = sizes_of(c.shape(kX), c.shape(kR), c.attrs());
  sizes.directions = directions;
  const std::int64_t rows = kind.gates * sizes.hidden;
  const auto expect = [&](int i, const char* name, const Shape& wanted) {
    if (c.has_input(i)) {
      c.check(c.shape(i) == wanted, name, " has the shape ", c.shape(i), ", expected ", wanted);
    }
  };
  expect(kW, "W", {directions, rows, sizes.inputs});
  expect(kR, "R", {directions, rows, sizes.hidden});
  expect(kB, "B", {directions, 2 * rows});
  expect(kLengths, "sequence_lens", {sizes.batch});
  expect(kH0, "initial_h", sizes.state());
  if (kind.inputs > kC0) {
    c.require_same_dtype({kX, kC0, kP});
    expect(kC0, "initial_c", sizes.state());
    expect(kP, "P", {directions, 3 * sizes.hidden});
  }
  if (c.has_input(kLengths)) {
    c.check(c.dtype(kLengths) == DType::kInt32, "sequence_lens is ", c.dtype(kLengths),
            ", expected i32");
  }
  return sizes;
}

void infer_recurrent(InferContext& c) {
  const Kind kind = kind_of(c.node().op->name());
  const Sizes sizes = check_recurrent(c, kind);
  c.set_output(0, c.dtype(kX), sizes.output());
  for (int i = 1; i <= kind.states; ++i) {
    c.set_output(i, c.dtype(kX), sizes.state());
  }
  c.set_output(1 + kind.states, DType::kOpaque, Shape{});  // the tape: what kernels keep of a step
}

// Inputs: those of the op, then the gradients of its outputs, and in the place of the tape's
// gradient the tape, if there is one. Output i: the gradient of input i.
void infer_recurrent_grad(InferContext& c) {
  const Kind kind = kind_of(c.node().op->name());
  const Sizes sizes = check_recurrent(c, kind);
  for (int i = 0; i <= kind.states; ++i) {
    if (c.has_input(kind.inputs + i)) {
      const Shape wanted = i == 0 ? sizes.output() : sizes.state();
      c.check(c.shape(kind.inputs + i) == wanted, "the gradient of output ", i, " has the shape ",
              c.shape(kind.inputs + i), ", expected ", wanted);
      c.require_same_dtype({kX, kind.inputs + i});
    }
  }
  for (int i = 0; i < kind.inputs; ++i) {
    if (c.has_output(i)) {
      c.set_output(i, c.dtype(i), c.shape(i));
    }
  }
}

// Backward through time. With dz the gradients of the gates' sums at each step, from the last step
// to the first (dh and dc are passed on):
//   dx = dz W,  dW += dz^T x,  dR += dz^T h,  dWb += dz,  dRb += dz,  dh = dz R + what passes h by
//   RNN   dz = dH f'
//   GRU   dn = dH (1 - z) g',  dz = dH (h - n) f',  dr = (dn Rh) h f', or dn (h Rh^T + Rbh) f' with
//         linear_before_reset, where R's gradient takes dn r;  h is passed by in z * h
//   LSTM  dC = dc + dH o h'(C) + Po do,  do = dH h(C) f',  di = dC g f',  df = dC c f',
//         dg = dC i g',  dc = dC f + Pi di + Pf df,  dP += dz c (o: C); with input_forget
//         di = dC (g - c) f' and df = 0
void recurrent_gradient(GradContext& g) {
  const Kind kind = kind_of(g.node().op->name());
  std::vector<ValueId> inputs = g.node().inputs;
  inputs.resize(static_cast<std::size_t>(kind.inputs));
  std::vector<bool> wanted;
  for (int i = 0; i < kind.inputs; ++i) {
    wanted.push_back(g.needs(i) && i != kLengths);
  }
  for (int i = 0; i <= kind.states; ++i) {
    inputs.push_back(g.has_dy(i) ? g.dy(i) : ValueId{});
  }
  inputs.push_back(g.saved(1 + kind.states));
  const std::vector<ValueId> made = g.builder().ops(
      g.node().op->gradient_op_name, std::move(inputs), kind.inputs, g.attrs(), wanted);
  for (int i = 0; i < kind.inputs; ++i) {
    if (wanted[static_cast<std::size_t>(i)]) {
      g.set(i, made[static_cast<std::size_t>(i)]);
    }
  }
}

// As many steps as the sequence has: what second derivatives are taken through, and what files are
// written with, which name the parameters of activations in another way than `functions`, `alphas`
// and `betas`.
std::vector<ValueId> expand_recurrent(Builder& b, const Node& node,
                                      const std::vector<ValueId>& inputs) {
  return recurrent::unroll(b, node, kind_of(node.op->name()), inputs, false);
}

// Each sample's step meets W and R once.
double recurrent_work(const Graph& graph, const Node& node) {
  const Shape& x = graph.value(node.inputs[kX]).shape;
  return 2 * static_cast<double>(x.count(0, 2)) *
         (element_count(graph, node.inputs[kW]) + element_count(graph, node.inputs[kR]));
}

int batch_of_recurrent(const BatchContext& c) {
  const int layout = c.number("layout");
  const int of_state = 1 - layout;
  c.check(c.axis(kX) == 1 - layout && !c.axis(kW) && !c.axis(kR),
          "goes along the batch, or has weights of each sample");
  for (const int input : c.node().op->state_inputs) {
    c.check(!c.axis(input) || c.axis(input) == of_state, "takes a state ", c.shape(input),
            " with the batch along dimension ", c.axis(input).value_or(0), ", expected ", of_state);
  }
  for (const int output : c.node().op->state_outputs) {
    c.set_axis(output, of_state);
  }
  return layout == 1 ? 0 : 2;
}

// States and lengths that the file gives once, such as zeros.
void rebatch_recurrent(RebatchContext& c) {
  const int of_state = c.old_node().attrs.get_int("layout", 0) != 0 ? 0 : 1;
  const std::vector<ValueId>& inputs = c.old_node().inputs;
  const auto repeat = [&](int input, int axis) {
    const auto i = static_cast<std::size_t>(input);
    if (i < inputs.size() && inputs[i].valid() && !c.axes()[i]) {
      c.repeat_input(input, axis);
    }
  };
  repeat(kLengths, 0);
  for (const int input : c.old_node().op->state_inputs) {
    repeat(input, of_state);
  }
}

}  // namespace

void register_recurrent(OpRegistry& ops) {
  for (const char* name : {"LSTM", "GRU", "RNN"}) {
    const Kind kind = kind_of(name);
    const std::string grad_op = name + std::string("Grad");
    OpDef& op = ops.add(name);
    op.inputs(3, kind.inputs)
        .outputs(1, 2 + kind.states)
        .weight(kW, "weight")
        .weight(kR, "recurrent weight")
        .weight(kB, "bias")
        .batch(batch_of_recurrent)
        .rebatch(rebatch_recurrent)
        .work(recurrent_work)
        .infer(infer_recurrent)
        .gradient(recurrent_gradient)
        .expands(expand_recurrent)
        .standard(expand_recurrent)
        .gradient_op(grad_op)
        .precision(PrecisionClass::kLow);
    const bool cell = kind.states > 1;
    op.keeps_states(cell ? std::vector<int>{kH0, kC0} : std::vector<int>{kH0},
                    cell ? std::vector<int>{1, 2} : std::vector<int>{1});
    if (kind.inputs > kP) {
      op.weight(kP, "peepholes");
    }
    ops.add(grad_op)
        .inputs(kind.inputs + 1, kind.inputs + 2 + kind.states)
        .outputs(1, kind.inputs)
        .infer(infer_recurrent_grad)
        .backward_of(name)
        .precision(PrecisionClass::kLow)
        .internal();
  }
}

}  // namespace temper::graph
