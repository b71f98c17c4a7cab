// Fingerprints of data files.
#include "training/data/fingerprint.h"

#include <cstdint>
#include <span>

#include "runtime/base/concat.h"
#include "training/formats/mapped_buffer.h"
#include "training/formats/sha256.h"

namespace temper::training {

std::string fingerprint_files(const std::vector<std::string>& paths, bool complete) {
  constexpr std::size_t kEnd = std::size_t{1} << 20;
  Sha256 hash;
  std::uint64_t total = 0;
  for (const std::string& path : paths) {
    const auto buffer = map_buffer(path);
    const std::span<const std::byte> bytes = bytes_of(*buffer);
    total += bytes.size();
    hash.update(concat(bytes.size(), ";"));
    if (complete || bytes.size() <= 2 * kEnd) {
      hash.update(bytes);
    } else {
      hash.update(bytes.first(kEnd));
      hash.update(bytes.last(kEnd));
    }
  }
  return concat(total, "-", hash.finish());
}

}  // namespace temper::training
