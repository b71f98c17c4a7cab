// Rows in other shapes, and what to say where they do not fit.
#include "training/data/row_shape.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

Shape permuted(const Shape& row, const std::vector<int>& order) {
  Shape moved;
  for (const int axis : order) {
    moved.push_back(row[axis]);
  }
  return moved;
}

// `stored` with the dimensions of 1 that are known of the model's row put in, or its own left out,
// where that gives the rank; else as it is.
Shape with_ones_of(const Shape& stored, const std::vector<std::int64_t>& dims) {
  const auto open = static_cast<int>(
      std::count_if(dims.begin(), dims.end(), [](std::int64_t dim) { return dim != 1; }));
  const Shape core = stored.rank() == open ? stored : without_ones(stored);
  if (stored.rank() == static_cast<int>(dims.size()) || core.rank() != open) {
    return stored;
  }
  Shape row;
  int next = 0;
  for (const std::int64_t dim : dims) {
    row.push_back(dim == 1 ? 1 : core[next++]);
  }
  return row;
}

}  // namespace

Shape without_ones(const Shape& shape) {
  Shape result;
  for (const std::int64_t dim : shape) {
    if (dim != 1) {
      result.push_back(dim);
    }
  }
  return result;
}

bool is_same_row(const Shape& stored, const Shape& wanted) {
  const bool flat = stored.rank() == 1 || wanted.rank() == 1;
  return stored.element_count() == wanted.element_count() &&
         (flat || without_ones(stored) == without_ones(wanted));
}

bool has_dims(const Shape& row, std::span<const std::int64_t> dims) {
  return row.rank() == static_cast<int>(dims.size()) &&
         std::equal(dims.begin(), dims.end(), row.begin(),
                    [](std::int64_t dim, std::int64_t size) { return dim < 0 || dim == size; });
}

std::string dims_text(std::span<const std::int64_t> dims, std::span<const std::string> names) {
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    const bool named = i < names.size() && !names[i].empty();
    parts.push_back(dims[i] >= 0 ? concat(dims[i]) : named ? names[i] : "?");
  }
  return concat("[", join(parts, ","), "]");
}

std::string order_hint(const Shape& row, std::span<const std::int64_t> dims) {
  if (row.rank() < 2 || has_dims(row, dims)) {
    return {};
  }
  std::vector<int> first_last(static_cast<std::size_t>(row.rank()));
  std::iota(first_last.begin(), first_last.end(), 0);
  std::vector<int> last_first = first_last;
  std::rotate(last_first.begin(), last_first.end() - 1, last_first.end());
  std::rotate(first_last.begin(), first_last.begin() + 1, first_last.end());
  for (const std::vector<int>& order : {last_first, first_last}) {
    if (!has_dims(permuted(row, order), dims)) {
      continue;
    }
    std::vector<int> axes = {0};
    for (const int axis : order) {
      axes.push_back(axis + 1);
    }
    const bool last = order == last_first;
    const bool pictures = row.rank() == 3;
    const std::string how =
        !pictures ? concat("its ", last ? "last axis seems to be the model's first"
                                        : "first axis seems to be the model's last")
        : last    ? "it looks like [N, height, width, channels] (NHWC), the model takes [N, "
                    "channels, height, width] (NCHW)"
               : "it looks like [N, channels, height, width] (NCHW), the model takes [N, height, "
                 "width, channels] (NHWC)";
    return concat("; ", how, ": save it transposed, in NumPy array.transpose(", join(axes, ", "),
                  ")");
  }
  return {};
}

Shape fit_row_shape(const Shape& stored, const WantedField& wanted, const std::string& source) {
  if (!wanted.row_shape.has_value()) {
    return wanted.row_dims.empty() ? stored : with_ones_of(stored, wanted.row_dims);
  }
  const Shape& row = *wanted.row_shape;
  if (row == stored) {
    return stored;
  }
  TEMPER_CHECK(is_same_row(stored, row), ErrorCode::kInvalidData, source, " has rows of shape ",
               stored, ", the model takes ", row, order_hint(stored, row.dims()));
  return row;
}

}  // namespace temper::training
