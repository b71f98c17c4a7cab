// GPT-2 (Radford et al. 2019) in nanoGPT's form: LayerNorm in front of each branch, learned
// positions, one matrix for the tokens at both ends. Weights begin with N(0, 0.02), those that end
// a branch with N(0, 0.02 / sqrt(2 layers)).
#include <cmath>

#include "models/architecture_list.h"
#include "models/transformer_layers.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

constexpr double kDeviation = 0.02;

LinearOptions drawn(double deviation, bool bias = true) {
  return {bias, Init::normal(deviation), Init::constant(0)};
}

ValueId block(Network& n, ValueId x, ValueId mask, const Attrs& options) {
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t heads = options.get_int("heads", 0);
  const double share = options.get_double("dropout", 0);
  const double last = kDeviation / std::sqrt(2 * static_cast<double>(options.get_int("layers", 0)));
  const auto branch = [&](ValueId y) { return add(n, x, dropout(n, y, share)); };
  ValueId y = layer_norm(n, "ln_1", x, width);
  {
    const Scope scope(n, "attn");
    const auto qkv =
        split_last(n, linear_last(n, "c_attn", y, width, 3 * width, drawn(kDeviation)), 3);
    y = attention(n, qkv[0], qkv[1], qkv[2], {heads, heads, head_width_of(width, heads)}, mask);
    y = linear_last(n, "c_proj", y, width, width, drawn(last));
  }
  x = branch(y);
  y = layer_norm(n, "ln_2", x, width);
  {
    const Scope scope(n, "mlp");
    y = gelu(n, linear_last(n, "c_fc", y, width, 4 * width, drawn(kDeviation)), true);
    y = linear_last(n, "c_proj", y, 4 * width, width, drawn(last));
  }
  return branch(y);
}

void build(Network& n, const Attrs& options) {
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t vocabulary = options.get_int("vocabulary", 0);
  const std::vector<graph::Dim> text = {open_dim("batch"), open_dim("sequence")};
  const ValueId tokens = n.input("tokens", DType::kInt64, text);
  const ValueId mask = causal_mask(n, tokens);
  const Init init = Init::normal(kDeviation);
  const ValueId table = n.parameter("wte.weight", {vocabulary, width}, init);
  const ValueId place =
      embedding(n, "wpe", positions(n, tokens, 1), options.get_int("context", 0), width, init);
  ValueId x = add(n, n.op("Gather", {table, tokens}), place);
  x = dropout(n, x, options.get_double("dropout", 0));
  for (std::int64_t i = 0; i < options.get_int("layers", 0); ++i) {
    const Scope scope(n, concat("h.", i));
    x = block(n, x, mask, options);
  }
  x = layer_norm(n, "ln_f", x, width);
  const Scope scope(n, "lm_head");
  const ValueId weight =
      options.get_int("untied", 0) != 0 ? n.parameter("weight", {vocabulary, width}, init) : table;
  n.output("logits", n.op("MatMul", {x, transpose(n, weight, {1, 0})}),
           {text[0], text[1], fixed_dim(vocabulary)});
}

}  // namespace

Architecture gpt() {
  return {"gpt",
          "GPT-2: tokens [batch, sequence] to logits [batch, sequence, vocabulary]",
          {{"vocabulary", std::int64_t{256}, "tokens there are"},
           {"context", std::int64_t{256}, "longest sequence"},
           {"layers", std::int64_t{6}, "blocks"},
           {"heads", std::int64_t{6}, "attention heads"},
           {"width", std::int64_t{384}, "features of a position"},
           {"untied", std::int64_t{0}, "the last layer has weights of its own", 0, {}, true},
           dropout_option(0)},
          build};
}

}  // namespace temper::models
