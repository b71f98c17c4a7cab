// Comparisons by those of floats with Less and Greater, which opset 7 has, exact for NaN and
// infinities.
#include <limits>

#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_expansions.h"
#include "graph/onnx/onnx_types.h"
#include "graph/onnx/surgery/node_attributes.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kInt32 = 6, kDouble = 11, kInt64 = 7, kUInt64 = 13;  // TensorProto.DataType

bool is_float_type(std::int32_t type) { return is_float(graph_dtype(type)); }

// A number is below 1 or above 0; NaN is neither.
std::string is_number(OpsetNode& n, const std::string& x, std::int32_t type) {
  const std::string below = n.emit("Less", {x, n.number(1, type)});
  const std::string above = n.emit("Greater", {x, n.number(0, type)});
  return n.emit("Or", {below, above});
}

// a < b of whole numbers, which opset 9 brought. Those of up to 32 bits are exact in float64; of 64
// bits a = 2^32 high + low, and division cuts towards 0, so the parts of smaller numbers are not
// larger. Nothing: it cannot be written.
std::optional<std::string> less(OpsetNode& n, const std::string& a, const std::string& b,
                                std::int32_t type) {
  if (n.to() >= 9 || is_float_type(type)) {
    return n.emit("Less", {a, b});
  }
  if (type == kUInt64 || !is_integer(graph_dtype(type))) {
    return std::nullopt;
  }
  if (type != kInt64) {
    return n.emit("Less", {n.emit_cast(a, kDouble), n.emit_cast(b, kDouble)});
  }
  const std::string unit = n.number(4294967296.0, kInt64);
  const auto parts = [&](const std::string& x) {
    const std::string high = n.emit("Div", {x, unit});
    const std::string low = n.emit("Sub", {x, n.emit("Mul", {high, unit})});
    return std::pair(high, low);
  };
  const auto [high_a, low_a] = parts(a);
  const auto [high_b, low_b] = parts(b);
  const std::string above =
      n.emit("Less", {n.emit_cast(high_a, kDouble), n.emit_cast(high_b, kDouble)});
  const std::string below =
      n.emit("Less", {n.emit_cast(low_a, kDouble), n.emit_cast(low_b, kDouble)});
  const std::string same = n.emit("Equal", {high_a, high_b});
  return n.emit("Or", {above, n.emit("And", {same, below})});
}

std::int32_t type_of(OpsetNode& n) {
  const std::int32_t type = n.facts().type(n.input(0));
  return type != 0 ? type : n.facts().type(n.input(1));
}

bool refuse_type(OpsetNode& n) {
  n.refuse(concat("before opset 9 only floats are compared, and the type of '", n.input(0), "' is ",
                  onnx_type_name(n.facts().type(n.input(0)))));
  return true;
}

}  // namespace

// Opset 7 has it for bool and whole numbers of 32 and 64 bits. Floats are neither below nor above,
// and numbers.
bool equal_numbers(OpsetNode& n) {
  const std::int32_t type = type_of(n);
  const std::string a = n.input(0), b = n.input(1);
  if (is_integer(graph_dtype(type)) && size_of(graph_dtype(type)) < 4) {
    n.replace_by(n.emit("Equal", {n.emit_cast(a, kInt32), n.emit_cast(b, kInt32)}));
    return true;
  }
  if (!is_float_type(type)) {
    return false;
  }
  const std::string other = n.emit("Or", {n.emit("Less", {a, b}), n.emit("Greater", {a, b})});
  const std::string numbers = n.emit("And", {is_number(n, a, type), is_number(n, b, type)});
  n.replace_by(n.emit("And", {n.emit("Not", {other}), numbers}));
  return true;
}

bool compare_whole_numbers(OpsetNode& n) {
  const std::int32_t type = type_of(n);
  if (type == 0 || is_float_type(type)) {
    return false;
  }
  const bool is_less = n.node().op_type() == "Less";
  const auto value = less(n, n.input(is_less ? 0 : 1), n.input(is_less ? 1 : 0), type);
  if (!value) {
    return refuse_type(n);
  }
  n.replace_by(*value);
  return true;
}

// Not the reverse; of floats, which may be NaN, both have to be numbers.
bool compare_or_equal(OpsetNode& n) {
  const std::int32_t type = type_of(n);
  const bool is_less = n.node().op_type() == "LessOrEqual";
  const std::string a = n.input(is_less ? 0 : 1), b = n.input(is_less ? 1 : 0);  // a <= b
  const auto reverse = type == 0 ? std::nullopt : less(n, b, a, type);
  if (!reverse) {
    return refuse_type(n);
  }
  const std::string value = n.emit("Not", {*reverse});
  if (!is_float_type(type)) {
    n.replace_by(value);
    return true;
  }
  const std::string numbers = n.emit("And", {is_number(n, a, type), is_number(n, b, type)});
  n.replace_by(n.emit("And", {value, numbers}));
  return true;
}

bool is_nan(OpsetNode& n) {
  n.replace_by(n.emit("Not", {is_number(n, n.input(0), n.float_type(n.input(0)))}));
  return true;
}

// Beyond the largest number.
bool is_infinite(OpsetNode& n) {
  const std::string x = n.input(0);
  const std::int32_t type = n.float_type(x);
  const double most = type == 10        ? 65504
                      : type == kDouble ? std::numeric_limits<double>::max()
                                        : static_cast<double>(std::numeric_limits<float>::max());
  const bool up = int_attribute(n.node(), "detect_positive", 1) != 0;
  const bool down = int_attribute(n.node(), "detect_negative", 1) != 0;
  const std::string above = n.emit("Greater", {x, n.number(most, type)});
  if (up && !down) {
    n.replace_by(above);
    return true;
  }
  const std::string below = n.emit("Less", {x, n.number(-most, type)});
  if (down && !up) {
    n.replace_by(below);
  } else {
    n.replace_by(n.emit(up ? "Or" : "And", {above, below}));
  }
  return true;
}

}  // namespace temper::graph
