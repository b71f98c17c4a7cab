// The elements of .npy files: checked sizes, views where possible, byte swapping, Fortran order.
#include "training/formats/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "training/formats/mapped_buffer.h"

namespace temper::training {
namespace {

template <class Word>
Word swap_bytes(Word value) {
  if constexpr (sizeof(Word) == 2) {
    return __builtin_bswap16(value);
  } else if constexpr (sizeof(Word) == 4) {
    return __builtin_bswap32(value);
  } else if constexpr (sizeof(Word) == 8) {
    return __builtin_bswap64(value);
  } else {
    return value;
  }
}

template <class Word>
Word load(const std::byte* data, std::int64_t index, bool swap) {
  Word word;
  std::memcpy(&word, data + static_cast<std::size_t>(index) * sizeof(Word), sizeof(Word));
  return swap ? swap_bytes(word) : word;
}

// Writes the elements in row-major order, whatever order and alignment `data` has.
template <class Word>
void copy_in_order(const NpyHeader& header, const std::byte* data, Word* out) {
  const Shape& shape = header.shape;
  const std::int64_t count = shape.element_count();
  if (!header.fortran_order || shape.rank() < 2) {
    for (std::int64_t i = 0; i < count; ++i) {
      out[i] = load<Word>(data, i, header.big_endian);
    }
    return;
  }
  std::array<std::int64_t, kMaxRank> index{};
  std::array<std::int64_t, kMaxRank> stride{};
  std::int64_t step = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    stride[static_cast<std::size_t>(axis)] = step;
    step *= shape[axis];
  }
  std::int64_t source = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    out[i] = load<Word>(data, source, header.big_endian);
    for (int axis = shape.rank() - 1; axis >= 0; --axis) {
      const auto a = static_cast<std::size_t>(axis);
      source += stride[a];
      if (++index[a] < shape[axis]) {
        break;
      }
      source -= stride[a] * shape[axis];
      index[a] = 0;
    }
  }
}

Tensor copy_array(const NpyHeader& header, const std::byte* data) {
  Tensor tensor(header.dtype, header.shape, {}, "an array of a data file");
  switch (size_of(header.dtype)) {
    case 1:
      copy_in_order(header, data, static_cast<std::uint8_t*>(tensor.data()));
      break;
    case 2:
      copy_in_order(header, data, static_cast<std::uint16_t*>(tensor.data()));
      break;
    case 4:
      copy_in_order(header, data, static_cast<std::uint32_t*>(tensor.data()));
      break;
    default:
      copy_in_order(header, data, static_cast<std::uint64_t*>(tensor.data()));
  }
  if (header.dtype == DType::kBool) {  // a bool of another value is undefined in C++
    auto* bytes = static_cast<std::uint8_t*>(tensor.data());
    std::for_each(bytes, bytes + tensor.bytes(), [](std::uint8_t& b) { b = b != 0 ? 1 : 0; });
  }
  return tensor;
}

bool all_zero_or_one(const std::byte* data, std::size_t bytes) {
  return std::all_of(data, data + bytes, [](std::byte b) { return b <= std::byte{1}; });
}

}  // namespace

Tensor decode_npy(std::shared_ptr<Buffer> buffer, std::string_view where) {
  const NpyHeader header = parse_npy_header(bytes_of(*buffer), where);
  const std::size_t expected =
      static_cast<std::size_t>(header.shape.element_count()) * size_of(header.dtype);
  const std::size_t actual = buffer->bytes() - header.data_offset;
  TEMPER_CHECK(actual == expected, ErrorCode::kInvalidData, where, " has ", actual,
               " bytes of elements; its header (", header.dtype, header.shape, ") asks for ",
               expected, actual < expected ? ". Is the file cut off?" : "");
  const std::byte* data = buffer->data() + header.data_offset;
  const bool ordered = !header.fortran_order || header.shape.rank() < 2;
  const bool aligned = std::bit_cast<std::uintptr_t>(data) % size_of(header.dtype) == 0;
  if (std::endian::native == std::endian::little && ordered && aligned && !header.big_endian &&
      (header.dtype != DType::kBool || all_zero_or_one(data, expected))) {
    return Tensor(header.dtype, header.shape, {}, std::move(buffer), header.data_offset);
  }
  return copy_array(header, data);
}

Tensor read_npy(const std::string& path) { return decode_npy(map_buffer(path), path); }

void write_npy(const std::string& path, const Tensor& tensor) {
  const Tensor plain = tensor.layout().plain ? tensor : tensor.to_plain();
  AtomicFile file(path);
  file.write(npy_header(plain.dtype(), plain.shape()));
  file.write(std::span(static_cast<const std::byte*>(plain.data()),
                       static_cast<std::size_t>(plain.bytes())));
  file.commit();
}

}  // namespace temper::training
