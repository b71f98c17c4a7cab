// SHA-256 (FIPS 180-4), for fingerprints of data sets and checkpoints; by the processor's SHA
// instructions where it has them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/platform/file_descriptor.h"

namespace temper::training {

class Sha256 {
 public:
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  // The bytes of a file from `begin` to `end`, read a piece at a time: the pages of a mapping would
  // count as memory of the process. `path` is for messages only. THROWS: kIo.
  void update(const FileDescriptor& file, std::uint64_t begin, std::uint64_t end,
              const std::string& path);

  // The digest of all bytes given so far as 64 lower-case hexadecimal digits; the object is spent.
  std::string finish();

 private:
  // Takes in whole blocks of 64 bytes.
  void blocks(const std::uint8_t* data, std::size_t count);

  std::array<std::uint32_t, 8> state_{0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
                                      0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u};
  std::array<std::uint8_t, 64> pending_{};
  std::size_t pending_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
};

std::string sha256_hex(std::span<const std::byte> bytes);
// Of all bytes of a file. THROWS: kIo.
std::string sha256_of_file(const std::string& path);

}  // namespace temper::training
