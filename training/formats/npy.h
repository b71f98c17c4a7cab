// NumPy's .npy format, versions 1 to 3: reading without copying where the file allows it, writing.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/memory/tensor.h"

namespace temper::training {

struct NpyHeader {
  DType dtype = DType::kUndefined;
  bool big_endian = false;
  bool fortran_order = false;
  Shape shape;
  std::size_t data_offset = 0;  // bytes before the first element
};

// Reads the header at the start of `bytes`; `where` names the file in messages.
// THROWS: kInvalidData (damaged), kUnsupported (strings, objects, complex numbers, records).
NpyHeader parse_npy_header(std::span<const std::byte> bytes, std::string_view where);

// The array in `buffer`, which holds a whole .npy file: a view of it when elements are stored as
// tensors are (C order, little-endian, aligned), a copy otherwise.
// THROWS: as parse_npy_header; kInvalidData when the size is not what the header says.
Tensor decode_npy(std::shared_ptr<Buffer> buffer, std::string_view where);

// Maps the file; the tensor is read-only.
Tensor read_npy(const std::string& path);

// The header numpy writes for such an array, padded to a multiple of 64 bytes.
// THROWS: kUnsupported for a dtype numpy does not have (bf16).
std::string npy_header(DType dtype, const Shape& shape);

// Writes atomically, in C order.
void write_npy(const std::string& path, const Tensor& tensor);

}  // namespace temper::training
