// The binary files of CIFAR-10 and CIFAR-100: records of label bytes and 3 x 32 x 32 pixels.
// https://www.cs.toronto.edu/~kriz/cifar.html
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtime/memory/tensor.h"

namespace temper::training {

enum class CifarKind {
  k10,   // one label byte, 0 to 9
  k100,  // a coarse label 0 to 19, then a fine one 0 to 99
};

inline constexpr std::int64_t kCifarSide = 32;
inline constexpr std::int64_t kCifarPixels = 3 * kCifarSide * kCifarSide;

constexpr std::int64_t cifar_record_bytes(CifarKind kind) {
  return kCifarPixels + (kind == CifarKind::k10 ? 1 : 2);
}

// All records of the files, in order.
struct CifarRecords {
  Tensor images;                   // u8 [N, 3, 32, 32]
  Tensor labels;                   // u8 [N]: CIFAR-10's, or CIFAR-100's fine ones
  Tensor coarse_labels;            // u8 [N]; empty for CIFAR-10
  std::vector<std::int64_t> ends;  // records up to the end of each file
};

// THROWS: kIo; kInvalidData for a file that is no whole number of records and for a label out of
// range, with file and record.
CifarRecords read_cifar(const std::vector<std::string>& paths, CifarKind kind);

}  // namespace temper::training
