// What a tensor of the model becomes: values of the checkpoint, turned, folded or picked from.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/onnx/surgery/weight_source.h"
#include "graph/onnx/surgery/weight_uses.h"

namespace temper::graph {

// The value for a tensor of this type and shape. A BatchNorm is folded in double, as
// w s / sqrt(var + eps) and (b - mean) s / sqrt(var + eps) + shift. THROWS: as
// UnreadTensor::read().
Tensor assigned_value(const SourceNames& names, const Assignment& from, DType dtype,
                      const Shape& shape);

// How a constant of the model can have been computed from a table of the checkpoint when it was
// exported: rows of it that follow each other, or all of it, repeated along axes. By the constant's
// own pattern: `value` is what the model has now. Nothing: it cannot.
std::optional<Assignment> as_part_of(const Tensor& value, const UnreadTensor& table);

// Finds the rows of `table` that are like the first ones of `value`, when the model was exported
// from values near the checkpoint's: the first row, or nothing when none is clearly like them.
std::optional<std::int64_t> alike_rows(const Tensor& value, const Tensor& table, std::int64_t rows);

}  // namespace temper::graph
