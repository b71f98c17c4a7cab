// Products of com.microsoft with what onnxruntime fuses into them: FusedMatMul (factor and
// transposes), FusedGemm and FusedConv (activation, addend).
#include <algorithm>
#include <map>
#include <numeric>

#include "graph/ops/composite.h"

namespace temper::graph {
namespace {

// The inner attributes that the op shares with the one of ONNX that it contains.
Attrs without(const Attrs& attrs, std::initializer_list<std::string_view> names) {
  Attrs kept = attrs;
  for (const std::string_view name : names) {
    kept.erase(name);
  }
  return kept;
}

std::vector<double> activation_numbers(const Attrs& attrs) {
  std::vector<double> numbers = attrs.get_doubles("activation_params");
  for (const char* name : {"activation_alpha", "activation_beta", "activation_gamma"}) {
    if (attrs.has(name)) {
      numbers.push_back(attrs.get_double(name, 0));
    }
  }
  return numbers;
}

// With `batch` the first axis goes behind the others of the batch, with `matrix` the last two are
// exchanged; a vector stays as it is.
ValueId arranged(Builder& b, ValueId x, bool batch, bool matrix) {
  const int rank = b.shape(x).rank();
  if (rank < 2 || (!batch && !matrix)) {
    return x;
  }
  std::vector<std::int64_t> perm(static_cast<std::size_t>(rank));
  std::iota(perm.begin(), perm.end(), 0);
  if (batch) {
    expect(rank > 2, "the batch of a matrix of shape ", b.shape(x), " is to be transposed");
    std::rotate(perm.begin(), perm.begin() + 1, perm.end() - 1);
  }
  if (matrix) {
    std::swap(perm[perm.size() - 1], perm[perm.size() - 2]);
  }
  return b.transpose(x, perm);
}

// An activation by its name and the numbers that are attributes or, of Clip, inputs; "" is none.
ValueId activated(Builder& b, ValueId x, const Attrs& attrs) {
  const std::string name = attrs.get_string("activation", "");
  if (name.empty()) {
    return x;
  }
  static const std::map<std::string, std::vector<const char*>> known = {
      {"Relu", {}},
      {"Tanh", {}},
      {"Sigmoid", {}},
      {"Softplus", {}},
      {"Softsign", {}},
      {"HardSwish", {}},
      {"LeakyRelu", {"alpha"}},
      {"Elu", {"alpha"}},
      {"HardSigmoid", {"alpha", "beta"}},
      {"Clip", {"min", "max"}}};
  const auto found = known.find(name);
  support(found != known.end(), "the fused activation ", name, " is not supported");
  const std::vector<double> numbers = activation_numbers(attrs);
  std::vector<ValueId> inputs{x};
  Attrs own;
  for (std::size_t i = 0; i < std::min(numbers.size(), found->second.size()); ++i) {
    if (name == "Clip") {
      inputs.push_back(b.scalar(b.dtype(x), numbers[i]));
    } else {
      own.set(found->second[i], numbers[i]);
    }
  }
  return b.op(name, std::move(inputs), std::move(own));
}

// y = alpha A' B'
std::vector<ValueId> expand_fused_matmul(Builder& b, const Node& node,
                                         const std::vector<ValueId>& inputs) {
  const auto is_set = [&](const char* name) { return node.attrs.get_int(name, 0) != 0; };
  const ValueId y =
      b.op("MatMul", {arranged(b, inputs[0], is_set("transBatchA"), is_set("transA")),
                      arranged(b, inputs[1], is_set("transBatchB"), is_set("transB"))});
  const double alpha = node.attrs.get_double("alpha", 1);
  return {alpha == 1 ? y : b.scale(y, alpha)};
}

// y = f(alpha A' B' + beta C)
std::vector<ValueId> expand_fused_gemm(Builder& b, const Node& node,
                                       const std::vector<ValueId>& inputs) {
  const Attrs attrs = without(
      node.attrs, {"activation", "activation_alpha", "activation_beta", "activation_gamma"});
  return {activated(b, b.op("Gemm", inputs, attrs), node.attrs)};
}

// y = f(conv(x, weight) + bias + z)
std::vector<ValueId> expand_fused_conv(Builder& b, const Node& node,
                                       const std::vector<ValueId>& inputs) {
  std::vector<ValueId> own = inputs;
  own.resize(std::min<std::size_t>(own.size(), 3));
  ValueId y = b.op("Conv", own, without(node.attrs, {"activation", "activation_params"}));
  if (const ValueId z = given(inputs, 3); z.valid()) {
    y = b.add(y, z);
  }
  return {activated(b, y, node.attrs)};
}

}  // namespace

void register_fused_product(OpRegistry& ops) {
  add_composite(ops, "FusedMatMul", expand_fused_matmul)
      .inputs(2, 2)
      .weight(0, "weight")
      .weight(1, "weight")
      .is_linear(Linear::kMatrix, "transB");
  add_composite(ops, "FusedGemm", expand_fused_gemm)
      .inputs(2, 3)
      .weight(0, "weight")
      .weight(1, "weight")
      .bias(2, "bias")
      .is_linear(Linear::kMatrix, "transB");
  add_composite(ops, "FusedConv", expand_fused_conv)
      .inputs(2, 4)
      .weight(1, "weight")
      .weight(2, "bias")
      .is_linear(Linear::kConvolution);
}

}  // namespace temper::graph
