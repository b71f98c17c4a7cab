// The elements of a tensor in logical order without a copy of the whole: for writing to files.
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "runtime/memory/tensor.h"

namespace temper {

// Bytes of the logical elements, without padding.
std::int64_t plain_bytes(const Tensor& tensor);

// Calls `take` with the bytes of to_plain(), about a megabyte at a time; they are valid during the
// call.
void for_each_plain_piece(const Tensor& tensor,
                          const std::function<void(std::span<const std::byte>)>& take);

}  // namespace temper
