// The programs of elementwise ops.
#include "backends/host/kernels/elementwise_ops.h"

#include <cmath>
#include <limits>

#include "runtime/base/concat.h"

namespace temper {
namespace {

using Read = Expression (*)(const Attrs&);

void add_row(std::vector<ElementwiseOp>& table, std::string_view op, Read read) {
  table.push_back({std::string(op), read});
}

template <Functor kFunctor>
void add_plain(std::vector<ElementwiseOp>& table, std::string_view op) {
  add_row(table, op, [](const Attrs&) { return single({kFunctor}); });
}

template <Functor kFunctor, Functor kGrad>
void add_pair(std::vector<ElementwiseOp>& table, const std::string& op) {
  add_plain<kFunctor>(table, op);
  add_plain<kGrad>(table, op + "Grad");
}

// An op with parameter `alpha`, in the absence of which it is kAlpha / 100, and its gradient.
template <Functor kFunctor, Functor kGrad, int kAlpha>
void add_alpha_pair(std::vector<ElementwiseOp>& table, const std::string& op) {
  add_row(table, op,
          [](const Attrs& a) { return single({kFunctor, a.get_double("alpha", kAlpha / 100.0)}); });
  add_row(table, op + "Grad",
          [](const Attrs& a) { return single({kGrad, a.get_double("alpha", kAlpha / 100.0)}); });
}

template <Functor kFunctor>
Expression hard_sigmoid(const Attrs& a) {
  return single({kFunctor, a.get_double("alpha", 0.2), a.get_double("beta", 0.5)});
}

// Elu is Selu without its factor. The attributes of both are there by inference.
template <Functor kFunctor>
Expression selu(const Attrs& a) {
  return single({kFunctor, a.get_double("alpha", 1), a.get_double("gamma", 1)});
}

template <Functor kPlain, Functor kTanh>
Expression gelu(const Attrs& a) {
  return single({a.get_string("approximate", "none") == "tanh" ? kTanh : kPlain});
}

// Bounds that are inputs make more inputs than the program has: such queries are refused.
template <Functor kFunctor>
Expression clip(const Attrs& a) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  return single({kFunctor, a.get_double("min", -kInfinity), a.get_double("max", kInfinity)});
}

// Bool tensors hold truth values, so the functors of numbers would do other than asked: Equal of
// bools is that of numbers.
void add_arithmetic(std::vector<ElementwiseOp>& table) {
  add_plain<Functor::kNeg>(table, "Neg");
  add_plain<Functor::kAbs>(table, "Abs");
  add_plain<Functor::kSign>(table, "Sign");
  add_plain<Functor::kSqrt>(table, "Sqrt");
  add_plain<Functor::kReciprocal>(table, "Reciprocal");
  add_plain<Functor::kExp>(table, "Exp");
  add_plain<Functor::kLog>(table, "Log");
  add_pair<Functor::kErf, Functor::kErfGrad>(table, "Erf");
  add_plain<Functor::kAdd>(table, "Add");
  add_plain<Functor::kSub>(table, "Sub");
  add_plain<Functor::kMul>(table, "Mul");
  add_plain<Functor::kDiv>(table, "Div");
  add_plain<Functor::kPow>(table, "Pow");
  add_plain<Functor::kMax>(table, "Max");
  add_plain<Functor::kMin>(table, "Min");
  add_plain<Functor::kMaxGrad>(table, "MaxGrad");
  add_plain<Functor::kMinGrad>(table, "MinGrad");
  add_row(table, "Clip", clip<Functor::kClip>);
  add_row(table, "ClipGrad", clip<Functor::kClipGrad>);
}

void add_choices(std::vector<ElementwiseOp>& table) {
  add_plain<Functor::kEqual>(table, "Equal");
  add_plain<Functor::kLess>(table, "Less");
  add_plain<Functor::kLessOrEqual>(table, "LessOrEqual");
  add_plain<Functor::kGreater>(table, "Greater");
  add_plain<Functor::kGreaterOrEqual>(table, "GreaterOrEqual");
  add_plain<Functor::kAnd>(table, "And");
  add_plain<Functor::kOr>(table, "Or");
  add_plain<Functor::kXor>(table, "Xor");
  add_plain<Functor::kNot>(table, "Not");
  add_plain<Functor::kWhere>(table, "Where");
}

void add_activations(std::vector<ElementwiseOp>& table) {
  add_pair<Functor::kRelu, Functor::kReluGrad>(table, "Relu");
  add_pair<Functor::kTanh, Functor::kTanhGrad>(table, "Tanh");
  add_pair<Functor::kSigmoid, Functor::kSigmoidGrad>(table, "Sigmoid");
  add_pair<Functor::kSoftplus, Functor::kSoftplusGrad>(table, "Softplus");
  add_pair<Functor::kHardSwish, Functor::kHardSwishGrad>(table, "HardSwish");
  add_alpha_pair<Functor::kLeakyRelu, Functor::kLeakyReluGrad, 1>(table, "LeakyRelu");
  add_alpha_pair<Functor::kCelu, Functor::kCeluGrad, 100>(table, "Celu");
  add_row(table, "HardSigmoid", hard_sigmoid<Functor::kHardSigmoid>);
  add_row(table, "HardSigmoidGrad", hard_sigmoid<Functor::kHardSigmoidGrad>);
  for (const char* op : {"Elu", "Selu"}) {
    add_row(table, op, selu<Functor::kSelu>);
    add_row(table, concat(op, "Grad"), selu<Functor::kSeluGrad>);
  }
  add_row(table, "Gelu", gelu<Functor::kGelu, Functor::kGeluTanh>);
  add_row(table, "GeluGrad", gelu<Functor::kGeluGrad, Functor::kGeluTanhGrad>);
}

bool is_number(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}

}  // namespace

const std::vector<ElementwiseOp>& elementwise_ops() {
  static const std::vector<ElementwiseOp> kOps = [] {
    std::vector<ElementwiseOp> ops;
    add_arithmetic(ops);
    add_choices(ops);
    add_activations(ops);
    add_row(ops, "FusedElementwise", expression_of);
    return ops;
  }();
  return kOps;
}

std::string refuse_types(const OpQuery& query, const Expression& expression) {
  const auto inputs = static_cast<std::size_t>(expression.inputs);
  if (query.inputs.size() < inputs || query.outputs.size() != expression.results.size()) {
    return "inputs are missing";
  }
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    const TensorSpec& input = query.inputs[i];
    if (input.present() != (i < inputs)) {
      return concat("takes ", inputs, " inputs");
    }
    if (input.present() && !is_number(input.dtype) && input.dtype != DType::kBool) {
      return concat("only f32, f16, bf16 and bool, not ", input.dtype);
    }
  }
  for (const Instruction& instruction : expression.code) {
    if (std::isnan(instruction.call.p) || std::isnan(instruction.call.q)) {
      return "a parameter is NaN";
    }
  }
  for (std::size_t r = 0; r < query.outputs.size(); ++r) {
    const TensorSpec& output = query.outputs[r];
    const bool is_truth = yields_truth(expression.made(expression.results[r]).call.functor);
    if (!output.present() || (is_truth ? output.dtype != DType::kBool : !is_number(output.dtype))) {
      return concat("output ", r, " is ", output.dtype);
    }
  }
  return {};
}

}  // namespace temper
