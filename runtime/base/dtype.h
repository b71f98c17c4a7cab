// Element types of tensors. Names are those of the graph printer: f32, i64, bool, ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace temper {

enum class DType : std::uint8_t {
  kUndefined,  // an input or output that is not there
  kFloat32,
  kFloat64,
  kFloat16,
  kBFloat16,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kBool,
  kOpaque,  // bytes a kernel saves for its gradient (masks, workspaces); no shape
  // Narrow types (narrow_types.h): converted and moved, never computed with.
  kInt4,
  kUInt4,
  kInt2,
  kUInt2,
  kFloat8E4M3FN,
  kFloat8E4M3FNUZ,
  kFloat8E5M2,
  kFloat8E5M2FNUZ,
  kFloat8E8M0,
  kFloat4E2M1,
};

// Bytes per element in memory; 1 for kOpaque and narrow types, 0 for kUndefined.
std::size_t size_of(DType dtype);

// Bits per element in an ONNX file, where elements of fewer than 8 share bytes.
std::size_t file_bits(DType dtype);

std::string_view to_string(DType dtype);

// The type with this name, or kUndefined.
DType dtype_from_name(std::string_view name);

bool is_float(DType dtype);    // the four floating types
bool is_integer(DType dtype);  // signed and unsigned of 8 bits and more, not bool
bool is_narrow(DType dtype);   // integers of 4 and 2 bits, floats of 8 and 4

}  // namespace temper
