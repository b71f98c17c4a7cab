// Decompression of .gz files.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "runtime/memory/buffer.h"

namespace temper::training {

// True when the bytes begin as a gzip file does.
bool is_gzip(std::span<const std::byte> bytes);

// All members, one after the other. THROWS: kInvalidData naming `where` when it is damaged, cut off
// or followed by something else.
std::shared_ptr<Buffer> gunzip(std::span<const std::byte> bytes, std::string_view where);

}  // namespace temper::training
