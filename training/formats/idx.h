// The IDX format of the MNIST family: 00 00 type rank, the dimensions as big-endian u32, elements
// in C order, big-endian. Files compressed by gzip are read as they are.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "runtime/memory/tensor.h"

namespace temper::training {

// True when the bytes begin as an IDX file does (they may still be damaged).
bool is_idx(std::span<const std::byte> bytes);

// THROWS: kInvalidData (damaged, cut off, too long), kUnsupported (unknown element type).
Tensor decode_idx(std::shared_ptr<Buffer> buffer, std::string_view where);

// Maps the file (or decompresses it); the tensor is read-only.
Tensor read_idx(const std::string& path);

}  // namespace temper::training
