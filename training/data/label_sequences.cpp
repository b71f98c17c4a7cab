#include "training/data/label_sequences.h"

#include <algorithm>
#include <numeric>
#include <span>
#include <vector>

#include "runtime/base/error.h"
#include "training/data/batch_tensors.h"

namespace temper::training {
namespace {

constexpr std::int64_t kRowsAtOnce = 64;

// How many of the numbers are labels; the rest is padding. `where`: the row, for messages.
std::size_t count_labels(std::span<const std::int64_t> row, const LabelSequenceRules& rules,
                         const auto& where) {
  const auto end = std::find_if(row.begin(), row.end(), [](std::int64_t x) { return x < 0; });
  const auto count = static_cast<std::size_t>(end - row.begin());
  for (std::size_t i = 0; i < row.size(); ++i) {
    TEMPER_CHECK(i < count || row[i] < 0, ErrorCode::kInvalidData, where(), ", element [", i,
                 "]: the label ", row[i], " stands behind the padding ", row[count], " of element ",
                 count, "; labels come first, then numbers below 0");
    TEMPER_CHECK(row[i] < rules.classes, ErrorCode::kInvalidData, where(), ", element [", i,
                 "]: the label is ", row[i], "; the model has ", rules.classes,
                 " classes, so labels go from 0 to ", rules.classes - 1);
    TEMPER_CHECK(row[i] != rules.blank, ErrorCode::kInvalidData, where(), ", element [", i,
                 "]: the label is ", row[i],
                 ", the blank, which stands for no label; set loss.blank to the class that the "
                 "labels leave free, or pad with -1 if it is padding");
  }
  return count;
}

}  // namespace

void check_label_sequences(const Dataset& data, std::size_t field,
                           std::optional<std::size_t> lengths, const LabelSequenceRules& rules) {
  const auto width = static_cast<std::size_t>(data.fields()[field].row_shape.element_count());
  for (std::int64_t first = 0; first < data.count(); first += kRowsAtOnce) {
    std::vector<std::int64_t> rows(
        static_cast<std::size_t>(std::min(kRowsAtOnce, data.count() - first)));
    std::iota(rows.begin(), rows.end(), first);
    std::vector<Tensor> tensors = batch_tensors(data, static_cast<std::int64_t>(rows.size()));
    data.read(rows, tensors);
    const std::vector<std::int64_t> labels = tensors[field].values<std::int64_t>();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::span<const std::int64_t> row(labels.data() + i * width, width);
      const auto where = [&] { return data.where(field, rows[i]); };
      const auto count = static_cast<std::int64_t>(count_labels(row, rules, where));
      std::int64_t frames = rules.frames;
      if (lengths) {
        frames = tensors[*lengths].values<std::int64_t>()[i];
        TEMPER_CHECK(frames >= 0 && frames <= rules.frames, ErrorCode::kInvalidData,
                     data.where(*lengths, rows[i]), ": ", frames,
                     " frames; the model's output has ", rules.frames);
      }
      std::int64_t repeated = 0;
      for (std::int64_t k = 1; k < count; ++k) {
        repeated += row[static_cast<std::size_t>(k)] == row[static_cast<std::size_t>(k - 1)];
      }
      TEMPER_CHECK(rules.allows_impossible || count + repeated <= frames, ErrorCode::kInvalidData,
                   where(), ": ", count, " labels",
                   repeated == 0 ? "" : concat(" and a blank between ", repeated, " equal ones"),
                   " do not fit into ", frames,
                   " frames; loss.zero_infinity = true lets such rows count 0");
    }
  }
}

}  // namespace temper::training
