#include "graph/onnx/decide_tensor.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <span>

#include "runtime/base/concat.h"
#include "runtime/base/dtype_visit.h"

namespace temper::graph {
namespace {

// Added to scores before a softmax, such a value switches them off.
constexpr double kMaskValue = -1e4;

template <class T>
bool looks_like_mask(std::span<const T> values) {
  return std::any_of(values.begin(), values.end(), [](T value) { return value <= kMaskValue; });
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

// Why its values speak against training what stands in a place that is trained, or "".
std::string objection(const TensorUse& use, const std::function<Tensor()>& value) {
  const bool table = use.weight.starts_with("embedding");
  if (!use.weight.empty() && !table) {
    return {};
  }
  const Tensor tensor = value();
  const std::string& place = table ? use.weight : !use.scale.empty() ? use.scale : use.bias;
  return visit_float(tensor.dtype(), [&]<class T>() -> std::string {
    const std::span<const T> values = tensor.span<T>();
    if (looks_like_sines(tensor.shape(), values)) {
      return concat("a table of sines and cosines: ", place);
    }
    if (!use.bias.empty() && !table && looks_like_mask(values)) {
      return concat("a mask: ", use.bias, ", with values of ", kMaskValue, " and below");
    }
    if (!use.scale.empty() && looks_like_selection(values)) {
      return concat("a mask: ", use.scale, ", with values of 0 and 1");
    }
    return {};
  });
}

}  // namespace

void decide_tensor(TensorDecision& d, const TensorUse& use, const std::function<Tensor()>& value,
                   const DecisionOptions& options) {
  const bool scalar = d.shape.rank() == 0;
  const bool weight = !use.weight.empty() && !scalar &&
                      !(use.weight.starts_with("embedding") && d.shape.rank() < 2);
  const bool scale = !use.scale.empty() && !scalar;
  const bool bias = !use.bias.empty() && !scalar;
  const std::string& place = weight ? use.weight : scale ? use.scale : use.bias;
  if (!options.may_be_variable) {
    d.why = "a constant inside a function that may be called several times";
    return;
  }
  if (!use.statistic.empty()) {
    const bool both = weight || scale || bias;
    d.is_variable = true;
    d.kind = both ? VariableKind::kParameter : VariableKind::kStatistic;
    d.why = both ? concat("is both ", use.statistic, " and ", place,
                          ": the exporter merged equal tensors, so it stays as it is")
                 : use.statistic;
    return;
  }
  if (weight || scale || bias) {
    const std::string against = objection(use, value);
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
