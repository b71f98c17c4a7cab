#include "graph/onnx/surgery/weight_values.h"

#include <cmath>
#include <cstring>

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr double kAlike = 0.9;  // cosine

std::vector<double> numbers_of(const SourceNames& names, int source) {
  return names.at(source).read().values<double>();
}

// By channel: what a folded weight is multiplied by.
std::vector<double> factors_of(const SourceNames& names, const FoldedNorm& norm) {
  std::vector<double> factors = numbers_of(names, norm.variance);
  for (double& factor : factors) {
    factor = 1 / std::sqrt(factor + norm.epsilon);
  }
  if (norm.scale != kNoSource) {
    const std::vector<double> scales = numbers_of(names, norm.scale);
    TEMPER_CHECK(scales.size() == factors.size(), ErrorCode::kInvalidModel, "BatchNorm '",
                 norm.module, "' of the checkpoint has ", scales.size(), " scales and ",
                 factors.size(), " variances");
    for (std::size_t i = 0; i < factors.size(); ++i) {
      factors[i] *= scales[i];
    }
  }
  return factors;
}

Tensor shift_value(const SourceNames& names, const Assignment& from, DType dtype,
                   const Shape& shape) {
  const FoldedNorm& norm = *from.norm;
  const std::vector<double> factors = factors_of(names, norm);
  const std::vector<double> means = numbers_of(names, norm.mean);
  std::vector<double> values(factors.size(), 0.0);
  if (from.source != kNoSource) {
    values = numbers_of(names, from.source);
  }
  std::vector<double> shifts(factors.size(), 0.0);
  if (norm.shift != kNoSource) {
    shifts = numbers_of(names, norm.shift);
  }
  TEMPER_CHECK(means.size() == factors.size() && shifts.size() == factors.size() &&
                   values.size() == factors.size() &&
                   static_cast<std::int64_t>(factors.size()) == shape.element_count(),
               ErrorCode::kInvalidModel, "BatchNorm '", norm.module, "' of the checkpoint has ",
               factors.size(), " channels; the model's layer has ", shape.element_count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = (values[i] - means[i]) * factors[i] + shifts[i];
  }
  return Tensor::from<double>(dtype, shape, values);
}

void fold(std::vector<double>& values, const Assignment& from, const std::vector<double>& factors,
          const Shape& shape) {
  const int axis = from.channel_axis;
  const std::int64_t inner = shape.count(axis + 1, shape.rank());
  const std::int64_t channels = shape[axis] * from.groups;
  TEMPER_CHECK(channels == static_cast<std::int64_t>(factors.size()), ErrorCode::kInvalidModel,
               "BatchNorm '", from.norm->module, "' of the checkpoint has ", factors.size(),
               " channels; the model's layer has ", channels);
  const std::int64_t rows_of_group = axis == 0 ? 1 : shape[0] / from.groups;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::int64_t place = static_cast<std::int64_t>(i) / inner;
    const std::int64_t row = place / shape[axis];
    const std::int64_t group = axis == 0 ? 0 : row / rows_of_group;
    const std::int64_t channel = group * shape[axis] + place % shape[axis];
    values[i] *= factors[static_cast<std::size_t>(channel)];
  }
}

std::vector<double> turned(const std::vector<double>& matrix, std::int64_t rows) {
  const auto columns = static_cast<std::int64_t>(matrix.size()) / rows;
  std::vector<double> out(matrix.size());
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < columns; ++c) {
      out[static_cast<std::size_t>(c * rows + r)] =
          matrix[static_cast<std::size_t>(r * columns + c)];
    }
  }
  return out;
}

// Element `i` of a tensor of `shape` that was broadcast from `small`, aligned at the end.
std::int64_t broadcast_from(std::int64_t i, const Shape& shape, const Shape& small) {
  std::int64_t at = 0, stride = 1;
  for (int axis = shape.rank(), from = small.rank(); axis-- > 0;) {
    const std::int64_t index = i % shape[axis];
    i /= shape[axis];
    if (--from >= 0) {
      at += small[from] == 1 ? 0 : index * stride;
      stride *= small[from];
    }
  }
  return at;
}

