// Zip archives (the container of .npz and of PyTorch's .pt): checked reading, deterministic
// writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/memory/buffer.h"

namespace temper::training {

struct ZipEntry {
  std::string name;
  std::uint64_t bytes = 0;             // as claimed, uncompressed; read() checks it
  std::uint64_t compressed_bytes = 0;  // as claimed
};

// Threading: one thread at a time.
class ZipArchive {
 public:
  // THROWS: kIo, kInvalidData (no zip file, inconsistent directory, duplicate names).
  explicit ZipArchive(std::string path);
  ~ZipArchive();
  ZipArchive(const ZipArchive&) = delete;
  ZipArchive& operator=(const ZipArchive&) = delete;

  const std::vector<ZipEntry>& entries() const { return entries_; }

  // A whole member, decompressed. THROWS: kInvalidData when its size or checksum is not what the
  // directory says, kUnsupported when it is encrypted or compressed by an unknown method.
  std::shared_ptr<Buffer> read(std::size_t entry) const;

 private:
  struct Handle;
  std::string path_;
  std::unique_ptr<Handle> handle_;
  std::vector<ZipEntry> entries_;
};

// A member to be written: its bytes are the pieces one after the other.
struct ZipMember {
  std::string name;
  std::vector<std::span<const std::byte>> pieces;
};

// Writes atomically. Equal members give equal files: the time stamp is always 1980-01-01.
void write_zip(const std::string& path, const std::vector<ZipMember>& members, bool compress);

}  // namespace temper::training
