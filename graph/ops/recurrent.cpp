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
#include "runtime/base/text_bytes.h"

namespace temper::graph {
namespace {

enum Input { kX, kW, kR, kB, kLengths, kH0, kC0, kP };

using Strings = std::vector<std::string>;

// What differs between the three, by the number of gates.
struct Kind {
  int gates;
  int states;     // outputs behind Y
  int inputs;     // at most
  int functions;  // activations of a direction
  Strings defaults;
};

Kind kind_of(const std::string& op) {
  if (op.starts_with("LSTM")) {
    return {4, 2, 8, 3, {"Sigmoid", "Tanh", "Tanh"}};
  }
  return op.starts_with("GRU") ? Kind{3, 1, 6, 2, {"Sigmoid", "Tanh"}} : Kind{1, 1, 6, 1, {"Tanh"}};
}

// Their order numbers them (backends/reference/cell_activation.h).
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

struct Sizes {
  std::int64_t steps, batch, inputs, hidden, directions;
  bool batch_first;

  Shape state() const {
    return batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
  }
  Shape output() const {
    return batch_first ? Shape{batch, steps, directions, hidden}
                       : Shape{steps, directions, batch, hidden};
  }
};

Sizes sizes_of(const Shape& x, const Shape& r, const Attrs& attrs) {
  const bool batch_first = attrs.get_int("layout", 0) != 0;
  return {x[batch_first ? 1 : 0], x[batch_first ? 0 : 1], x[2], r[2], r[0], batch_first};
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
}

// Inputs: those of the op, then the gradients of its outputs. Output i: the gradient of input i.
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
  const std::vector<ValueId> made = g.builder().ops(
      g.node().op->gradient_op_name, std::move(inputs), kind.inputs, g.attrs(), wanted);
  for (int i = 0; i < kind.inputs; ++i) {
    if (wanted[static_cast<std::size_t>(i)]) {
      g.set(i, made[static_cast<std::size_t>(i)]);
    }
  }
}

// ---------------------------------------------------------------- the same, step by step, as nodes

ValueId slice(Builder& b, ValueId value, std::int64_t axis, std::int64_t start, std::int64_t end) {
  using Ints = std::vector<std::int64_t>;
  return b.op("Slice", {value},
              {{"starts", Ints{start}}, {"ends", Ints{end}}, {"axes", Ints{axis}}});
}

// An activation of the graph's ops.
ValueId apply(Builder& b, const std::string& name, double alpha, double beta, ValueId x) {
  const DType type = b.dtype(x);
  if (name == "Affine") {
    return b.add(b.scale(x, alpha), b.scalar(type, beta));
  }
  if (name == "ScaledTanh") {
    return b.scale(b.op("Tanh", {b.scale(x, beta)}), alpha);
  }
  if (name == "ThresholdedRelu") {
    const ValueId passes = b.op("Greater", {x, b.scalar(type, alpha)});
    return b.op("Where", {passes, x, b.scalar(type, 0)});
  }
  if (name == "Softsign") {
    return b.div(x, b.add(b.op("Abs", {x}), b.scalar(type, 1)));
  }
  if (name == "HardSigmoid") {
    return b.op(name, {x}, {{"alpha", alpha}, {"beta", beta}});
  }
  if (name == "LeakyRelu" || name == "Elu") {
    return b.op(name, {x}, {{"alpha", alpha}});
  }
  return b.op(name, {x});
}

// One direction.
class Unrolled {
 public:
  // `x`: [T, N, I]
  Unrolled(Builder& b, const Node& node, const Kind& kind, const Sizes& sizes, std::int64_t d,
           const std::vector<ValueId>& inputs, ValueId x)
      : b_(b), attrs_(node.attrs), kind_(kind), sizes_(sizes), d_(d), inputs_(inputs) {
    const std::int64_t rows = kind.gates * sizes.hidden;
    r_ = part(kR, {rows, sizes.hidden});
    if (has(kB)) {
      const ValueId both = part(kB, {2 * rows});
      wb_ = slice(b, both, 0, 0, rows);
      rb_ = slice(b, both, 0, rows, 2 * rows);
    }
    const ValueId flat = b.reshape(x, {sizes.steps * sizes.batch, sizes.inputs});
    from_x_ = b.reshape(linear(flat, part(kW, {rows, sizes.inputs}), wb_),
                        {sizes.steps, sizes.batch, rows});
    h_ = state(kH0);
    if (kind.states == 2) {
      c_ = state(kC0);
      p_ = has(kP) ? part(kP, {3, sizes.hidden}) : ValueId{};
    }
  }

