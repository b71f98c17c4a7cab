// The kinds of data that data.format can name.
#pragma once

namespace temper::training {

inline constexpr const char* kDataFormats[] = {
    "auto", "npz", "npy", "csv", "idx", "cifar10", "cifar100", "tokens", "jsonl", "manifest"};

}  // namespace temper::training
