// Llama (Touvron et al. 2023), names of transformers' LlamaForCausalLM: RMSNorm, rotary positions,
// SwiGLU, grouped-query attention, no biases. All weights begin with N(0, 0.02).
#include <cmath>

#include "models/architecture_list.h"
#include "models/transformer_layers.h"
#include "runtime/base/error.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

constexpr double kEpsilon = 1e-5;
constexpr double kRotaryBase = 10000;
const LinearOptions kLinear = {false, Init::normal(0.02), {}};

// Of each position and frequency: [sequence, head_width / 2].
struct Angles {
  ValueId cosines, sines;
};

// base^(-2 i / head_width) of pair i.
Angles angles_of(Network& n, ValueId tokens, std::int64_t head_width) {
  const Scope scope(n, "rotary");
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i < head_width; i += 2) {
    frequencies.push_back(static_cast<float>(
        std::pow(kRotaryBase, -static_cast<double>(i) / static_cast<double>(head_width))));
  }
  const ValueId at = n.op("Cast", {positions(n, tokens, 1)}, {{"to", std::int64_t{1}}});
  const ValueId angles =
      mul(n, unsqueeze(n, at, {1}), n.constant("inv_freq", {head_width / 2}, frequencies));
  return {n.op("Cos", {angles}), n.op("Sin", {angles})};
}

// x [batch, heads, positions, head_width]: feature i of the first half and feature i of the second
// are a point, which is turned by its angle.
ValueId turned(Network& n, ValueId x, const Angles& angles) {
  const Scope scope(n, "rotary");
  const std::vector<ValueId> half = split_last(n, x, 2);
  const ValueId first =
      n.op("Sub", {mul(n, half[0], angles.cosines), mul(n, half[1], angles.sines)});
  const ValueId second = add(n, mul(n, half[1], angles.cosines), mul(n, half[0], angles.sines));
  return concat_along(n, {first, second}, -1);
}

ValueId self_attention(Network& n, ValueId x, ValueId mask, const Angles& angles,
                       const Attrs& options) {
  const Scope scope(n, "self_attn");
  const std::int64_t width = options.get_int("width", 0);
  const AttentionSizes sizes = {options.get_int("heads", 0), options.get_int("kv-heads", 0),
                                width / options.get_int("heads", 0)};
  const std::int64_t shared = sizes.groups * sizes.head_width;
  const ValueId q = split_heads(n, linear_last(n, "q_proj", x, width, width, kLinear), sizes.heads,
                                sizes.head_width);
  const ValueId k = split_heads(n, linear_last(n, "k_proj", x, width, shared, kLinear),
                                sizes.groups, sizes.head_width);
  const ValueId v = linear_last(n, "v_proj", x, width, shared, kLinear);
  const ValueId y =
      attention_of_heads(n, turned(n, q, angles), turned(n, k, angles), v, sizes, mask);
  return linear_last(n, "o_proj", y, width, width, kLinear);
}

ValueId block(Network& n, ValueId x, ValueId mask, const Angles& angles, const Attrs& options) {
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t hidden = options.get_int("mlp", 0);
  ValueId y = rms_norm(n, "input_layernorm", x, width, kEpsilon);
  x = add(n, x, self_attention(n, y, mask, angles, options));
  y = rms_norm(n, "post_attention_layernorm", x, width, kEpsilon);
  const Scope scope(n, "mlp");
  const ValueId gate = silu(n, linear_last(n, "gate_proj", y, width, hidden, kLinear));
  y = mul(n, gate, linear_last(n, "up_proj", y, width, hidden, kLinear));
  return add(n, x, linear_last(n, "down_proj", y, hidden, width, kLinear));
}

void check(const Attrs& options) {
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t heads = options.get_int("heads", 0);
  const std::int64_t groups = options.get_int("kv-heads", 0);
  TEMPER_CHECK(width % heads == 0 && width / heads % 2 == 0, ErrorCode::kInvalidArgument, "width ",
               width, " divided by heads ", heads, " must be an even number");
  TEMPER_CHECK(heads % groups == 0, ErrorCode::kInvalidArgument, "heads ", heads,
               " is no multiple of kv-heads ", groups);
}

void build(Network& n, const Attrs& options) {
  check(options);
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t vocabulary = options.get_int("vocabulary", 0);
  const std::vector<graph::Dim> text = {open_dim("batch"), open_dim("sequence")};
  const ValueId tokens = n.input("tokens", DType::kInt64, text);
  const ValueId mask = causal_mask(n, tokens);
  const Angles angles = angles_of(n, tokens, width / options.get_int("heads", 0));
  const Init init = Init::normal(0.02);
  ValueId x, table;
  {
    const Scope scope(n, "model");
    table = n.parameter("embed_tokens.weight", {vocabulary, width}, init);
    x = n.op("Gather", {table, tokens});
    for (std::int64_t i = 0; i < options.get_int("layers", 0); ++i) {
      const Scope layer(n, concat("layers.", i));
      x = block(n, x, mask, angles, options);
    }
    x = rms_norm(n, "norm", x, width, kEpsilon);
  }
  const Scope scope(n, "lm_head");
  const bool own = options.get_int("untied", 0) != 0;
  const ValueId weight = own ? n.parameter("weight", {vocabulary, width}, init) : table;
  n.output("logits", n.op("MatMul", {x, transpose(n, weight, {1, 0})}),
           {text[0], text[1], fixed_dim(vocabulary)});
}

}  // namespace

Architecture llama() {
  return {"llama",
          "Llama: tokens [batch, sequence] to logits [batch, sequence, vocabulary]; defaults as "
          "stories15M",
          {{"vocabulary", std::int64_t{32000}, "tokens there are"},
           {"layers", std::int64_t{6}, "blocks"},
           {"heads", std::int64_t{6}, "attention heads"},
           {"kv-heads", std::int64_t{6}, "heads of keys and values; fewer share them in groups"},
           {"width", std::int64_t{288}, "features of a position"},
           {"mlp", std::int64_t{768}, "width inside a block's perceptron"},
           {"untied", std::int64_t{0}, "the last layer has weights of its own", 0, {}, true}},
          build};
}

}  // namespace temper::models
