// Gathering rows of arrays, with the conversion chosen once.
#include "training/data/arrays/array_dataset.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "training/data/arrays/array_checks.h"
#include "training/data/arrays/made_rows.h"
#include "training/data/sequence_ids.h"

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
    TEMPER_CHECK(entry.rows() > 0, ErrorCode::kInvalidData, entry.source, " ", shape,
                 " is empty: it has no rows");
    TEMPER_CHECK(entry.rows() == arrays_.front().rows(), ErrorCode::kInvalidData, entry.source,
                 " has ", entry.rows(), " rows, ", arrays_.front().source, " has ",
                 arrays_.front().rows(), "; all arrays need equally many");
    TEMPER_ASSERT(
        (entry.ragged || shape.count(1, shape.rank()) == entry.field.row_shape.element_count()) &&
        entry.array.layout().plain);
  }
  count_ = arrays_.front().rows();
  for (const ArrayField& entry : arrays_) {
    fields_.push_back(entry.field);
    const bool same = entry.array.dtype() == entry.field.dtype && entry.divisor == 1.0;
    converters_.push_back(same ? nullptr : converter(entry.array.dtype(), entry.field.dtype));
  }
}

void ArrayDataset::set_sequences(const std::vector<std::string>& ids, const std::string& source) {
  TEMPER_CHECK(static_cast<std::int64_t>(ids.size()) == count_, ErrorCode::kInvalidData, source,
               " has ", ids.size(), " entries, the data have ", count_, " rows");
  sequences_ =
      number_sequences(ids, [&](std::int64_t row) { return concat(source, ", row ", row); });
}

void ArrayDataset::check_values(bool require_finite) const {
  for (std::size_t f = 0; f < arrays_.size(); ++f) {
    const ArrayField& entry = arrays_[f];
    const std::int64_t elements = entry.array.shape().count(1, entry.array.shape().rank());
    const RowName name = [&](std::int64_t row) {
      return where(f, entry.ragged ? entry.ragged->row_of(row * elements) : row);
    };
    if (require_finite) {
      check_finite(entry.array, entry.field.dtype, name);
    }
    check_exact(entry.array, entry.field.dtype, name);
  }
}

void ArrayDataset::add_made(std::vector<MadeRows> made) {
  made_ = std::move(made);
  for (const MadeRows& each : made_) {
    fields_.push_back(each.field);
  }
}

std::span<const std::int64_t> ArrayDataset::row_sizes(std::size_t field) const {
  if (fields_.at(field).ragged_axis < 0) {
    return {};
  }
  const std::size_t array = field < arrays_.size() ? field : made_[field - arrays_.size()].source;
  return arrays_[array].ragged->sizes();
}

void ArrayDataset::deliver_size(std::size_t field, std::int64_t size, std::optional<double> pad) {
  Field& changed = fields_.at(field);
  TEMPER_ASSERT(changed.ragged_axis >= 0, "field ", changed.name, " has rows of one size");
  changed.row_shape[changed.ragged_axis] = size;
  if (field < arrays_.size()) {
    arrays_[field].field.row_shape = changed.row_shape;
    arrays_[field].pad = pad.value_or(arrays_[field].pad);
  }
}

void ArrayDataset::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  TEMPER_ASSERT(out.size() == fields_.size(), out.size(), " tensors for ", fields_.size(),
                " fields");
  for (const std::int64_t row : rows) {
    TEMPER_ASSERT(row >= 0 && row < count_, "row ", row, " of ", count_);
  }
  for (std::size_t f = 0; f < out.size(); ++f) {
    TEMPER_ASSERT(out[f].dtype() == fields_[f].dtype && out[f].layout().plain, "field ",
                  fields_[f].name, " into ", out[f].dtype(), out[f].shape());
    if (f >= arrays_.size()) {
      read_made(made_[f - arrays_.size()], rows, out[f]);
    } else {
      arrays_[f].ragged ? read_ragged(f, rows, out[f]) : read_rows(f, rows, out[f]);
    }
  }
}

void ArrayDataset::read_rows(std::size_t f, std::span<const std::int64_t> rows, Tensor& out) const {
  const ArrayField& entry = arrays_[f];
  const std::int64_t elements = entry.field.row_shape.element_count();
  TEMPER_ASSERT(out.element_count() == elements * static_cast<std::int64_t>(rows.size()), "field ",
                entry.field.name, " into ", out.dtype(), out.shape());
  read_field(f, rows, static_cast<std::byte*>(out.data()));
}

void ArrayDataset::read_field(std::size_t field, std::span<const std::int64_t> rows,
                              std::byte* to) const {
  const ArrayField& entry = arrays_[field];
  const std::int64_t elements = entry.field.row_shape.element_count();
  const auto source_bytes = static_cast<std::size_t>(elements) * size_of(entry.array.dtype());
  const auto target_bytes = static_cast<std::size_t>(elements) * size_of(entry.field.dtype);
  const auto* from = static_cast<const std::byte*>(entry.array.data());
  for (const std::int64_t row : rows) {
    const std::byte* source = from + static_cast<std::size_t>(row) * source_bytes;
    if (converters_[field] == nullptr) {
      std::memcpy(to, source, target_bytes);
    } else {
      converters_[field](source, to, elements, entry.divisor);
    }
    to += target_bytes;
  }
}

