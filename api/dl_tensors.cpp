#include "api/dl_tensors.h"

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

#include "api/status.h"
#include "runtime/base/error.h"

namespace temper::api {
namespace {

struct TypePair {
  DType dtype;
  DLDataTypeCode code;
  std::uint8_t bits;
};
constexpr TypePair kTypes[] = {
    {DType::kFloat32, kDLFloat, 32}, {DType::kFloat64, kDLFloat, 64},
    {DType::kFloat16, kDLFloat, 16}, {DType::kBFloat16, kDLBfloat, 16},
    {DType::kInt8, kDLInt, 8},       {DType::kInt16, kDLInt, 16},
    {DType::kInt32, kDLInt, 32},     {DType::kInt64, kDLInt, 64},
    {DType::kUInt8, kDLUInt, 8},     {DType::kUInt16, kDLUInt, 16},
    {DType::kUInt32, kDLUInt, 32},   {DType::kUInt64, kDLUInt, 64},
    {DType::kBool, kDLBool, 8},
};

DType type_of(const DLTensor& given, const char* name) {
  for (const TypePair& type : kTypes) {
    if (given.dtype.code == type.code && given.dtype.bits == type.bits && given.dtype.lanes == 1) {
      return type.dtype;
    }
  }
  fail(ErrorCode::kUnsupported, "array '", name, "' has the DLPack type code ",
       static_cast<int>(given.dtype.code), " with ", static_cast<int>(given.dtype.bits),
       " bits and ", static_cast<int>(given.dtype.lanes),
       " lanes; expected floats of 16 to 64 bits, integers of 8 to 64, or bool, with one lane");
}

// THROWS: where the product does not fit.
Shape shape_of(const DLTensor& given, const char* name) {
  TEMPER_CHECK(given.ndim >= 0 && given.ndim <= kMaxRank, ErrorCode::kInvalidArgument, "array '",
               name, "' has ", given.ndim, " dimensions; at most ", kMaxRank, " are taken");
  TEMPER_CHECK(given.ndim == 0 || given.shape != nullptr, ErrorCode::kInvalidArgument, "array '",
               name, "' has no shape");
  Shape shape;
  std::int64_t elements = 1;
  for (int axis = 0; axis < given.ndim; ++axis) {
    const std::int64_t size = given.shape[axis];
    TEMPER_CHECK(size >= 0 && (size == 0 ||
                               elements <= std::numeric_limits<std::int64_t>::max() / 16 / size),
                 ErrorCode::kInvalidArgument, "array '", name, "' has ", size,
                 " elements in dimension ", axis, ", which cannot be");
    elements *= size > 0 ? size : 1;
    shape.push_back(size);
  }
  return shape;
}

std::byte* data_of(const DLTensor& given, const Shape& shape, const char* name) {
  TEMPER_CHECK(given.device.device_type == kDLCPU, ErrorCode::kUnsupported, "array '", name,
               "' lies on a device of DLPack's type ", static_cast<int>(given.device.device_type),
               "; arrays are taken from the memory of the CPU (1)");
  TEMPER_CHECK(given.data != nullptr || shape.element_count() == 0, ErrorCode::kInvalidArgument,
               "array '", name, "' has no data");
  return static_cast<std::byte*>(given.data) + given.byte_offset;
}

bool is_compact(const DLTensor& given, const Shape& shape) {
  if (given.strides == nullptr) {
    return true;
  }
  std::int64_t expected = 1;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (shape[axis] != 1 && given.strides[axis] != expected) {
      return false;
    }
    expected *= shape[axis];
  }
  return true;
}

// Calls `visit` with the place of each element, in logical order, in bytes from the first.
template <class Visit>
void for_each_place(const DLTensor& given, const Shape& shape, std::size_t size,
                    const Visit& visit) {
  std::vector<std::int64_t> at(static_cast<std::size_t>(shape.rank()), 0);
  const std::int64_t count = shape.element_count();
  for (std::int64_t i = 0; i < count; ++i) {
    std::int64_t place = 0;
    for (std::size_t axis = 0; axis < at.size(); ++axis) {
      place += at[axis] * given.strides[axis];
    }
    visit(place * static_cast<std::int64_t>(size));
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      if (++at[static_cast<std::size_t>(axis)] < shape[axis]) {
        break;
      }
      at[static_cast<std::size_t>(axis)] = 0;
    }
  }
}

bool is_aligned(const std::byte* data, std::size_t size) {
  return reinterpret_cast<std::uintptr_t>(data) % size == 0;
}

}  // namespace

Tensor tensor_of(const DLTensor& given, const char* name) {
  const DType dtype = type_of(given, name);
  const Shape shape = shape_of(given, name);
  std::byte* data = data_of(given, shape, name);
  const std::size_t size = size_of(dtype);
  const bool compact = is_compact(given, shape);
  // A bool of another program may be any byte.
  if (compact && is_aligned(data, size) && shape.element_count() > 0 && dtype != DType::kBool) {
    const auto bytes = static_cast<std::size_t>(shape.element_count()) * size;
    return Tensor(dtype, shape, {}, Buffer::wrap(data, bytes, nullptr));
  }
  Tensor copy(dtype, shape, {}, "an array given");
  auto* to = static_cast<std::byte*>(copy.data());
  if (compact) {
    std::memcpy(to, data, static_cast<std::size_t>(copy.bytes()));
  } else {
    for_each_place(given, shape, size, [&](std::int64_t place) {
      std::memcpy(to, data + place, size);
      to += size;
    });
  }
  if (dtype == DType::kBool) {
    auto* bytes = static_cast<std::uint8_t*>(copy.data());
    for (std::int64_t i = 0; i < copy.bytes(); ++i) {
      bytes[i] = bytes[i] != 0 ? 1 : 0;
    }
  }
  return copy;
}

training::NamedArrays arrays_of(const temper_array* arrays, std::size_t count) {
  TEMPER_CHECK(arrays != nullptr || count == 0, ErrorCode::kInvalidArgument, "the arrays are NULL");
  training::NamedArrays named;
  for (std::size_t i = 0; i < count; ++i) {
    const char* name = &required(arrays[i].name, "the name of an array");
    for (const auto& [known, tensor] : named) {
      TEMPER_CHECK(known != name, ErrorCode::kInvalidArgument, "two arrays are named '", name, "'");
    }
    named.emplace_back(name, tensor_of(required(arrays[i].tensor, name), name));
  }
  return named;
}

DLDataType dl_type(DType dtype) {
  for (const TypePair& type : kTypes) {
    if (type.dtype == dtype) {
      return {static_cast<std::uint8_t>(type.code), type.bits, 1};
    }
  }
  fail(ErrorCode::kUnsupported, "DLPack has no type for ", dtype);
}

void copy_out(const Tensor& value, const DLTensor& into, const char* name) {
  const DType dtype = type_of(into, name);
  const Shape shape = shape_of(into, name);
  TEMPER_CHECK(shape == value.shape(), ErrorCode::kInvalidArgument, "'", name, "' has the shape ",
               value.shape(), ", the memory for it ", shape);
  std::byte* data = data_of(into, shape, name);
  const Tensor plain = value.to_plain(dtype);
  const auto* from = static_cast<const std::byte*>(plain.data());
  const std::size_t size = size_of(dtype);
  if (is_compact(into, shape)) {
    std::memcpy(data, from, static_cast<std::size_t>(plain.bytes()));
    return;
  }
  for_each_place(into, shape, size, [&](std::int64_t place) {
    std::memcpy(data + place, from, size);
    from += size;
  });
}

}  // namespace temper::api
