// Names of op cases and the list of all of them.
#include "tests/ops/op_case.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <type_traits>
#include <utility>
#include <variant>

#include "graph/ir/op_def.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/concat.h"
#include "tests/ops/families.h"

namespace temper::op_suite {

OpInput random(const Shape& shape, double low, double high) {
  OpInput input;
  input.shape = shape;
  input.low = low;
  input.high = high;
  return input;
}

OpInput distinct(const Shape& shape, double low, double high) {
  OpInput input = random(shape, low, high);
  input.is_distinct = true;
  return input;
}

OpInput values(const Shape& shape, std::vector<double> numbers) {
  OpInput input = random(shape);
  input.explicit_values = std::move(numbers);
  return input;
}

OpInput ints(std::vector<std::int64_t> numbers) {
  OpInput input = values({static_cast<std::int64_t>(numbers.size())},
                         std::vector<double>(numbers.begin(), numbers.end()));
  input.dtype = DType::kInt64;
  input.is_constant = true;
  return input;
}

OpInput constant_scalar(double number) { return values({}, {number}).constant(); }

OpInput missing() {
  OpInput input;
  input.is_missing = true;
  return input;
}

namespace {

void append_attr(std::string& out, const AttrValue& value) {
  std::visit(
      [&](const auto& held) {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
          out += concat(held);
        } else {
          out += join(held, "x");
        }
      },
      value);
}

// gtest allows letters, digits and _ only.
std::string identifier(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
      out += c;
    } else if (c == '-') {
      out += 'm';
    } else if (c == '.') {
      out += 'p';
    }
  }
  return out;
}

}  // namespace

std::string case_name(const OpCase& op_case) {
  std::string name = op_case.op;
  for (const auto& [attr, value] : op_case.attrs) {
    name += concat("_", attr);
    append_attr(name, value);
  }
  for (const OpInput& input : op_case.inputs) {
    if (!input.is_missing && !input.is_constant) {
      name += concat("_", input.shape.rank() == 0 ? "scalar" : join(input.shape, "x"));
    }
  }
  if (!op_case.label.empty()) {
    name += concat("_", op_case.label);
  }
  name = identifier(name);
  return name.size() > 120 ? name.substr(0, 120) : name;
}

bool has_dtype(const OpCase& op_case, DType dtype) {
  return std::find(op_case.dtypes.begin(), op_case.dtypes.end(), dtype) != op_case.dtypes.end();
}

std::vector<DType> dtypes_of(const OpCase& op_case) {
  std::vector<DType> dtypes = op_case.dtypes;
  const graph::OpDef* op = graph::standard_ops().find(op_case.op);
  if (has_dtype(op_case, DType::kFloat32) && has_dtype(op_case, DType::kFloat64) &&
      !has_dtype(op_case, DType::kFloat16) && !op->is_commit) {
    dtypes.insert(dtypes.end(), {DType::kFloat16, DType::kBFloat16});
  }
  return dtypes;
}

std::vector<OpCase> all_cases() {
  std::vector<OpCase> all;
  for (const auto family :
       {elementwise_cases, fused_elementwise_cases, reduction_cases, shape_cases, large_cases,
        nn_cases, loss_cases, ctc_cases, sampling_cases, recurrent_cases, quantized_cases,
        integer_cases, fused_cases, update_cases, other_domain_cases, state_and_offset_cases,
        instance_cases}) {
    std::vector<OpCase> cases = family();
    all.insert(all.end(), std::make_move_iterator(cases.begin()),
               std::make_move_iterator(cases.end()));
  }
  return all;
}

}  // namespace temper::op_suite
