// The kinds of data, which data.format can name, and how pictures may be resized. A new kind is a
// name here, how it is told from others (data/data_kind.cpp) and who opens it
// (data/open_dataset.cpp).
#pragma once

#include <cstdint>

namespace temper::training {

enum class DataKind {
  kNpz,
  kNpy,
  kTable,
  kIdx,
  kCifar10,
  kCifar100,
  kTokens,
  kJson,
  kManifest,
  kImages,
  kNpyFolder  // has no name in data.format
};

// "auto", then the kinds' names in the order of DataKind.
inline constexpr const char* kDataFormats[] = {"auto",  "npz",      "npy",      "csv",
                                               "idx",   "cifar10",  "cifar100", "tokens",
                                               "jsonl", "manifest", "images"};

// For help and messages.
inline constexpr const char* kDataKindsHelp =
    ".npz, .npy, .csv, IDX, CIFAR's .bin (a file, a folder or data_batch_*.bin), tokens (a file or "
    "train_*.bin), .jsonl, .json (records, or the manifest of raw arrays), a folder of pictures";

inline constexpr const char* kResamplings[] = {"nearest", "bilinear", "bicubic"};
inline constexpr std::int64_t kMostSide = 16384;  // of a resized picture

}  // namespace temper::training
