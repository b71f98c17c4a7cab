// Values as text.
#include "tools/cli/sample_texts.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "training/data/batch_tensors.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::Dataset;
using training::Field;

constexpr std::size_t kMostNumbers = 12;

bool all_named(const std::vector<double>& values, const std::vector<std::string>& names) {
  return std::all_of(values.begin(), values.end(), [&](double value) {
    return value >= 0 && value < static_cast<double>(names.size());
  });
}

std::string value_text(const Dataset& data, const Field& field, const std::vector<double>& values,
                       const std::vector<std::string>& names) {
  const bool tokens = data.rows_apart() > 0 && is_integer(field.dtype);
  const bool label = field.is_target && is_integer(field.dtype) && values.size() == 1;
  if ((tokens || label) && all_named(values, names)) {
    std::string text;
    for (const double value : values) {
      text += names[static_cast<std::size_t>(value)];
    }
    std::string quoted;
    training::append_json_string(quoted, text);
    return quoted;
  }
  std::vector<std::string> first;
  for (std::size_t i = 0; i < std::min(values.size(), kMostNumbers); ++i) {
    first.push_back(is_integer(field.dtype) ? fixed_text(values[i], 0) : digits_text(values[i], 6));
  }
  return concat(join(first, " "), values.size() > kMostNumbers ? " ..." : "");
}

}  // namespace

std::vector<std::string> sample_texts(const Dataset& data, std::span<const std::int64_t> rows,
                                      const std::vector<std::string>& class_names) {
  std::vector<Tensor> out = batch_tensors(data, 1);
  std::size_t widest = 0;
  for (const Field& field : data.fields()) {
    widest = std::max(widest, field.name.size());
  }
  std::vector<std::string> lines;
  for (const std::int64_t row : rows) {
    data.read(std::span<const std::int64_t>(&row, 1), out);
    lines.push_back(data.where(0, row));
    for (std::size_t f = 0; f < out.size(); ++f) {
      const Field& field = data.fields()[f];
      lines.push_back(concat("  ", field.is_target ? "target" : "input ", " ", field.name,
                             std::string(widest - field.name.size() + 1, ' '), field.dtype,
                             field.row_shape, " ",
                             value_text(data, field, out[f].values<double>(), class_names)));
    }
  }
  return lines;
}

}  // namespace temper::cli
