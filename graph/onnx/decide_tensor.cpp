#include "graph/onnx/decide_tensor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <set>
#include <span>

#include "runtime/base/concat.h"
#include "runtime/base/dtype_visit.h"

namespace temper::graph {
namespace {

// Added to scores before a softmax, such a value switches them off.
constexpr double kMaskValue = -1e4;

// A table may have such a row beside learned ones.
template <class T>
bool looks_like_mask(std::span<const T> values, bool table) {
  const auto off = [](T value) { return value <= kMaskValue; };
  return std::any_of(values.begin(), values.end(), off) &&
         (!table || std::all_of(values.begin(), values.end(),
                                [&](T value) { return value == T(0) || off(value); }));
}

// As a factor: some elements are kept as they are, the others are not.
template <class T>
bool looks_like_selection(std::span<const T> values) {
  const auto zeros = std::count(values.begin(), values.end(), T(0));
  const auto ones = std::count(values.begin(), values.end(), T(1));
  return zeros > 0 && ones > 0 && zeros + ones == std::ssize(values);
}

// Each row [columns] holds sin a and cos a of several angles, `apart` columns apart in blocks of
// twice that. Rows of zeros (padding, a class token) may stand between.
template <class T>
bool rows_are_sines(std::span<const T> values, std::size_t columns, std::size_t apart) {
  constexpr double kTolerance = 1e-3;  // 16-bit floats are read too
  bool any = false;
  for (std::size_t row = 0; row < values.size(); row += columns) {
    const std::span<const T> at = values.subspan(row, columns);
    if (std::all_of(at.begin(), at.end(), [](T value) { return value == T(0); })) {
      continue;
    }
    any = true;
    for (std::size_t i = 0; i + apart < columns; ++i) {
      const auto sine = static_cast<double>(at[i]);
      const auto cosine = static_cast<double>(at[i + apart]);
      if (i % (2 * apart) < apart && std::abs(sine * sine + cosine * cosine - 1) > kTolerance) {
        return false;
      }
    }
  }
  return any;
}

// [..., positions, columns]: interleaved sines and cosines, or halves, or quarters for both axes of
// a picture.
template <class T>
bool looks_like_sines(const Shape& shape, std::span<const T> values) {
  constexpr std::size_t kFewest = 8;  // columns: fewer could be like that by chance
  if (shape.rank() < 2 || values.empty()) {
    return false;
  }
  const auto columns = static_cast<std::size_t>(shape[shape.rank() - 1]);
  const std::array<std::size_t, 3> distances = {1, columns / 2, columns / 4};
  return columns >= kFewest &&
         std::any_of(distances.begin(), distances.end(), [&](std::size_t apart) {
           return columns % (2 * apart) == 0 && rows_are_sines(values, columns, apart);
         });
}

// Each column of the rows goes on as a sum of its neighbours, v[r - 1] + v[r + 1] = c v[r], as
// sines and cosines of the row's number do (and straight lines), all of them between -1 and 1.
template <class T>
bool columns_are_waves(std::span<const T> values, std::size_t columns) {
  constexpr std::size_t kFewest = 4;  // rows
  constexpr double kTolerance = 5e-3;
  const std::size_t rows = values.size() / columns;
  bool varies = false;
  for (std::size_t column = 0; rows >= kFewest && column < columns; ++column) {
    const auto at = [&](std::size_t row) {
      return static_cast<double>(values[row * columns + column]);
    };
    double product = 0;
    double square = 0;
    for (std::size_t row = 1; row + 1 < rows; ++row) {
      product += at(row) * (at(row - 1) + at(row + 1));
      square += at(row) * at(row);
    }
    const double c = square == 0 ? 0 : product / square;
    double rest = 0;
    for (std::size_t row = 1; row + 1 < rows; ++row) {
      const double difference = at(row - 1) + at(row + 1) - c * at(row);
      rest += difference * difference;
      varies = varies || at(row) != at(row - 1);
    }
    if (rest > kTolerance * kTolerance * square || square > static_cast<double>(rows)) {
      return false;
    }
  }
  return varies;
}

template <class T>
bool looks_like_waves(const Shape& shape, std::span<const T> values) {
  if (shape.rank() < 2 || values.empty()) {
    return false;
  }
  const auto columns = static_cast<std::size_t>(shape[shape.rank() - 1]);
  return looks_like_sines(shape, values) ||
         (shape[shape.rank() - 2] == static_cast<std::int64_t>(values.size() / columns) &&
          columns_are_waves(values, columns));
}

template <class T>
bool is_one_value(std::span<const T> values) {
  return std::all_of(values.begin(), values.end(), [&](T value) { return value == values[0]; });
}

template <class T>
bool is_whole(std::span<const T> values) {
  return std::all_of(values.begin(), values.end(), [](T value) {
    const auto number = static_cast<double>(value);
    return number == std::floor(number);
  });
}

// Each row goes on in steps of one size, as a penalty of distances does.
template <class T>
bool rows_are_straight(const Shape& shape, std::span<const T> values) {
  const std::int64_t columns = shape.rank() == 0 ? 0 : shape[shape.rank() - 1];
  if (columns < 3 || is_one_value(values)) {
    return false;
  }
  const double most = static_cast<double>(*std::max_element(values.begin(), values.end()));
  const double least = static_cast<double>(*std::min_element(values.begin(), values.end()));
  const double tolerance = 1e-3 * std::max(std::abs(most), std::abs(least));
  for (std::size_t i = 2; i < values.size(); ++i) {
    const double bend = static_cast<double>(values[i]) - 2 * static_cast<double>(values[i - 1]) +
                        static_cast<double>(values[i - 2]);
    if (i % static_cast<std::size_t>(columns) >= 2 && std::abs(bend) > tolerance) {
      return false;
    }
  }
  return true;
}

// [..., 1 to 4]: the values of each column come again and again, as coordinates do.
template <class T>
bool looks_like_grid(const Shape& shape, std::span<const T> values) {
  if (shape.rank() < 2 || shape[shape.rank() - 1] > 4 || values.empty() || is_one_value(values)) {
    return false;
  }
  const auto columns = static_cast<std::size_t>(shape[shape.rank() - 1]);
  const std::size_t rows = values.size() / columns;
  for (std::size_t column = 0; column < columns; ++column) {
    std::set<double> distinct;
    for (std::size_t row = 0; row < rows; ++row) {
      distinct.insert(static_cast<double>(values[row * columns + column]));
    }
    if (rows < 4 || 2 * distinct.size() > rows) {
      return false;
    }
  }
  return true;
}

// [1, 1, D]: a class token, which starts as zeros in many networks.
bool is_one_row(const Shape& shape) {
  return shape.rank() > 0 && shape[shape.rank() - 1] > 1 &&
         shape[shape.rank() - 1] == shape.element_count();
}

// The place that a tensor is trained for; "" is none.
const std::string& trained_place(const TensorUse& use, const Shape& shape) {
  static const std::string none;
  if (shape.rank() == 0) {
    return use.temperature;
  }
  const bool lookup = use.weight.starts_with("embedding");
  if (!use.weight.empty() && !(lookup && shape.rank() < 2)) {
    return use.weight;
  }
  for (const std::string* place :
       {&use.scale, &use.bias, &use.scores, &use.temperature, &use.part, &use.joined}) {
    if (!place->empty()) {
      return *place;
    }
  }
  return none;
}

// Why its values speak against training what stands in a place that is trained, or "".
std::string objection(const TensorUse& use, const std::string& place,
                      const std::function<Tensor()>& value) {
  const bool table = use.weight.starts_with("embedding");
  const bool constant = !use.constant.empty();
  if ((!use.weight.empty() && !table && !constant) || place == use.temperature) {
    return {};
  }
  const Tensor tensor = value();
  return visit_float(tensor.dtype(), [&]<class T>() -> std::string {
    const std::span<const T> values = tensor.span<T>();
    if (looks_like_waves(tensor.shape(), values)) {
      return concat("a table of sines and cosines: ", place);
    }
    if (constant) {
      return looks_like_grid(tensor.shape(), values) ? concat("a grid of coordinates: ", place)
                                                     : std::string();
    }
    const bool added = place == use.bias || place == use.scores || place == use.joined || table;
    if (added && looks_like_mask(values, table)) {
      return concat("a mask: ", place, ", with values of ", kMaskValue, " and below");
    }
    if ((place == use.scale || place == use.part) && looks_like_selection(values)) {
      return concat("a mask: ", place, ", with values of 0 and 1");
    }
    const bool token = place == use.joined && use.token && is_one_row(tensor.shape());
    if (token && is_one_value(values)) {
      return {};
    }
    const bool unusual = place == use.joined || place == use.part || place == use.scores;
    if (unusual && is_one_value(values)) {
      return concat("one value alone: ", place);
    }
    if (place == use.scores && rows_are_straight(tensor.shape(), values)) {
      return concat("straight lines: ", place);
    }
    if ((place == use.joined || place == use.part) && is_whole(values)) {
      return concat("whole numbers: ", place);
    }
    return {};
  });
}

}  // namespace

void decide_tensor(TensorDecision& d, const TensorUse& use, const std::function<Tensor()>& value,
                   const DecisionOptions& options) {
  const bool scalar = d.shape.rank() == 0;
  const std::string& place = trained_place(use, d.shape);
  if (!options.may_be_variable) {
    d.why = "a constant inside a function that may be called several times";
    return;
  }
  if (!use.statistic.empty()) {
    const bool both = !place.empty();
    d.is_variable = true;
    d.kind = both ? VariableKind::kParameter : VariableKind::kStatistic;
    d.why = both ? concat("is both ", use.statistic, " and ", place,
                          ": the exporter merged equal tensors, so it stays as it is")
                 : use.statistic;
    return;
  }
  if (!place.empty()) {
    const std::string against = objection(use, place, value);
    d.is_variable = true;
    d.trainable = against.empty();
    d.why = against.empty() ? place : against;
    return;
  }
  // A factor of rank 1 and more can be trained when asked for; a scalar folds into the graph
  // unless it is named.
  d.is_variable = options.asked || d.shape.element_count() > 1;
  d.why = scalar               ? concat("a scalar, ", !use.bias.empty()     ? use.bias
                                                      : !use.weight.empty() ? use.weight
                                                                            : use.other)
          : !use.other.empty() ? use.other
                               : use.weight;
}

}  // namespace temper::graph
