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

Split split_rows_in_order(std::int64_t count, double fraction, std::int64_t apart) {
  const std::int64_t first = count - rows_for_val(count, fraction);
  const std::int64_t train = first - (apart - 1);
  TEMPER_CHECK(train > 0, ErrorCode::kInvalidArgument, "data.val_split = ", fraction,
               " leaves nothing to train on: of ", count, " windows ", count - first,
               " are held out, and the ", apart - 1,
               " before them overlap with those; write a larger data.stride, or give data.val");
  Split split;
  for (std::int64_t row = 0; row < count; ++row) {
    if (row < train || row >= first) {
      (row < train ? split.train : split.val).push_back(row);
    }
  }
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
