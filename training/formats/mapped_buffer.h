// A whole data file as a shared, read-only buffer, mapped into memory.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "runtime/memory/buffer.h"
#include "runtime/platform/file_descriptor.h"

namespace temper::training {

// The mapping lives as long as the last tensor that views it. Writing to it faults.
// THROWS: kIo when it cannot be opened or is no regular file.
std::shared_ptr<Buffer> map_buffer(const std::string& path);
// The same of an open file; `path` is for messages only.
std::shared_ptr<Buffer> map_buffer(const FileDescriptor& file, const std::string& path);
// The file `relative` of a folder; a name that leads out of it is an error (see open_beneath).
std::shared_ptr<Buffer> map_buffer_beneath(const std::string& folder, const std::string& relative);

inline std::span<const std::byte> bytes_of(const Buffer& buffer) {
  return {buffer.data(), buffer.bytes()};
}

}  // namespace temper::training
