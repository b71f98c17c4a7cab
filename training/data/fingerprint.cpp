// Fingerprints of data files.
#include "training/data/fingerprint.h"

#include <cstdint>

#include "runtime/base/concat.h"
#include "runtime/platform/files.h"
#include "training/formats/sha256.h"

namespace temper::training {

std::string fingerprint_files(const std::vector<std::string>& paths, bool complete) {
  constexpr std::uint64_t kEnd = std::uint64_t{1} << 20;
  Sha256 hash;
  std::uint64_t total = 0;
  for (const std::string& path : paths) {
    std::uint64_t bytes = 0;
    const FileDescriptor file = open_file(path, bytes);
    total += bytes;
    hash.update(concat(bytes, ";"));
    if (complete || bytes <= 2 * kEnd) {
      hash.update(file, 0, bytes, path);
    } else {
      hash.update(file, 0, kEnd, path);
      hash.update(file, bytes - kEnd, bytes, path);
    }
  }
  return concat(total, "-", hash.finish());
}

}  // namespace temper::training
