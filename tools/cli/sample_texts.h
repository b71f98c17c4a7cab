// Samples that are no pictures, in words and numbers.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "training/data/dataset.h"

namespace temper::cli {

// Each row's place and what its fields hold, a line each: the first numbers, the name of a class,
// or the text that tokens with a name each (`class_names`) make.
std::vector<std::string> sample_texts(const training::Dataset& data,
                                      std::span<const std::int64_t> rows,
                                      const std::vector<std::string>& class_names);

}  // namespace temper::cli
