// The elements of a tensor in logical order without a copy of the whole: for writing to files and
// reading from them.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "runtime/memory/tensor.h"

namespace temper {

// Takes the next bytes of the elements; they are valid during the call.
using TakePiece = std::function<void(std::span<const std::byte>)>;
// Fills in the next bytes of the elements.
using GivePiece = std::function<void(std::span<std::byte>)>;

// Elements in logical order, wherever they lie: what files are written from.
struct PlainValue {
  DType dtype = DType::kUndefined;
  Shape shape;
  std::function<void(const TakePiece&)> for_each_piece;  // may be called more than once

  std::int64_t bytes() const { return storage_bytes(dtype, shape, {}); }
};

// Shares the tensor's memory.
PlainValue plain_value(const Tensor& tensor);

// Bytes of the logical elements, without padding.
std::int64_t plain_bytes(const Tensor& tensor);

// Calls `take` with the bytes of to_plain(), about a megabyte at a time.
void for_each_plain_piece(const Tensor& tensor, const TakePiece& take);

// Sets all elements to what `give` fills in, about a megabyte at a time; padding becomes zero.
void fill_from_plain_pieces(Tensor& target, const GivePiece& give);

}  // namespace temper
