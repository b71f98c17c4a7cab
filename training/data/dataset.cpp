// Checks that any data set allows.
#include "training/data/dataset.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"
#include "training/data/batch_tensors.h"

namespace temper::training {

std::optional<OutsideValue> Dataset::find_outside(std::size_t field,
                                                  const AllowedValues& allowed) const {
  std::vector<Tensor> row_of_each = batch_tensors(*this, 1);
  for (std::int64_t row = 0; row < count(); ++row) {
    read(std::span<const std::int64_t>(&row, 1), row_of_each);
    const std::vector<std::int64_t> values = row_of_each.at(field).values<std::int64_t>();
    const auto bad = std::find_if(values.begin(), values.end(),
                                  [&](std::int64_t value) { return !allowed.allows(value); });
    if (bad != values.end()) {
      return OutsideValue{element_place(*this, field, row, bad - values.begin()), *bad};
    }
  }
  return std::nullopt;
}

void Dataset::deliver_size(std::size_t field, std::int64_t /*size*/,
                           std::optional<double> /*pad*/) {
  fail(ErrorCode::kInternal, "the rows of field ", field, " are all of one size");
}

std::string element_place(const Dataset& data, std::size_t field, std::int64_t row,
                          std::int64_t element) {
  const Shape& shape = data.fields().at(field).row_shape;
  std::string place = data.where(field, row);
  if (shape.element_count() == 1) {
    return place;
  }
  std::vector<std::int64_t> indices;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    indices.insert(indices.begin(), element % shape[axis]);
    element /= shape[axis];
  }
  return concat(place, ", element [", join(indices, ","), "]");
}

void check_labels(const Dataset& data, std::size_t field, std::int64_t classes,
                  std::int64_t ignore_index, std::vector<std::string> names) {
  const Field& labels = data.fields().at(field);
  TEMPER_CHECK(is_integer(labels.dtype), ErrorCode::kInvalidData, data.where(field, 0), ": '",
               labels.name, "' is ", labels.dtype, labels.row_shape,
               " per row; class labels are whole numbers");
  const auto bad = data.find_outside(field, {0, classes, ignore_index});
  if (!bad) {
    return;
  }
  if (names.empty()) {
    names = data.class_names();
  }
  constexpr std::size_t kMostNamed = 20;
  const bool named = bad->value >= 0 && static_cast<std::uint64_t>(bad->value) < names.size();
  const std::vector<std::string> listed(
      names.begin(),
      names.begin() + static_cast<std::ptrdiff_t>(std::min(names.size(), kMostNamed)));
  fail(ErrorCode::kInvalidData, bad->where, ": the label is ", bad->value,
       named ? concat(" ('", names[static_cast<std::size_t>(bad->value)], "')") : "",
       "; the model has ", classes, " classes, so labels go from 0 to ", classes - 1,
       names.empty()
           ? ""
           : concat("; the data's classes are ", join(listed, ", "),
                    names.size() > kMostNamed ? concat(", ... (", names.size(), ")") : ""));
}

}  // namespace temper::training
