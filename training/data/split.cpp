// Plain and stratified splits.
#include "training/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/base/error.h"
#include "training/data/permutation.h"

namespace temper::training {
namespace {

std::int64_t rows_for_val(std::int64_t count, double fraction) {
  TEMPER_CHECK(fraction > 0 && fraction < 1, ErrorCode::kInvalidArgument, "data.val_split is ",
               fraction, "; expected a fraction between 0 and 1, such as 0.2");
  TEMPER_CHECK(
      count >= 2, ErrorCode::kInvalidArgument, "a data set of ", count,
      " row cannot be split into training and validation rows; write data.val_split = 0 to train "
      "on it without validation");
  const auto wanted =
      static_cast<std::int64_t>(std::llround(fraction * static_cast<double>(count)));
  return std::clamp<std::int64_t>(wanted, 1, count - 1);
}

Split from_marks(const std::vector<bool>& in_val) {
  Split split;
  for (std::size_t row = 0; row < in_val.size(); ++row) {
    (in_val[row] ? split.val : split.train).push_back(static_cast<std::int64_t>(row));
  }
  return split;
}

struct Group {
  std::int64_t label = 0;
  std::vector<std::int64_t> rows;
  std::int64_t taken = 0;
  double remainder = 0;

  std::int64_t most() const { return static_cast<std::int64_t>(rows.size()) - 1; }
};

}  // namespace

namespace {

// The last rows of [begin, end) go to val, as split_rows_in_order() does; false: then nothing would
// be left to train on.
bool split_stretch(std::int64_t begin, std::int64_t end, double fraction, std::int64_t apart,
                   Split& split) {
  const std::int64_t first = end - rows_for_val(end - begin, fraction);
  const std::int64_t last = first - (apart - 1);
  for (std::int64_t row = begin; row < end && last > begin; ++row) {
    if (row < last || row >= first) {
      (row < last ? split.train : split.val).push_back(row);
    }
  }
  return last > begin;
}

}  // namespace

Split split_sequences_in_order(std::span<const std::int64_t> sequences, double fraction,
                               std::int64_t apart) {
  const auto count = static_cast<std::int64_t>(sequences.size());
  rows_for_val(count, fraction);  // checks
  const auto at = [&](std::int64_t row) { return sequences[static_cast<std::size_t>(row)]; };
  Split split;
  for (std::int64_t begin = 0; begin < count;) {
    std::int64_t end = begin + 1;
    while (end < count && at(end) == at(begin)) {
      ++end;
    }
    const bool is_short = end - begin < 2 || !split_stretch(begin, end, fraction, apart, split);
    for (std::int64_t row = begin; row < end && is_short; ++row) {
      split.train.push_back(row);
    }
    begin = end;
  }
  TEMPER_CHECK(!split.val.empty(), ErrorCode::kInvalidArgument, "data.val_split = ", fraction,
               " holds out nothing: each of the sequences is too short to be split",
               apart > 1 ? concat(" (samples nearer than ", apart, " overlap)") : "",
               "; write data.val");
  return split;
}

Split split_rows_in_order(std::int64_t count, double fraction, std::int64_t apart) {
  const std::int64_t held_out = rows_for_val(count, fraction);
  Split split;
  TEMPER_CHECK(split_stretch(0, count, fraction, apart, split), ErrorCode::kInvalidArgument,
               "data.val_split = ", fraction, " leaves nothing to train on: of ", count,
               " windows ", held_out, " are held out, and the ", apart - 1,
               " before them overlap with those; write a larger data.stride, or give data.val");
  return split;
}

Split split_rows(std::int64_t count, double fraction, std::uint64_t seed) {
  const std::int64_t wanted = rows_for_val(count, fraction);
  const KeyedPermutation order(count, seed, 0);
  std::vector<bool> in_val(static_cast<std::size_t>(count));
  for (std::int64_t i = 0; i < wanted; ++i) {
    in_val[static_cast<std::size_t>(order(i))] = true;
  }
  return from_marks(in_val);
}

Split split_rows_stratified(std::span<const std::int64_t> labels, double fraction,
                            std::uint64_t seed) {
  const auto count = static_cast<std::int64_t>(labels.size());
  std::int64_t left = rows_for_val(count, fraction);
  std::map<std::int64_t, Group> by_label;
  for (std::int64_t row = 0; row < count; ++row) {
    Group& group = by_label[labels[static_cast<std::size_t>(row)]];
    group.label = labels[static_cast<std::size_t>(row)];
    group.rows.push_back(row);
  }
  std::vector<Group*> groups;
  for (auto& [label, group] : by_label) {
    const double share = fraction * static_cast<double>(group.rows.size());
    group.taken = std::clamp<std::int64_t>(static_cast<std::int64_t>(share), 0, group.most());
    group.remainder = share - static_cast<double>(group.taken);
    left -= group.taken;
    groups.push_back(&group);
  }
  // The rows that rounding left over go to the labels that lost most by it.
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Group* a, const Group* b) { return a->remainder > b->remainder; });
  bool moved = true;
  while (left > 0 && moved) {
    moved = false;
    for (Group* group : groups) {
      if (left > 0 && group->taken < group->most()) {
        ++group->taken;
        --left;
        moved = true;
      }
    }
  }
  std::vector<bool> in_val(labels.size());
  std::uint64_t stream = 0;
  bool any = false;
  for (const auto& [label, group] : by_label) {
    const KeyedPermutation order(static_cast<std::int64_t>(group.rows.size()), seed, ++stream);
    for (std::int64_t i = 0; i < group.taken; ++i) {
      in_val[static_cast<std::size_t>(group.rows[static_cast<std::size_t>(order(i))])] = true;
      any = true;
    }
  }
  TEMPER_CHECK(any, ErrorCode::kInvalidArgument,
               "a stratified split needs a label with at least two rows; write "
               "data.stratify = false, or data.val_split = 0 to train without validation");
  return from_marks(in_val);
}

}  // namespace temper::training
