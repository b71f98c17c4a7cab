// Gathering rows of arrays, with the conversion chosen once.
#include "training/data/arrays/array_dataset.h"

#include <cstring>
#include <utility>

#include "training/data/arrays/array_checks.h"

namespace temper::training {
namespace {

template <class S, class T>
void convert_values(const void* source, void* target, std::int64_t count, double divisor) {
  const S* in = static_cast<const S*>(source);
  T* out = static_cast<T*>(target);
  if constexpr (!std::is_integral_v<T>) {
    if (divisor != 1.0) {
      const float by = static_cast<float>(divisor);
      for (std::int64_t i = 0; i < count; ++i) {
        out[i] = convert_element<T>(convert_element<float>(in[i]) / by);
      }
      return;
    }
  }
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = convert_element<T>(in[i]);
  }
}

}  // namespace

ArrayDataset::Convert ArrayDataset::converter(DType source, DType target) {
  return visit_any(source, [&]<class S>() {
    return visit_any(target, []<class T>() -> Convert { return &convert_values<S, T>; });
  });
}

ArrayDataset::ArrayDataset(std::vector<ArrayField> arrays, std::string fingerprint)
    : arrays_(std::move(arrays)), fingerprint_(std::move(fingerprint)) {
  TEMPER_CHECK(!arrays_.empty(), ErrorCode::kInvalidData, "the data set has no arrays");
  for (const ArrayField& entry : arrays_) {
    const Shape& shape = entry.array.shape();
    TEMPER_CHECK(shape.rank() >= 1, ErrorCode::kInvalidData, entry.source,
                 " is a single value; expected one entry per row");
    TEMPER_CHECK(shape[0] > 0, ErrorCode::kInvalidData, entry.source, " ", shape,
                 " is empty: it has no rows");
    TEMPER_CHECK(shape[0] == arrays_.front().array.shape()[0], ErrorCode::kInvalidData,
                 entry.source, " has ", shape[0], " rows, ", arrays_.front().source, " has ",
                 arrays_.front().array.shape()[0], "; all arrays need equally many");
    TEMPER_ASSERT(shape.count(1, shape.rank()) == entry.field.row_shape.element_count() &&
                  entry.array.layout().plain);
  }
  count_ = arrays_.front().array.shape()[0];
  for (const ArrayField& entry : arrays_) {
    fields_.push_back(entry.field);
    const bool same = entry.array.dtype() == entry.field.dtype && entry.divisor == 1.0;
    converters_.push_back(same ? nullptr : converter(entry.array.dtype(), entry.field.dtype));
  }
}

void ArrayDataset::check_values(bool require_finite) const {
  for (std::size_t f = 0; f < arrays_.size(); ++f) {
    const ArrayField& entry = arrays_[f];
    const RowName name = [&](std::int64_t row) { return where(f, row); };
    if (require_finite) {
      check_finite(entry.array, entry.field.dtype, name);
    }
    check_exact(entry.array, entry.field.dtype, name);
  }
}

void ArrayDataset::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  TEMPER_ASSERT(out.size() == arrays_.size(), out.size(), " tensors for ", arrays_.size(),
                " fields");
  for (std::size_t f = 0; f < arrays_.size(); ++f) {
    const ArrayField& entry = arrays_[f];
    Tensor& target = out[f];
    const std::int64_t elements = entry.field.row_shape.element_count();
    TEMPER_ASSERT(target.dtype() == entry.field.dtype && target.layout().plain &&
                      target.element_count() == elements * static_cast<std::int64_t>(rows.size()),
                  "field ", entry.field.name, " into ", target.dtype(), target.shape());
    const auto source_bytes = static_cast<std::size_t>(elements) * size_of(entry.array.dtype());
    const auto target_bytes = static_cast<std::size_t>(elements) * size_of(target.dtype());
    const auto* from = static_cast<const std::byte*>(entry.array.data());
    auto* to = static_cast<std::byte*>(target.data());
    for (const std::int64_t row : rows) {
      TEMPER_ASSERT(row >= 0 && row < count_, "row ", row, " of ", count_);
      const std::byte* source = from + static_cast<std::size_t>(row) * source_bytes;
      if (converters_[f] == nullptr) {
        std::memcpy(to, source, target_bytes);
      } else {
        converters_[f](source, to, elements, entry.divisor);
      }
      to += target_bytes;
    }
  }
}

std::vector<std::int64_t> ArrayDataset::labels(std::size_t field) const {
  const ArrayField& entry = arrays_.at(field);
  TEMPER_CHECK(is_integer(entry.field.dtype) && entry.field.row_shape.element_count() == 1,
               ErrorCode::kInvalidData, entry.source, " is ", entry.field.dtype,
               entry.array.shape(), "; class labels are one whole number per row");
  return entry.array.values<std::int64_t>();
}

std::optional<OutsideValue> ArrayDataset::find_outside(std::size_t field,
                                                       const AllowedValues& allowed) const {
  const ArrayField& entry = arrays_.at(field);
  const std::int64_t elements = entry.field.row_shape.element_count();
  std::optional<OutsideValue> found;
  visit_any(entry.array.dtype(), [&]<class T>() {
    const T* values = static_cast<const T*>(entry.array.data());
    for (std::int64_t i = 0; i < entry.array.element_count() && !found; ++i) {
      const auto value = convert_element<std::int64_t>(values[i]);
      if (!allowed.allows(value)) {
        found = OutsideValue{element_place(*this, field, i / elements, i % elements), value};
      }
    }
  });
  return found;
}

std::string ArrayDataset::where(std::size_t field, std::int64_t row) const {
  return concat(arrays_.at(field).source, ", row ", row);
}

}  // namespace temper::training
