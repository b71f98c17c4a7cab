// One case of the op suite: an op, its attributes and its inputs. The same list serves four uses:
// the reference result against a closed form, every backend and dtype against the reference,
// gradients against central differences, and the benchmark. Families: tests/ops/<family>_cases.cpp
// defines std::vector<OpCase> <family>_cases().
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runtime/base/attrs.h"
#include "runtime/base/dtype.h"
#include "runtime/base/shape.h"

namespace temper::op_suite {

// A tensor as a closed form sees it: plain, in double.
struct HostTensor {
  Shape shape;
  std::vector<double> values;

  double operator[](std::int64_t i) const { return values[static_cast<std::size_t>(i)]; }
  double& operator[](std::int64_t i) { return values[static_cast<std::size_t>(i)]; }
  std::int64_t count() const { return static_cast<std::int64_t>(values.size()); }
};

struct OpInput {
  Shape shape;
  DType dtype = DType::kUndefined;  // kUndefined: the dtype under test
  bool is_missing = false;          // an optional input left out
  bool is_constant = false;         // a constant of the graph (absorbed by infer)
  bool is_distinct =
      false;  // evenly spaced values, shuffled: no ties, gaps of (high - low) / count
  double low = -2, high = 2;
  std::vector<double> explicit_values;  // in place of random ones
  std::vector<double> kinks;            // random values keep 0.05 away from these

  OpInput of(DType type) && {
    dtype = type;
    return std::move(*this);
  }
  OpInput constant() && {
    is_constant = true;
    return std::move(*this);
  }
  OpInput away_from(std::vector<double> points) && {
    kinks = std::move(points);
    return std::move(*this);
  }
};

OpInput random(const Shape& shape, double low = -2, double high = 2);
OpInput distinct(const Shape& shape, double low = -2, double high = 2);
OpInput values(const Shape& shape, std::vector<double> numbers);
// A constant 1-D i64 tensor (axes, shapes) that infer absorbs.
OpInput ints(std::vector<std::int64_t> numbers);
// A constant scalar of the dtype under test.
OpInput constant_scalar(double number);
OpInput missing();

struct OpCase {
  std::string op;
  Attrs attrs = {};
  std::vector<OpInput> inputs = {};
  int outputs = 1;
  std::vector<bool> wanted =
      {};  // output i is left out where false; empty: all but opaque ones are wanted
  std::vector<int> differentiate = {};  // inputs whose gradient is checked (in f64)
  // Closed form in double: all inputs (missing ones empty) to the outputs. An output with rank 0
  // and no values is not compared.
  std::function<std::vector<HostTensor>(const std::vector<HostTensor>&)> expected = {};
  std::vector<DType> dtypes = {DType::kFloat32,
                               DType::kFloat64};  // what "the dtype under test" takes
  std::string label = {};                         // added to the name
  double tolerance_factor = 1;                    // multiplies the table of tolerance.h ...
  std::string tolerance_reason = {};              // ... for this reason, which must then be given
  // Outputs that take no part in the gradient test's loss (statistics, gradients do not flow
  // through).
  std::vector<int> not_differentiable_outputs = {};
};

// A readable, unique-enough name: Softmax_axis1_2x3x5 plus the label.
std::string case_name(const OpCase& op_case);

bool has_dtype(const OpCase& op_case, DType dtype);

// The types a case is run in. What runs in f32 and f64 runs in 16 bits too, except updates of
// variables, which are never of 16 bits.
std::vector<DType> dtypes_of(const OpCase& op_case);

// All families, in a fixed order.
std::vector<OpCase> all_cases();

}  // namespace temper::op_suite
