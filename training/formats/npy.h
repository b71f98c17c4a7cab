// NumPy's .npy format, versions 1 to 3: reading without copying where the file allows it, writing.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/memory/tensor.h"

namespace temper::training {

struct NpyHeader {
  DType dtype = DType::kUndefined;
  bool big_endian = false;
  bool fortran_order = false;
  Shape shape;
  std::size_t data_offset = 0;  // bytes before the first element
  // Of an array of texts (numpy's U and S), whose dtype is kUndefined: the characters of each
  // element, padded with zeros, and the bytes of a character (4 or 1).
  std::size_t text_length = 0;
  std::size_t character_bytes = 0;
};

// Reads the header at the start of `bytes`; `where` names the file in messages.
// THROWS: kInvalidData (damaged), kUnsupported (texts unless `texts`, objects, complex numbers,
// records).
NpyHeader parse_npy_header(std::span<const std::byte> bytes, std::string_view where,
                           bool texts = false);

// The array in `buffer`, which holds a whole .npy file: a view of it when elements are stored as
// tensors are (C order, little-endian, aligned), a copy otherwise.
// THROWS: as parse_npy_header; kInvalidData when the size is not what the header says.
Tensor decode_npy(std::shared_ptr<Buffer> buffer, std::string_view where);

// More texts than this are refused.
inline constexpr std::size_t kMostTexts = std::size_t{1} << 24;

// The elements of an array of texts with one dimension, as UTF-8; nothing when it is another array.
// THROWS: kInvalidData when it is damaged.
std::optional<std::vector<std::string>> decode_npy_texts(std::span<const std::byte> file,
                                                         std::string_view where);

// Maps the file; the tensor is read-only.
Tensor read_npy(const std::string& path);

// A whole .npy file of texts (UTF-8), as numpy's U; what is no UTF-8 becomes U+FFFD.
std::string encode_npy_texts(std::span<const std::string> texts);

// The header numpy writes for such an array, padded to a multiple of 64 bytes.
// THROWS: kUnsupported for a dtype numpy does not have (bf16).
std::string npy_header(DType dtype, const Shape& shape);
// The same for a type by numpy's code, such as "<U12".
std::string npy_header(std::string_view code, const Shape& shape);

// Writes atomically, in C order.
void write_npy(const std::string& path, const Tensor& tensor);

}  // namespace temper::training
