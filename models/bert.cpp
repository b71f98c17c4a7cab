// BERT (Devlin et al. 2018), names and initialisation of transformers'
// BertForSequenceClassification and BertForMaskedLM: LayerNorm behind each branch, weights from
// N(0, 0.02), biases 0.
#include "models/architecture_list.h"
#include "models/transformer_layers.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

constexpr double kEpsilon = 1e-12;
const LinearOptions kLinear = {true, Init::normal(0.02), Init::constant(0)};

struct Tokens {
  ValueId ids, mask, types;  // types: invalid where there are none
};

ValueId embeddings(Network& n, const Tokens& tokens, const Attrs& options) {
  const Scope scope(n, "embeddings");
  const std::int64_t width = options.get_int("width", 0);
  const Init init = Init::normal(0.02);
  ValueId x =
      embedding(n, "word_embeddings", tokens.ids, options.get_int("vocabulary", 0), width, init);
  if (tokens.types.valid()) {
    x = add(n, x,
            embedding(n, "token_type_embeddings", tokens.types, options.get_int("token-types", 0),
                      width, init));
  }
  x = add(n, x,
          embedding(n, "position_embeddings", positions(n, tokens.ids, 1),
                    options.get_int("context", 0), width, init));
  return dropout(n, layer_norm(n, "LayerNorm", x, width, kEpsilon),
                 options.get_double("dropout", 0));
}

// 0 where attention_mask is 1, the lowest float where it is 0: [batch, 1, 1, sequence].
ValueId additive_mask(Network& n, ValueId mask) {
  const Scope scope(n, "mask");
  const ValueId hidden = n.op("Equal", {mask, n.whole(0)});
  return unsqueeze(n, n.op("Where", {hidden, n.number(kForbidden), n.number(0)}), {1, 2});
}

ValueId layer(Network& n, ValueId x, ValueId mask, const Attrs& options) {
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t heads = options.get_int("heads", 0);
  const std::int64_t hidden = options.get_int("mlp", 0);
  const double share = options.get_double("dropout", 0);
  ValueId y;
  {
    const Scope scope(n, "attention");
    {
      const Scope self(n, "self");
      const ValueId q = linear_last(n, "query", x, width, width, kLinear);
      const ValueId k = linear_last(n, "key", x, width, width, kLinear);
      const ValueId v = linear_last(n, "value", x, width, width, kLinear);
      y = attention(n, q, k, v, {heads, heads, head_width_of(width, heads)}, mask);
    }
    y = dropout(n, linear_last(n, "output.dense", y, width, width, kLinear), share);
    x = layer_norm(n, "output.LayerNorm", add(n, y, x), width, kEpsilon);
  }
  y = gelu(n, linear_last(n, "intermediate.dense", x, width, hidden, kLinear));
  y = dropout(n, linear_last(n, "output.dense", y, hidden, width, kLinear), share);
  return layer_norm(n, "output.LayerNorm", add(n, y, x), width, kEpsilon);
}

ValueId encoder(Network& n, const Tokens& tokens, const Attrs& options) {
  ValueId x = embeddings(n, tokens, options);
  const ValueId mask = additive_mask(n, tokens.mask);
  for (std::int64_t i = 0; i < options.get_int("layers", 0); ++i) {
    const Scope scope(n, concat("encoder.layer.", i));
    x = layer(n, x, mask, options);
  }
  return x;
}

// The scores of each token are products with its embedding.
void masked_lm_head(Network& n, ValueId x, const Attrs& options,
                    const std::vector<graph::Dim>& text) {
  const Scope scope(n, "cls.predictions");
  const std::int64_t width = options.get_int("width", 0);
  const std::int64_t vocabulary = options.get_int("vocabulary", 0);
  x = gelu(n, linear_last(n, "transform.dense", x, width, width, kLinear));
  x = layer_norm(n, "transform.LayerNorm", x, width, kEpsilon);
  const ValueId table = n.existing("bert.embeddings.word_embeddings.weight");
  const ValueId scores = n.op("MatMul", {x, transpose(n, table, {1, 0})});
  n.output("logits", add(n, scores, n.parameter("bias", {vocabulary}, Init::constant(0))),
           {text[0], text[1], fixed_dim(vocabulary)});
}

void build(Network& n, const Attrs& options) {
  const std::int64_t width = options.get_int("width", 0);
  const std::vector<graph::Dim> text = {open_dim("batch"), open_dim("sequence")};
  Tokens tokens;
  tokens.ids = n.input("input_ids", DType::kInt64, text);
  tokens.mask = n.input("attention_mask", DType::kInt64, text);
  if (options.get_int("token-types", 0) > 0) {
    tokens.types = n.input("token_type_ids", DType::kInt64, text);
  }
  ValueId x;
  {
    const Scope scope(n, "bert");
    x = encoder(n, tokens, options);
    if (options.get_string("head", "") == "classify") {
      x = n.op("Tanh", {linear(n, "pooler.dense", pick(n, x, 1, 0), width, width, kLinear)});
    }
  }
  if (options.get_string("head", "") == "masked-lm") {
    return masked_lm_head(n, x, options, text);
  }
  x = dropout(n, x, options.get_double("dropout", 0));
  class_output(n, linear(n, "classifier", x, width, options.get_int("classes", 0), kLinear),
               options);
}

}  // namespace

Architecture bert() {
  return {"bert",
          "BERT: tokens and their mask [batch, sequence] to logits; defaults as BERT-mini",
          {{"head",
            std::string("classify"),
            "logits [batch, classes], or of every token",
            1,
            {"classify", "masked-lm"}},
           classes_option(2),
           {"vocabulary", std::int64_t{30522}, "tokens there are"},
           {"context", std::int64_t{512}, "longest sequence"},
           {"token-types", std::int64_t{2},
            "segments that token_type_ids tells apart; 0: no such "
            "input",
            0},
           {"layers", std::int64_t{4}, "blocks"},
           {"heads", std::int64_t{4}, "attention heads"},
           {"width", std::int64_t{256}, "features of a position"},
           {"mlp", std::int64_t{1024}, "width inside a block's perceptron"},
           dropout_option(0.1)},
          build};
}

}  // namespace temper::models
