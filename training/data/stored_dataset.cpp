#include "training/data/stored_dataset.h"

#include <cstring>

#include "runtime/base/error.h"

namespace temper::training {

StoredDataset::StoredDataset(std::unique_ptr<Dataset> data, std::span<const std::int64_t> rows,
                             std::vector<Column> columns)
    : DatasetOver(std::move(data)),
      columns_(std::move(columns)),
      places_(static_cast<std::size_t>(below().count()), -1) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    places_[static_cast<std::size_t>(rows[i])] = static_cast<std::int64_t>(i);
  }
  for (const Column& column : columns_) {
    fields_.push_back(column.field);
  }
}

void StoredDataset::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  for (std::size_t f = 0; f < columns_.size(); ++f) {
    const Field& field = columns_[f].field;
    const auto bytes = static_cast<std::size_t>(field.row_shape.element_count()) *
                       static_cast<std::size_t>(size_of(field.dtype));
    const auto* from = static_cast<const std::byte*>(columns_[f].values.data());
    auto* to = static_cast<std::byte*>(out[f].data());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::int64_t place = places_[static_cast<std::size_t>(rows[i])];
      TEMPER_ASSERT(place >= 0, "row ", rows[i], " is not held");
      std::memcpy(to + i * bytes, from + static_cast<std::size_t>(place) * bytes, bytes);
    }
  }
}

std::vector<std::int64_t> StoredDataset::labels(std::size_t field) const {
  TEMPER_ASSERT(columns_[field].of >= 0, "a feature is no label");
  return below().labels(static_cast<std::size_t>(columns_[field].of));
}

std::optional<OutsideValue> StoredDataset::find_outside(std::size_t field,
                                                        const AllowedValues& allowed) const {
  const std::ptrdiff_t of = columns_[field].of;
  return of < 0 ? std::nullopt : below().find_outside(static_cast<std::size_t>(of), allowed);
}

std::span<const std::int64_t> StoredDataset::row_sizes(std::size_t field) const {
  const std::ptrdiff_t of = columns_[field].of;
  return of < 0 ? std::span<const std::int64_t>{} : below().row_sizes(static_cast<std::size_t>(of));
}

std::string StoredDataset::where(std::size_t field, std::int64_t row) const {
  const std::ptrdiff_t of = columns_[field].of;
  return of >= 0 ? below().where(static_cast<std::size_t>(of), row)
                 : concat(below().where(0, row), ", '", fields_[field].name, "' of it");
}

}  // namespace temper::training