  void step(std::int64_t t) {
    const std::int64_t rows = kind_.gates * sizes_.hidden;
    const ValueId x = b_.reshape(slice(b_, from_x_, 0, t, t + 1), {sizes_.batch, rows});
    const ValueId h = h_, c = c_;
    kind_.gates == 4 ? lstm(x) : kind_.gates == 3 ? gru(x) : rnn(x);
    ValueId y = h_;
    if (has(kLengths)) {
      const ValueId time = b_.scalar(DType::kInt32, static_cast<double>(t));
      const ValueId counts =
          b_.reshape(b_.op("Less", {time, inputs_[kLengths]}), {sizes_.batch, 1});
      y = b_.op("Where", {counts, h_, b_.scalar(b_.dtype(h_), 0)});
      h_ = b_.op("Where", {counts, h_, h});
      c_ = c_.valid() ? b_.op("Where", {counts, c_, c}) : c_;
    }
    outputs_.resize(static_cast<std::size_t>(sizes_.steps));
    outputs_[static_cast<std::size_t>(t)] = b_.reshape(y, {1, 1, sizes_.batch, sizes_.hidden});
  }

  // [T, 1, N, H]
  ValueId y() const {
    if (outputs_.empty()) {
      return b_.expand(b_.scalar(b_.dtype(h_), 0), {0, 1, sizes_.batch, sizes_.hidden});
    }
    return b_.op("Concat", outputs_, {{"axis", std::int64_t{0}}});
  }
  // [1, N, H]
  ValueId last(int i) const {
    return b_.reshape(i == 0 ? h_ : c_, {1, sizes_.batch, sizes_.hidden});
  }

 private:
  bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i].valid(); }
  ValueId part(std::size_t i, const Shape& shape) {
    return b_.reshape(slice(b_, inputs_[i], 0, d_, d_ + 1), shape);
  }
  ValueId state(std::size_t i) {
    const Shape shape{sizes_.batch, sizes_.hidden};
    if (!has(i)) {
      return b_.expand(b_.scalar(b_.dtype(inputs_[kX]), 0), shape);
    }
    return b_.reshape(slice(b_, inputs_[i], sizes_.batch_first ? 1 : 0, d_, d_ + 1), shape);
  }
  ValueId linear(ValueId x, ValueId weight, ValueId bias) {
    const ValueId product = b_.op("MatMul", {x, b_.transpose(weight, {1, 0})});
    return bias.valid() ? b_.add(product, bias) : product;
  }
  ValueId gate(ValueId all, std::int64_t i) {
    return slice(b_, all, 1, i * sizes_.hidden, (i + 1) * sizes_.hidden);
  }
  ValueId function(int i, ValueId x) {
    return apply_clipped(static_cast<std::size_t>(d_ * kind_.functions + i), x, true);
  }
  ValueId apply_clipped(std::size_t i, ValueId x, bool clips) {
    if (clips && attrs_.has("clip")) {
      const double clip = attrs_.get_double("clip", 0);
      x = b_.op("Clip", {x}, {{"min", -clip}, {"max", clip}});
    }
    return apply(b_, std::get<Strings>(*attrs_.find("activations"))[i],
                 attrs_.get_doubles("alphas")[i], attrs_.get_doubles("betas")[i], x);
  }

  void rnn(ValueId x) { h_ = function(0, b_.add(x, linear(h_, r_, rb_))); }

  void gru(ValueId x) {
    const std::int64_t hidden = sizes_.hidden;
    const auto from_h = [&](ValueId h, std::int64_t first, std::int64_t last) {
      const ValueId bias =
          rb_.valid() ? slice(b_, rb_, 0, first * hidden, last * hidden) : ValueId{};
      return linear(h, slice(b_, r_, 0, first * hidden, last * hidden), bias);
    };
    const ValueId both = function(0, b_.add(slice(b_, x, 1, 0, 2 * hidden), from_h(h_, 0, 2)));
    const ValueId z = gate(both, 0), r = gate(both, 1);
    const ValueId state = attrs_.get_int("linear_before_reset", 0) != 0
                              ? b_.mul(r, from_h(h_, 2, 3))
                              : from_h(b_.mul(r, h_), 2, 3);
    const ValueId n = function(1, b_.add(gate(x, 2), state));
    h_ = b_.add(n, b_.mul(z, b_.sub(h_, n)));
  }

  void lstm(ValueId x) {
    const ValueId sums = b_.add(x, linear(h_, r_, rb_));
    const auto with_peephole = [&](std::int64_t i, ValueId c) {
      const ValueId sum = gate(sums, i);
      return p_.valid() ? b_.add(sum, b_.mul(slice(b_, p_, 0, i, i + 1), c)) : sum;
    };
    const ValueId i = function(0, with_peephole(0, c_));
    const ValueId forget = attrs_.get_int("input_forget", 0) != 0
                               ? b_.sub(b_.scalar(b_.dtype(i), 1), i)
                               : function(0, with_peephole(2, c_));
    c_ = b_.add(b_.mul(forget, c_), b_.mul(i, function(1, gate(sums, 3))));
    const ValueId o = function(0, with_peephole(1, c_));
    h_ = b_.mul(o, apply_clipped(static_cast<std::size_t>(d_ * kind_.functions + 2), c_, false));
  }

  Builder& b_;
  const Attrs attrs_;
  const Kind& kind_;
  const Sizes& sizes_;
  std::int64_t d_;
  const std::vector<ValueId>& inputs_;
  ValueId r_, wb_, rb_, p_, from_x_, h_, c_;
  std::vector<ValueId> outputs_;
};

