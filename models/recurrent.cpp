// LSTM and GRU over a sequence, with a linear layer behind: of the last step, or of each.
#include <cmath>

#include "models/architecture_list.h"
#include "models/layers.h"

namespace temper::models {
namespace {

using Scope = Network::Scope;

enum class Cell { kLstm, kGru };

// One layer over [steps, batch, inputs], which is how ONNX has sequences:
// [steps, batch, directions * hidden].
ValueId layer(Network& n, Cell cell, ValueId x, std::int64_t inputs, std::int64_t hidden,
              std::int64_t directions) {
  const Init init = Init::uniform(1 / std::sqrt(static_cast<double>(hidden)));
  const std::int64_t rows = (cell == Cell::kLstm ? 4 : 3) * hidden;
  const ValueId weight = n.parameter("weight_ih", {directions, rows, inputs}, init);
  const ValueId recurrent = n.parameter("weight_hh", {directions, rows, hidden}, init);
  const ValueId bias = n.parameter("bias", {directions, 2 * rows}, init);
  Attrs attrs = {{"hidden_size", hidden},
                 {"direction", directions == 2 ? "bidirectional" : "forward"}};
  if (cell == Cell::kGru) {
    attrs.set("linear_before_reset", std::int64_t{1});  // as PyTorch's
  }
  const std::vector<ValueId> operands = {x, weight, recurrent, bias};
  const ValueId y =
      cell == Cell::kLstm ? n.op("LSTM", operands, attrs) : n.op("GRU", operands, attrs);
  // [steps, directions, batch, hidden]
  return directions == 1 ? n.op("Squeeze", {y, n.ints({1})})
                         : reshape(n, transpose(n, y, {0, 2, 1, 3}), {0, 0, 2 * hidden});
}

void build(Network& n, const Attrs& options, Cell cell) {
  const std::vector<graph::Dim> text = {open_dim("batch"), open_dim("sequence")};
  const std::int64_t vocabulary = options.get_int("vocabulary", 0);
  const std::int64_t hidden = options.get_int("hidden", 0);
  const std::int64_t directions = options.get_int("bidirectional", 0) + 1;
  std::int64_t width = options.get_int("features", 0);
  ValueId x;
  if (vocabulary > 0) {
    x = embedding(n, "embedding", n.input("tokens", DType::kInt64, text), vocabulary, width);
  } else {
    x = n.input("input", DType::kFloat32, {text[0], text[1], fixed_dim(width)});
  }
  x = transpose(n, x, {1, 0, 2});
  for (std::int64_t i = 0; i < options.get_int("layers", 0); ++i) {
    x = i == 0 ? x : dropout(n, x, options.get_double("dropout", 0));
    const Scope scope(n, concat("layers.", i));
    x = layer(n, cell, x, width, hidden, directions);
    width = directions * hidden;
  }
  const std::int64_t outputs = options.get_int("outputs", 0);
  if (options.get_string("output", "") == "last") {
    n.output("output", linear(n, "head", pick(n, x, 0, -1), width, outputs),
             {text[0], fixed_dim(outputs)});
  } else {
    n.output("output", linear_last(n, "head", transpose(n, x, {1, 0, 2}), width, outputs),
             {text[0], text[1], fixed_dim(outputs)});
  }
}

void build_lstm(Network& n, const Attrs& options) { build(n, options, Cell::kLstm); }
void build_gru(Network& n, const Attrs& options) { build(n, options, Cell::kGru); }

}  // namespace

std::vector<Architecture> recurrent_networks() {
  const std::vector<ModelOption> options = {
      {"features", std::int64_t{8}, "numbers of a step; with --vocabulary, width of a token"},
      {"vocabulary", std::int64_t{0}, "tokens there are; 0: steps are numbers, not tokens", 0},
      {"hidden", std::int64_t{128}, "width of each layer"},
      {"layers", std::int64_t{1}, "one upon the other"},
      {"bidirectional", std::int64_t{0}, "layers that also go backwards", 0, {}, true},
      {"output", std::string("last"), "of the last step, or of each", 1, {"last", "each"}},
      {"outputs", std::int64_t{1}, "classes, or values to predict"},
      {"dropout", 0.0, "share that training drops between layers"}};
  const std::string what = "input [batch, sequence, features] to output [batch, outputs]";
  return {{"lstm", concat("LSTM: ", what), options, build_lstm},
          {"gru", concat("GRU: ", what), options, build_gru}};
}

}  // namespace temper::models
