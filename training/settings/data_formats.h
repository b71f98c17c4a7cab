// The kinds of data that data.format can name, and how pictures may be resized.
#pragma once

#include <cstdint>

namespace temper::training {

inline constexpr const char* kDataFormats[] = {"auto",  "npz",      "npy",      "csv",
                                               "idx",   "cifar10",  "cifar100", "tokens",
                                               "jsonl", "manifest", "images"};

inline constexpr const char* kResamplings[] = {"nearest", "bilinear", "bicubic"};
inline constexpr std::int64_t kMostSide = 16384;  // of a resized picture

}  // namespace temper::training
