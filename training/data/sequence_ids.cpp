#include "training/data/sequence_ids.h"

#include <map>
#include <string_view>

#include "runtime/base/error.h"

namespace temper::training {

std::vector<std::int64_t> number_sequences(std::span<const std::string> ids,
                                           const std::function<std::string(std::int64_t)>& where) {
  std::vector<std::int64_t> numbers;
  std::map<std::string_view, std::int64_t> ends;  // the last row of each so far
  std::int64_t number = -1;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const auto [known, is_new] = ends.emplace(ids[i], row);
    TEMPER_CHECK(is_new || known->second == row - 1, ErrorCode::kInvalidData, where(row),
                 " is of sequence '", ids[i], "' again, whose rows ended at ", where(known->second),
                 ": the rows of a sequence stand one after the other, in the order of time");
    known->second = row;
    number += is_new ? 1 : 0;
    numbers.push_back(number);
  }
  return numbers;
}

std::vector<std::string> sequence_ids(const Tensor& array, const std::string& source) {
  TEMPER_CHECK(is_integer(array.dtype()) && array.shape().rank() == 1, ErrorCode::kInvalidData,
               source, " is ", array.dtype(), array.shape(),
               "; data.sequence takes a whole number or a text for each row");
  std::vector<std::string> ids;
  for (const std::int64_t id : array.values<std::int64_t>()) {
    ids.push_back(concat(id));
  }
  return ids;
}

}  // namespace temper::training
