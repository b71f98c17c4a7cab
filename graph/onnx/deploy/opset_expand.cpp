// Operators that an older opset does not have, written in those that it has, of opset 7 where they
// can be.
#include <cmath>
#include <string>

#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_expansions.h"
#include "graph/onnx/onnx_types.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

// From opset 9 on the operator; before, x / |x| (1 - (a1 t + ... + a5 t^5) e^(-x^2)) with
// t = 1 / (1 + p |x|), Abramowitz and Stegun 7.1.26, which is within 1.5e-7.
std::string error_function(OpsetNode& n, const std::string& x, const std::string& like) {
  if (n.to() >= 9) {
    return n.emit("Erf", {x});
  }
  const std::string size = n.emit("Abs", {x});
  const std::string one = n.scalar(1, like);
  const std::string scaled = n.emit("Mul", {size, n.scalar(0.3275911, like)});
  const std::string t = n.emit("Div", {one, n.emit("Add", {scaled, one})});
  std::string sum = n.scalar(1.061405429, like);
  for (const double a : {-1.453152027, 1.421413741, -0.284496736, 0.254829592}) {
    sum = n.emit("Add", {n.emit("Mul", {sum, t}), n.scalar(a, like)});
  }
  const std::string exponential = n.emit("Exp", {n.emit("Neg", {n.emit("Mul", {x, x})})});
  const std::string tail = n.emit("Mul", {n.emit("Mul", {sum, t}), exponential});
  const std::string value = n.emit("Sub", {one, tail});
  const std::string sign = n.emit("Div", {x, n.emit("Add", {size, n.scalar(1e-30, like)})});
  return n.emit("Mul", {sign, value});
}

bool gelu(OpsetNode& n) {
  const wire::AttributeProto* approximate = find_attribute(n.node(), "approximate");
  const bool tanh = approximate != nullptr && approximate->s() == "tanh";
  const std::string x = n.input(0);
  std::string inner;
  if (tanh) {
    const std::string cube = n.emit("Mul", {n.emit("Mul", {x, x}), x});
    const std::string bent = n.emit("Add", {x, n.emit("Mul", {cube, n.scalar(0.044715, x)})});
    inner = n.emit("Tanh", {n.emit("Mul", {bent, n.scalar(std::sqrt(2 / M_PI), x)})});
  } else {
    inner = error_function(n, n.emit("Mul", {x, n.scalar(std::sqrt(0.5), x)}), x);
  }
  const std::string gate = n.emit("Add", {inner, n.scalar(1, x)});
  const std::string half = n.emit("Mul", {x, n.scalar(0.5, x)});
  n.replace_by(n.emit("Mul", {half, gate}));
  return true;
}

bool hard_swish(OpsetNode& n) {
  const std::string x = n.input(0);
  const std::string gate = n.emit("HardSigmoid", {x});
  set_float(n.emitted(), "alpha", 1.0f / 6);
  set_float(n.emitted(), "beta", 0.5f);
  n.replace_by(n.emit("Mul", {x, gate}));
  return true;
}

// x tanh(ln(1 + e^x))
bool mish(OpsetNode& n) {
  const std::string x = n.input(0);
  const std::string inner = n.emit("Tanh", {n.emit("Softplus", {x})});
  n.replace_by(n.emit("Mul", {x, inner}));
  return true;
}

bool swish(OpsetNode& n) {
  const wire::AttributeProto* alpha = find_attribute(n.node(), "alpha");
  const std::string x = n.input(0);
  const std::string inside =
      alpha == nullptr || alpha->f() == 1 ? x : n.emit("Mul", {x, n.scalar(alpha->f(), x)});
  const std::string gate = n.emit("Sigmoid", {inside});
  n.replace_by(n.emit("Mul", {x, gate}));
  return true;
}

// 0, 1, ... along a dimension of x, counted from the end, as a column or a row.
std::string places_along(OpsetNode& n, const std::string& shape, std::int64_t dimension) {
  const auto number = [&](std::int64_t value) {
    const std::string name = n.edit().unique(n.node().output(0) + "_number");
    n.edit().add_tensor(name,
                        Tensor::from<std::int64_t>(DType::kInt64, Shape{}, std::vector{value}), 7);
    return name;
  };
  const std::string size = n.emit("Gather", {shape, number(dimension)});
  const std::string range = n.emit("Range", {number(0), size, number(1)});
  const std::string form = n.edit().unique(range + "_form");
  n.edit().add_integers(
      form, dimension == -1 ? std::vector<std::int64_t>{1, -1} : std::vector<std::int64_t>{-1, 1});
  return n.emit("Reshape", {range, form});
}

