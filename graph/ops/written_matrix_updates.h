// The formulas of the optimizers that see the axes of a parameter: backends/host/matrix_updates.h.
#pragma once

#include <algorithm>
#include <cmath>

#include "graph/ops/written_updates.h"

namespace temper::graph {

// AdafactorMatrixKernel: the mean squares of rows and columns in place of those of elements.
inline void write_adafactor(WrittenUpdate& u) {
  u.scale_gradient();
  const WrittenAdafactor step(u);
  const int rank = u.p.shape().rank();
  const auto mean_along = [&](Term of, int axis) {
    return u.narrow(
        of.as(DType::kFloat64)
            .apply("ReduceMean", {},
                   {{"axes", std::vector<std::int64_t>{axis}}, {"keepdims", std::int64_t{1}}}));
  };
  const Term wide = u.g.as(DType::kFloat64);
  const Term squares = wide * wide;
  Term& row = u.state("row_var");
  Term& column = u.state("col_var");
  row = lerp(row, mean_along(squares, rank - 1), step.rest);
  column = lerp(column, mean_along(squares, rank - 2), step.rest);
  step.move(u, row * column / larger(mean_along(row, rank - 2), step.smallest));
}

// MuonKernel::ratio
inline double muon_ratio(double adjust, double units, double others) {
  return adjust == 0   ? std::sqrt(std::max(1.0, units / others))
         : adjust == 1 ? 0.2 * std::sqrt(std::max(units, others))
                       : std::sqrt(units / others);
}

// MuonKernel::iterate: of [rows, columns], on the smaller side.
inline Term write_newton_schulz(const WrittenUpdate& u, Term x) {
  const bool tall = x.shape()[0] > x.shape()[1];
  const double a = u.number("ns_coefficients1"), b = u.number("ns_coefficients2"),
               c = u.number("ns_coefficients3");
  for (int i = 0; i < static_cast<int>(u.number("ns_steps")); ++i) {
    const Term turned = x.apply("Transpose", {}, {{"perm", std::vector<std::int64_t>{1, 0}}});
    const Term gram = tall ? turned.apply("MatMul", {x}) : x.apply("MatMul", {turned});
    const Term polynomial = b * gram + c * gram.apply("MatMul", {gram});
    x = a * x + (tall ? x.apply("MatMul", {polynomial}) : polynomial.apply("MatMul", {x}));
  }
  return x;
}

// MuonKernel
inline void write_muon(WrittenUpdate& u) {
  u.scale_gradient();
  const Shape shape = u.p.shape();
  const bool units_last = u.of_parameter("units_last") != 0;
  const int split = units_last ? shape.rank() - 1 : 1;
  const std::int64_t rows = shape.count(0, split), columns = shape.count(split, shape.rank());
  const Term momentum = u.scheduled_or(u.number("momentum"));
  Term& buffer = u.state("momentum_buffer");
  buffer = lerp(buffer, u.g, u.narrow(1 - momentum));
  const Term x = u.number("nesterov") != 0 ? lerp(u.g, buffer, u.narrow(momentum)) : buffer;
  const Term norm = u.narrow(larger(sqrt(sum_of_squares(x)), u.number("eps")));
  const Term made = write_newton_schulz(u, (x / norm).reshaped({rows, columns}));
  const auto units = static_cast<double>(units_last ? columns : rows);
  const auto others = static_cast<double>(units_last ? rows : columns);
  const Term rate = u.narrow(u.step.rate * muon_ratio(u.number("adjust_lr"), units, others));
  u.p = u.p * u.shrink() - rate * made.reshaped(shape);
}

}  // namespace temper::graph
