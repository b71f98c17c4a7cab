// DynamicQuantizeLSTM of com.microsoft: an LSTM whose weights are 8-bit integers, W [d, I, 4H] and
// R [d, H, 4H], and which rounds what it multiplies them with to 8 bits: all of X by its range, and
// h at each step by that of the step. Written as its steps, with the weights as floats and a
// QuantizeDequantize before each product, whose gradient goes straight through.
#include <algorithm>

#include "graph/ops/composite.h"
#include "graph/ops/recurrent_steps.h"

namespace temper::graph {
namespace {

using enum recurrent::Input;
constexpr std::size_t kWScale = 8, kRScale = 10;  // the zero points stand behind them

// [d, 4H, K] of what the file has as [d, K, 4H]. One scale for all, for each direction, or for each
// column of it.
ValueId real_weight(Builder& b, const std::vector<ValueId>& inputs, std::size_t weight,
                    std::size_t scale) {
  const Shape shape = b.shape(inputs[weight]);
  expect(shape.rank() == 3, "input ", weight, " has the shape ", shape,
         ", expected three dimensions");
  const ValueId factor = given(inputs, scale);
  const ValueId zero = given(inputs, scale + 1);
  expect(factor.valid(), "input ", scale, ", a scale, is missing");
  const auto spread = [&](ValueId x) {
    const Shape from = b.shape(x);
    const std::int64_t count = from.element_count();
    expect(from.rank() <= 2 && (count == 1 || count == shape[0] || count == shape[0] * shape[2]),
           "the scale or zero point of input ", weight, " has the shape ", from,
           ", expected one number, [", shape[0], "] or ", Shape{shape[0], shape[2]});
    return b.reshape(x, count == 1          ? Shape{}
                        : count == shape[0] ? Shape{shape[0], 1, 1}
                                            : Shape{shape[0], 1, shape[2]});
  };
  ValueId value = b.cast(inputs[weight], b.dtype(factor));
  if (zero.valid()) {
    value = b.sub(value, spread(b.cast(zero, b.dtype(factor))));
  }
  return b.transpose(b.mul(value, spread(factor)), {0, 2, 1});
}

// What Unrolled reads: the activations with their parameters, which LSTM's shape rule fills in.
Attrs with_activations(const Node& node, const recurrent::Kind& kind, std::int64_t directions) {
  Attrs attrs = node.attrs;
  support(!attrs.has("activation_alpha") && !attrs.has("activation_beta"),
          "activation_alpha and activation_beta are not supported");
  const auto wanted = static_cast<std::size_t>(directions * kind.functions);
  recurrent::Strings names;
  if (const AttrValue* own = attrs.find("activations")) {
    expect(std::holds_alternative<recurrent::Strings>(*own), "activations is no list of names");
    names = std::get<recurrent::Strings>(*own);
  }
  for (std::int64_t d = 0; names.size() < wanted && d < directions; ++d) {
    names.insert(names.end(), kind.defaults.begin(), kind.defaults.end());
  }
  expect(names.size() == wanted, "activations has ", names.size(), " entries, expected ", wanted);
  for (const std::string& name : names) {
    const bool plain = name == "Sigmoid" || name == "Tanh" || name == "Relu" || name == "Softsign";
    support(plain, "the activation ", name, " is not supported");
  }
  attrs.set("activations", names);
  attrs.set("alphas", std::vector<double>(wanted, 0));
  attrs.set("betas", std::vector<double>(wanted, 0));
  return attrs;
}

std::vector<ValueId> expand_quantized_lstm(Builder& b, const Node& node,
                                           const std::vector<ValueId>& inputs) {
  const recurrent::Kind kind = recurrent::kind_of("LSTM");
  const std::string direction = node.attrs.get_string("direction", "forward");
  support(!given(inputs, kLengths).valid(), "sequence_lens is not supported");
  std::vector<ValueId> own = inputs;
  own.resize(kP + 1);
  own[kX] = recurrent::rounded(b, inputs[kX]);
  own[kW] = real_weight(b, inputs, kW, kWScale);
  own[kR] = real_weight(b, inputs, kR, kRScale);
  const Shape x = b.shape(own[kX]), w = b.shape(own[kW]), r = b.shape(own[kR]);
  const std::int64_t directions = direction == "bidirectional" ? 2 : 1;
  expect(x.rank() == 3 && w == Shape({directions, 4 * r[2], x[2]}) &&
             r == Shape({directions, 4 * r[2], r[2]}),
         "X, W and R have the shapes ", x, ", ", b.shape(inputs[kW]), " and ", b.shape(inputs[kR]),
         ", which do not fit ", directions, " directions");
  Node lstm = node;
  lstm.attrs = with_activations(node, kind, directions);
  lstm.attrs.set("layout", std::int64_t{0});
  return recurrent::unroll(b, lstm, kind, own, true);
}

// As LSTM's, but for what its rounding shares: all samples of a batch have one range.
int batch_of_quantized_lstm(const BatchContext& c) {
  c.check(false, "quantises all samples of the batch by one range");
  return 0;
}

}  // namespace

void register_quantized_lstm(OpRegistry& ops) {
  add_composite(ops, "DynamicQuantizeLSTM", expand_quantized_lstm)
      .inputs(3, 12)
      .outputs(1, 3)
      .weight(kB, "bias")
      .weight(kP, "peepholes")
      .keeps_states({kH0, kC0}, {1, 2})
      .batch(batch_of_quantized_lstm);
}

}  // namespace temper::graph