// Where(column - row <= k, x, 0), or >= k.
void computed_triangle(OpsetNode& n, std::int64_t k) {
  const std::string x = n.input(0);
  const KnownValue* value = n.known(x);
  if (n.to() < 11 || value == nullptr || !is_float(value->dtype)) {
    n.refuse(
        "before opset 11, and of other types before 14, only the triangle of a stored tensor "
        "can be written");
    return;
  }
  const bool upper = int_attribute(n.node(), "upper", 1) != 0;
  const std::string shape = n.emit("Shape", {x});
  const std::string rows = places_along(n, shape, -2), columns = places_along(n, shape, -1);
  const std::string bound = n.edit().unique(shape + "_bound");
  n.edit().add_tensor(
      bound, Tensor::from<std::int64_t>(DType::kInt64, Shape{}, std::vector{upper ? k - 1 : k + 1}),
      7);
  const std::string distance = n.emit("Sub", {columns, rows});
  const std::string keeps = n.emit(upper ? "Greater" : "Less", {distance, bound});
  n.replace_by(n.emit("Where", {keeps, x, n.scalar(0, x)}));
}

// The lower or upper part: at once where it is stored, else by a mask.
bool triangle(OpsetNode& n) {
  const std::string x = n.input(0);
  const wire::TensorProto* stored = n.edit().find_tensor(x);
  const auto k = n.input(1).empty() ? std::vector<std::int64_t>{0} : n.whole_numbers(n.input(1));
  if (!k) {
    n.refuse("before opset 14 its diagonal cannot be computed");
    return true;
  }
  if (stored == nullptr || stored->dims_size() < 2) {
    computed_triangle(n, k->front());
    return true;
  }
  Tensor value = n.edit().read(x);
  const bool upper = int_attribute(n.node(), "upper", 1) != 0;
  std::vector<double> numbers = value.values<double>();
  const int rank = static_cast<int>(value.shape().rank());
  const std::int64_t rows = value.shape()[rank - 2], columns = value.shape()[rank - 1];
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto at = static_cast<std::int64_t>(i);
    const std::int64_t row = at / columns % rows, column = at % columns;
    const bool keeps = upper ? column - row >= k->front() : column - row <= k->front();
    numbers[i] = keeps ? numbers[i] : 0;
  }
  const std::string made = n.edit().unique(x + "_triangle");
  n.edit().add_tensor(made, Tensor::from<double>(value.dtype(), value.shape(), numbers),
                      stored->data_type());
  n.replace_by(n.emit("Identity", {made}));
  return true;
}

bool cast_to_type(OpsetNode& n) {
  const std::int32_t type = n.facts().type(n.input(1));
  if (type == 0) {
    n.refuse("before opset 15 the type that it casts to has to be known");
    return true;
  }
  n.replace_by(n.emit_cast(n.input(0), type));
  return true;
}

// y = x where x > alpha, else 0; of alpha >= 0 alone, as an infinite x times 0 is no number.
bool thresholded_relu(OpsetNode& n) {
  const wire::AttributeProto* alpha = find_attribute(n.node(), "alpha");
  const double bound = alpha == nullptr ? 1 : static_cast<double>(alpha->f());
  const std::string x = n.input(0);
  if (bound < 0) {
    n.refuse("before opset 10 it is written with Relu, which an alpha below 0 rules out");
    return true;
  }
  const std::string above = n.emit("Greater", {x, n.scalar(bound, x)});
  const std::string mask = n.emit_cast(above, n.float_type(x));
  n.replace_by(n.emit("Mul", {n.emit("Relu", {x}), mask}));
  return true;
}

