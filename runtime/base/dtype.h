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
};

// Bytes per element; 1 for kOpaque, 0 for kUndefined.
std::size_t size_of(DType dtype);

std::string_view to_string(DType dtype);

// The type with this name, or kUndefined.
DType dtype_from_name(std::string_view name);

bool is_float(DType dtype);    // the four floating types
bool is_integer(DType dtype);  // signed and unsigned, not bool

}  // namespace temper
