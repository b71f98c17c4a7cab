// How often each training row is drawn, where not every row once an epoch.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace temper::training {

// 1 / (rows with the same label): every class is drawn equally often.
std::vector<double> balanced_weights(std::span<const std::int64_t> labels);

// Numbers of a .npy file, one for each of the data set's `count` rows, for `rows` of it.
// THROWS: kIo; kInvalidData when their number is another, or one is negative or not finite.
std::vector<double> read_sampling_weights(const std::string& path, std::int64_t count,
                                          std::span<const std::int64_t> rows);

}  // namespace temper::training
