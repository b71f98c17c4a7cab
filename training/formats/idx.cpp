// IDX files: checked header, elements viewed (bytes) or byte-swapped into new memory.
#include "training/formats/idx.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "runtime/base/error.h"
#include "training/formats/gzip.h"
#include "training/formats/mapped_buffer.h"

namespace temper::training {
namespace {

DType dtype_of(std::byte code) {
  switch (std::to_integer<int>(code)) {
    case 0x08:
      return DType::kUInt8;
    case 0x09:
      return DType::kInt8;
    case 0x0b:
      return DType::kInt16;
    case 0x0c:
      return DType::kInt32;
    case 0x0d:
      return DType::kFloat32;
    case 0x0e:
      return DType::kFloat64;
    default:
      return DType::kUndefined;
  }
}

// Reverses the bytes of each element.
void copy_swapped(const std::byte* source, std::byte* target, std::size_t count,
                  std::size_t width) {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t b = 0; b < width; ++b) {
      target[i * width + b] = source[i * width + width - 1 - b];
    }
  }
}

}  // namespace

bool is_idx(std::span<const std::byte> bytes) {
  return bytes.size() >= 4 && bytes[0] == std::byte{0} && bytes[1] == std::byte{0} &&
         dtype_of(bytes[2]) != DType::kUndefined;
}

Tensor decode_idx(std::shared_ptr<Buffer> buffer, std::string_view where) {
  const std::span<const std::byte> bytes = bytes_of(*buffer);
  TEMPER_CHECK(bytes.size() >= 4, ErrorCode::kInvalidData, where, " has ", bytes.size(),
               " bytes; an IDX file has at least 4");
  TEMPER_CHECK(bytes[0] == std::byte{0} && bytes[1] == std::byte{0}, ErrorCode::kInvalidData, where,
               " is no IDX file: it does not begin with two zero bytes");
  const DType dtype = dtype_of(bytes[2]);
  TEMPER_CHECK(dtype != DType::kUndefined, ErrorCode::kUnsupported, where,
               " has the unknown IDX type ", std::to_integer<int>(bytes[2]));
  const int rank = std::to_integer<int>(bytes[3]);
  TEMPER_CHECK(rank <= kMaxRank, ErrorCode::kUnsupported, where, " has ", rank,
               " dimensions; the most is ", kMaxRank);
  const std::size_t header = 4 + 4 * static_cast<std::size_t>(rank);
  TEMPER_CHECK(bytes.size() >= header, ErrorCode::kInvalidData, where, " ends in its header");
  Shape shape;
  std::int64_t expected = static_cast<std::int64_t>(size_of(dtype));
  for (int axis = 0; axis < rank; ++axis) {
    std::int64_t dim = 0;
    for (std::size_t b = 0; b < 4; ++b) {
      dim = dim << 8 | std::to_integer<int>(bytes[4 + 4 * static_cast<std::size_t>(axis) + b]);
    }
    shape.push_back(dim);
    const bool overflow = dim > 0 && __builtin_mul_overflow(expected, dim, &expected);
    TEMPER_CHECK(!overflow && expected < (std::int64_t{1} << 61), ErrorCode::kInvalidData, where,
                 ": the header's dimensions have more elements than memory can hold");
  }
  expected = shape.element_count() * static_cast<std::int64_t>(size_of(dtype));
  const std::size_t actual = bytes.size() - header;
  TEMPER_CHECK(actual == static_cast<std::size_t>(expected), ErrorCode::kInvalidData, where,
               " has ", actual, " bytes of elements; its header (", dtype, shape, ") asks for ",
               expected);
  if (size_of(dtype) == 1) {
    return Tensor(dtype, shape, {}, std::move(buffer), header);
  }
  Tensor tensor(dtype, shape, {}, "an IDX file");
  copy_swapped(bytes.data() + header, static_cast<std::byte*>(tensor.data()),
               static_cast<std::size_t>(shape.element_count()), size_of(dtype));
  return tensor;
}

Tensor read_idx(const std::string& path) {
  std::shared_ptr<Buffer> buffer = map_buffer(path);
  if (is_gzip(bytes_of(*buffer))) {
    buffer = gunzip(bytes_of(*buffer), path);
  }
  return decode_idx(std::move(buffer), path);
}

}  // namespace temper::training