// What is broadcast: the whole table, or rows of it, as [count, width].
Shape piece_shape(const UnreadTensor& table, const Shape& shape, std::int64_t rows) {
  if (table.shape.rank() != 2) {
    return table.shape;
  }
  return rows > 0 ? Shape{rows, table.shape[1]} : Shape{shape[shape.rank() - 2], table.shape[1]};
}

bool is_broadcast(const std::vector<double>& values, const Shape& shape, const Shape& piece) {
  for (int axis = shape.rank(), from = piece.rank(); axis-- > 0;) {
    if (--from >= 0 && piece[from] != 1 && piece[from] != shape[axis]) {
      return false;
    }
  }
  std::vector<double> seen(static_cast<std::size_t>(piece.element_count()), std::nan(""));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto at =
        static_cast<std::size_t>(broadcast_from(static_cast<std::int64_t>(i), shape, piece));
    if (std::isnan(seen[at])) {
      seen[at] = values[i];
    } else if (seen[at] != values[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

Tensor assigned_value(const SourceNames& names, const Assignment& from, DType dtype,
                      const Shape& shape) {
  if (from.is_shift) {
    return shift_value(names, from, dtype, shape);
  }
  const Tensor read = names.at(from.source).read();
  if (!from.turned && !from.norm && !from.is_part) {
    return read.to_plain(dtype);
  }
  std::vector<double> values = read.values<double>();
  if (from.turned) {
    values = turned(values, shape[1]);
  }
  if (from.norm) {
    fold(values, from, factors_of(names, *from.norm), shape);
  }
  if (from.is_part) {
    const UnreadTensor& table = names.at(from.source);
    const Shape piece = piece_shape(table, shape, from.rows);
    const std::int64_t first = table.shape.rank() == 2 ? from.first_row * table.shape[1] : 0;
    std::vector<double> out(static_cast<std::size_t>(shape.element_count()));
    for (std::size_t i = 0; i < out.size(); ++i) {
      const std::int64_t at = broadcast_from(static_cast<std::int64_t>(i), shape, piece);
      out[i] = values[static_cast<std::size_t>(first + at)];
    }
    values = std::move(out);
  }
  return Tensor::from<double>(dtype, shape, values);
}

std::optional<Assignment> as_part_of(const Tensor& value, const UnreadTensor& table) {
  const Shape& shape = value.shape();
  const int rank = table.shape.rank();
  if (shape.rank() < 2 || rank < 1 || shape.rank() < rank ||
      table.shape[rank - 1] != shape[shape.rank() - 1] || table.shape[rank - 1] < 2) {
    return {};
  }
  const std::vector<double> values = value.values<double>();
  Assignment made;
  made.is_part = true;
  made.is_guess = true;
  if (rank != 2) {
    if (!is_broadcast(values, shape, table.shape)) {
      return {};
    }
    made.how = "repeated";
    return made;
  }
  // One row for all places, or one for each.
  for (const std::int64_t rows : {std::int64_t{1}, shape[shape.rank() - 2]}) {
    if (rows <= table.shape[0] && is_broadcast(values, shape, Shape{rows, table.shape[1]})) {
      made.rows = rows;
      made.how = "rows";
      return made;
    }
  }
  return {};
}

std::optional<std::int64_t> alike_rows(const Tensor& value, const Tensor& table,
                                       std::int64_t rows) {
  const std::int64_t width = table.shape()[1], all = table.shape()[0];
  const std::vector<double> a = value.values<double>(), b = table.values<double>();
  for (std::int64_t first = 0; first + rows <= all; ++first) {
    double both = 0, one = 0, other = 0;
    for (std::int64_t i = 0; i < rows * width; ++i) {
      const double x = a[static_cast<std::size_t>(i)];
      const double y = b[static_cast<std::size_t>(first * width + i)];
      both += x * y;
      one += x * x;
      other += y * y;
    }
    if (both > kAlike * std::sqrt(one * other)) {
      return first;
    }
  }
  return {};
}

}  // namespace temper::graph