// The size at the ragged axis is the tensor's: rows are cut there or filled up.
void ArrayDataset::read_ragged(std::size_t f, std::span<const std::int64_t> rows,
                               Tensor& out) const {
  const ArrayField& entry = arrays_[f];
  const RaggedRows& ragged = *entry.ragged;
  const std::int64_t size = out.shape()[ragged.axis() + 1];
  TEMPER_ASSERT(out.element_count() ==
                    ragged.outer() * ragged.inner() * size * static_cast<std::int64_t>(rows.size()),
                "field ", entry.field.name, " into ", out.dtype(), out.shape());
  const auto* from = static_cast<const std::byte*>(entry.array.data());
  const std::size_t from_bytes = size_of(entry.array.dtype());
  visit_any(out.dtype(), [&]<class T>() {
    T* to = static_cast<T*>(out.data());
    const T pad = convert_element<T>(entry.pad);
    for (const std::int64_t row : rows) {
      const std::int64_t count = std::min(ragged.size(row), size) * ragged.inner();
      for (std::int64_t o = 0; o < ragged.outer(); ++o) {
        const std::byte* source =
            from + static_cast<std::size_t>(ragged.block(row, o)) * from_bytes;
        if (count > 0 && converters_[f] == nullptr) {
          std::memcpy(to, source, static_cast<std::size_t>(count) * sizeof(T));
        } else if (count > 0) {
          converters_[f](source, to, count, entry.divisor);
        }
        to = std::fill_n(to + count, size * ragged.inner() - count, pad);
      }
    }
  });
}

void ArrayDataset::read_made(const MadeRows& made, std::span<const std::int64_t> rows,
                             Tensor& out) const {
  const ArrayField& source = arrays_[made.source];
  const std::int64_t longest = source.field.row_shape[made.source_axis];
  std::vector<std::int64_t> lengths;
  for (const std::int64_t row : rows) {
    const bool differ = source.ragged && source.ragged->axis() == made.source_axis;
    lengths.push_back(differ ? source.ragged->size(row) : longest);
  }
  fill_made(made, lengths, longest, out);
}

std::vector<std::int64_t> ArrayDataset::labels(std::size_t field) const {
  TEMPER_CHECK(field < arrays_.size(), ErrorCode::kInvalidData, where(field, 0),
               ": class labels are data");
  const ArrayField& entry = arrays_[field];
  TEMPER_CHECK(
      is_integer(entry.field.dtype) && entry.field.row_shape.element_count() == 1 && !entry.ragged,
      ErrorCode::kInvalidData, entry.source, " is ", entry.field.dtype, entry.array.shape(),
      "; class labels are one whole number per row");
  return entry.array.values<std::int64_t>();
}

std::optional<OutsideValue> ArrayDataset::find_outside(std::size_t field,
                                                       const AllowedValues& allowed) const {
  if (field >= arrays_.size()) {
    return find_outside_made(made_[field - arrays_.size()], allowed);
  }
  const ArrayField& entry = arrays_[field];
  const std::int64_t elements = entry.field.row_shape.element_count();
  const std::int64_t width = entry.ragged ? entry.field.row_shape[entry.ragged->axis()] : elements;
  const std::int64_t outer = entry.ragged ? entry.ragged->outer() : 1;
  const std::int64_t inner = entry.ragged ? entry.ragged->inner() : 1;
  std::optional<OutsideValue> found;
  visit_any(entry.array.dtype(), [&]<class T>() {
    const T* values = static_cast<const T*>(entry.array.data());
    for (std::int64_t block = 0; block < count_ * outer && !found; ++block) {
      const std::int64_t row = block / outer;
      const std::int64_t o = block % outer;
      const std::int64_t begin = entry.ragged ? entry.ragged->block(row, o) : row * elements;
      const std::int64_t count =
          (entry.ragged ? std::min(entry.ragged->size(row), width) : width) * inner;
      for (std::int64_t i = 0; i < count && !found; ++i) {
        const auto value = convert_element<std::int64_t>(values[begin + i]);
        if (!allowed.allows(value)) {
          found = OutsideValue{element_place(*this, field, row, o * width * inner + i), value};
        }
      }
      const auto pad = convert_element<std::int64_t>(entry.pad);  // is a value, too
      if (!found && count < width * inner && !allowed.allows(pad)) {
        found = OutsideValue{element_place(*this, field, row, o * width * inner + count), pad};
      }
    }
  });
  return found;
}

// Positions alone have more than two values.
std::optional<OutsideValue> ArrayDataset::find_outside_made(const MadeRows& made,
                                                            const AllowedValues& allowed) const {
  const std::int64_t last = arrays_[made.source].field.row_shape[made.source_axis] - 1;
  if (made.kind != MadeField::kPositions || last < 0 || allowed.allows(last)) {
    return std::nullopt;
  }
  return OutsideValue{concat("the positions '", made.field.name, "' of the longest sample"), last};
}

std::string ArrayDataset::where(std::size_t field, std::int64_t row) const {
  if (field >= arrays_.size()) {
    return concat("'", fields_.at(field).name, "', made of the lengths of ",
                  where(made_[field - arrays_.size()].source, row));
  }
  return concat(arrays_[field].source, ", row ", row);
}

}  // namespace temper::training