// max(0, x) + min(0, alpha (e^(x / alpha) - 1)), with min(0, y) = -max(0, -y).
bool celu(OpsetNode& n) {
  const wire::AttributeProto* given = find_attribute(n.node(), "alpha");
  const double alpha = given == nullptr ? 1 : static_cast<double>(given->f());
  const std::string x = n.input(0);
  const std::string power = n.emit("Exp", {n.emit("Div", {x, n.scalar(alpha, x)})});
  const std::string below =
      n.emit("Mul", {n.emit("Sub", {n.scalar(1, x), power}), n.scalar(alpha, x)});
  n.replace_by(n.emit("Sub", {n.emit("Relu", {x}), n.emit("Relu", {below})}));
  return true;
}

// The nearest whole number; of two, the even one. What is infinite has no rest.
bool round_to_even(OpsetNode& n) {
  const std::string x = n.input(0);
  const std::int32_t type = n.float_type(x);
  const std::string low = n.emit("Floor", {x}), half = n.scalar(0.5, x);
  const std::string rest = n.emit("Sub", {x, low});
  const std::string pair =
      n.emit("Mul", {n.emit("Floor", {n.emit("Mul", {low, half})}), n.scalar(2, x)});
  const std::string odd = n.emit("Greater", {n.emit("Sub", {low, pair}), half});
  const std::string tie = n.emit(
      "Not", {n.emit("Or", {n.emit("Less", {rest, half}), n.emit("Greater", {rest, half})})});
  const std::string up = n.emit("Or", {n.emit("Greater", {rest, half}), n.emit("And", {tie, odd})});
  n.replace_by(n.emit("Add", {low, n.emit_cast(up, type)}));
  return true;
}

// 1 above 0, -1 below.
bool sign(OpsetNode& n) {
  const std::string x = n.input(0);
  const std::int32_t type = n.facts().type(x);
  if (!is_float(graph_dtype(type))) {
    n.refuse("before opset 9 only the sign of floats can be written");
    return true;
  }
  const std::string zero = n.number(0, type);
  const std::string above = n.emit_cast(n.emit("Greater", {x, zero}), type);
  const std::string below = n.emit_cast(n.emit("Less", {x, zero}), type);
  n.replace_by(n.emit("Sub", {above, below}));
  return true;
}

bool erf(OpsetNode& n) {
  n.replace_by(error_function(n, n.input(0), n.input(0)));
  return true;
}

struct Expansion {
  const char* op;
  std::int64_t since;
  Expand apply;
  bool computes = false;  // in float32, of 16 bits too, as the operator does
};

// A node that an expansion leaves to the rules for older forms may stand in several lines.
const Expansion kExpansions[] = {{"Attention", 23, attention, true},
                                 {"Gelu", 20, gelu, true},
                                 {"GroupNormalization", 21, group_normalization, true},
                                 {"LayerNormalization", 17, layer_normalization, true},
                                 {"RMSNormalization", 23, rms_normalization, true},
                                 {"HardSwish", 14, hard_swish, true},
                                 {"Mish", 18, mish, true},
                                 {"Swish", 24, swish, true},
                                 {"Celu", 12, celu, true},
                                 {"ThresholdedRelu", 10, thresholded_relu},
                                 {"Round", 11, round_to_even},
                                 {"Range", 11, range},
                                 {"Sign", 9, sign},
                                 {"Erf", 9, erf, true},
                                 {"GreaterOrEqual", 12, compare_or_equal},
                                 {"LessOrEqual", 12, compare_or_equal},
                                 {"Equal", 11, equal_numbers},
                                 {"Less", 9, compare_whole_numbers},
                                 {"Greater", 9, compare_whole_numbers},
                                 {"IsInf", 10, is_infinite},
                                 {"IsNaN", 9, is_nan},
                                 {"Where", 9, where},
                                 {"Slice", 10, slice_with_steps},
                                 {"Max", 8, same_shapes},
                                 {"Min", 8, same_shapes},
                                 {"Sum", 8, same_shapes},
                                 {"Mean", 8, same_shapes},
                                 {"CastLike", 15, cast_to_type},
                                 {"Trilu", 14, triangle},
                                 {"ConstantOfShape", 9, constant_of_shape},
                                 {"Expand", 8, expand_to_shape}};

}  // namespace

bool expand_node(OpsetNode& node) {
  for (const Expansion& expansion : kExpansions) {
    if (node.node().op_type() == expansion.op && node.from() >= expansion.since &&
        node.to() < expansion.since) {
      if (expansion.computes) {
        node.widen();
      }
      return expansion.apply(node);
    }
  }
  return false;
}

}  // namespace temper::graph