// As many steps as the sequence has: what second derivatives are taken through.
std::vector<ValueId> expand_recurrent(Builder& b, const Node& node,
                                      const std::vector<ValueId>& inputs) {
  const Attrs attrs = node.attrs;
  const Kind kind = kind_of(node.op->name());
  const Sizes sizes = sizes_of(b.shape(inputs[kX]), b.shape(inputs[kR]), attrs);
  const ValueId x = sizes.batch_first ? b.transpose(inputs[kX], {1, 0, 2}) : inputs[kX];
  std::vector<std::vector<ValueId>> parts(static_cast<std::size_t>(1 + kind.states));
  const Node copy = node;  // adding nodes moves it
  for (std::int64_t d = 0; d < sizes.directions; ++d) {
    Unrolled direction(b, copy, kind, sizes, d, inputs, x);
    const bool reversed = d == 1 || attrs.get_string("direction", "") == "reverse";
    for (std::int64_t step = 0; step < sizes.steps; ++step) {
      direction.step(reversed ? sizes.steps - 1 - step : step);
    }
    parts[0].push_back(direction.y());
    for (int i = 0; i < kind.states; ++i) {
      parts[static_cast<std::size_t>(1 + i)].push_back(direction.last(i));
    }
  }
  std::vector<ValueId> outputs;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::int64_t axis = i == 0 ? 1 : 0;
    const ValueId joined = b.op("Concat", parts[i], {{"axis", axis}});
    outputs.push_back(!sizes.batch_first ? joined
                      : i == 0           ? b.transpose(joined, {2, 0, 1, 3})
                                         : b.transpose(joined, {1, 0, 2}));
  }
  return outputs;
}

// Each sample's step meets W and R once.
double recurrent_work(const Graph& graph, const Node& node) {
  const Shape& x = graph.value(node.inputs[kX]).shape;
  return 2 * static_cast<double>(x.count(0, 2)) *
         (element_count(graph, node.inputs[kW]) + element_count(graph, node.inputs[kR]));
}

// Y and the states have the batch along one axis only where it comes first.
int batch_of_recurrent(const BatchContext& c) {
  const int layout = c.number("layout");
  c.check(c.axis(kX) == 1 - layout && !c.axis(kW) && !c.axis(kR),
          "goes along the batch, or has weights of each sample");
  const std::vector<ValueId>& outputs = c.node().outputs;
  const bool states = std::any_of(outputs.begin() + 1, outputs.end(),
                                  [](ValueId output) { return output.valid(); });
  c.check(layout == 1 || !outputs[0].valid() || !states,
          "gives the batch along axis 2 of Y and axis 1 of its states");
  return layout == 1 ? 0 : states ? 1 : 2;
}

}  // namespace

void register_recurrent(OpRegistry& ops) {
  for (const char* name : {"LSTM", "GRU", "RNN"}) {
    const Kind kind = kind_of(name);
    const std::string grad_op = name + std::string("Grad");
    OpDef& op = ops.add(name);
    op.inputs(3, kind.inputs)
        .outputs(1, 1 + kind.states)
        .weight(kW, "weight")
        .weight(kR, "recurrent weight")
        .weight(kB, "bias")
        .batch(batch_of_recurrent)
        .work(recurrent_work)
        .infer(infer_recurrent)
        .gradient(recurrent_gradient)
        .expands(expand_recurrent)
        .gradient_op(grad_op)
        .precision(PrecisionClass::kLow);
    if (kind.inputs > kP) {
      op.weight(kP, "peepholes");
    }
    ops.add(grad_op)
        .inputs(kind.inputs + 1, kind.inputs + 1 + kind.states)
        .outputs(1, kind.inputs)
        .infer(infer_recurrent_grad)
        .precision(PrecisionClass::kLow)
        .internal();
  }
}

}  // namespace temper::graph
