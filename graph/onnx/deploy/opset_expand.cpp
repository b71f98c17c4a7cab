// Operators that an older opset does not have, written in those that it has, of opset 7 where they
// can be.
#include <cmath>

#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_node.h"
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

void gelu(OpsetNode& n) {
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
}

// (x - mean) / sqrt(var + eps) * scale + bias over the axes from `axis` on.
void layer_normalization(OpsetNode& n) {
  const std::string x = n.input(0);
  const auto rank = n.rank(x);
  std::int64_t axis = int_attribute(n.node(), "axis", -1);
  if (n.node().output_size() > 1) {
    n.refuse("its mean and deviation are read");
    return;
  }
  if (!rank && axis != -1) {
    n.refuse("the rank of its input is not known");
    return;
  }
  std::vector<std::int64_t> axes;
  if (!rank) {
    axes = {-1};
  } else {
    for (std::int64_t i = axis < 0 ? axis + *rank : axis; i < *rank; ++i) {
      axes.push_back(i);
    }
  }
  const wire::AttributeProto* given = find_attribute(n.node(), "epsilon");
  const double epsilon = given == nullptr ? 1e-5f : given->f();
  const auto mean_of = [&](const std::string& value) {
    const std::string mean = n.emit("ReduceMean", {value});
    set_ints(n.emitted(), "axes", axes);
    set_int(n.emitted(), "keepdims", 1);
    return mean;
  };
  const std::string centred = n.emit("Sub", {x, mean_of(x)});
  const std::string variance = mean_of(n.emit("Mul", {centred, centred}));
  const std::string deviation = n.emit("Sqrt", {n.emit("Add", {variance, n.scalar(epsilon, x)})});
  std::string value = n.emit("Div", {centred, deviation});
  value = n.emit("Mul", {value, n.input(1)});
  if (!n.input(2).empty()) {
    value = n.emit("Add", {value, n.input(2)});
  }
  n.replace_by(value);
}

void hard_swish(OpsetNode& n) {
  const std::string x = n.input(0);
  const std::string gate = n.emit("HardSigmoid", {x});
  set_float(n.emitted(), "alpha", 1.0f / 6);
  set_float(n.emitted(), "beta", 0.5f);
  n.replace_by(n.emit("Mul", {x, gate}));
}

// x tanh(ln(1 + e^x))
void mish(OpsetNode& n) {
  const std::string x = n.input(0);
  const std::string inner = n.emit("Tanh", {n.emit("Softplus", {x})});
  n.replace_by(n.emit("Mul", {x, inner}));
}

void swish(OpsetNode& n) {
  const wire::AttributeProto* alpha = find_attribute(n.node(), "alpha");
  const std::string x = n.input(0);
  const std::string inside =
      alpha == nullptr || alpha->f() == 1 ? x : n.emit("Mul", {x, n.scalar(alpha->f(), x)});
  const std::string gate = n.emit("Sigmoid", {inside});
  n.replace_by(n.emit("Mul", {x, gate}));
}

void not_the_reverse(OpsetNode& n) {
  const std::string op = n.node().op_type() == "GreaterOrEqual" ? "Less" : "Greater";
  n.refuse(concat("before opset 12 there is only ", op, ", which is otherwise for NaN"));
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
void triangle(OpsetNode& n) {
  const std::string x = n.input(0);
  const wire::TensorProto* stored = n.edit().find_tensor(x);
  const auto k = n.input(1).empty() ? std::vector<std::int64_t>{0} : n.whole_numbers(n.input(1));
  if (!k) {
    n.refuse("before opset 14 its diagonal cannot be computed");
    return;
  }
  if (stored == nullptr || stored->dims_size() < 2) {
    computed_triangle(n, k->front());
    return;
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
}

void cast_to_type(OpsetNode& n) {
  const KnownValue* like = n.known(n.input(1));
  const wire::TensorProto* stored = n.edit().find_tensor(n.input(1));
  const bool floats = like != nullptr && is_float(like->dtype);
  if (stored == nullptr && !floats) {
    n.refuse("before opset 15 the type that it casts to has to be known");
    return;
  }
  const std::string value = n.emit("Cast", {n.input(0)});
  set_int(n.emitted(), "to", n.float_type(n.input(1)));
  n.replace_by(value);
}

// One stored number as often as the shape says.
void tile_one(OpsetNode& n) {
  const wire::TensorProto* stored = n.edit().find_tensor(n.input(0));
  const KnownValue* value = n.known(n.node().output(0));
  if (stored == nullptr || value == nullptr || n.edit().header(n.input(0)).elements != 1) {
    n.refuse("before opset 8 only a stored number can be repeated");
    return;
  }
  const std::string form = n.edit().unique(n.input(0) + "_form");
  n.edit().add_integers(
      form, std::vector<std::int64_t>(static_cast<std::size_t>(value->shape.rank()), 1));
  const std::string one = n.emit("Reshape", {n.input(0), form});
  n.replace_by(n.emit("Tile", {one, n.input(1)}));
}

struct Expansion {
  const char* op;
  std::int64_t since;
  void (*apply)(OpsetNode&);
};

const Expansion kExpansions[] = {{"Gelu", 20, gelu},
                                 {"LayerNormalization", 17, layer_normalization},
                                 {"HardSwish", 14, hard_swish},
                                 {"Mish", 18, mish},
                                 {"Swish", 24, swish},
                                 {"GreaterOrEqual", 12, not_the_reverse},
                                 {"LessOrEqual", 12, not_the_reverse},
                                 {"CastLike", 15, cast_to_type},
                                 {"Trilu", 14, triangle},
                                 {"Expand", 8, tile_one}};

}  // namespace

bool expand_node(OpsetNode& node) {
  for (const Expansion& expansion : kExpansions) {
    if (node.node().op_type() == expansion.op && node.to() < expansion.since) {
      expansion.apply(node);
      return true;
    }
  }
  return false;
}

}  // namespace temper::graph
