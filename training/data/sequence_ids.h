// Which rows of a data set are of one sequence, told by an id per row.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/memory/tensor.h"

namespace temper::training {

// Numbers for Dataset::sequences(). `where` names a row in messages.
// THROWS: kInvalidData where the rows of a sequence do not stand one after the other.
std::vector<std::int64_t> number_sequences(std::span<const std::string> ids,
                                           const std::function<std::string(std::int64_t)>& where);

// The ids of an array of whole numbers with one for each row. THROWS: kInvalidData for any other.
std::vector<std::string> sequence_ids(const Tensor& array, const std::string& source);

}  // namespace temper::training
