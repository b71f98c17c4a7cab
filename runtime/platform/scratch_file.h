// A file without a name, for what does not fit in memory for a while: gone when it is closed, also
// when the process is killed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "runtime/platform/file_descriptor.h"

namespace temper {

class ScratchFile {
 public:
  // On the disk of `folder`. THROWS: kIo.
  explicit ScratchFile(const std::string& folder);

  // At the end. THROWS: kIo, also for a full disk.
  void write(std::span<const std::byte> data);
  std::uint64_t bytes() const { return bytes_; }
  void read(std::uint64_t offset, std::span<std::byte> out) const;

 private:
  std::string shown_;
  FileDescriptor file_;
  std::uint64_t bytes_ = 0;
};

}  // namespace temper
