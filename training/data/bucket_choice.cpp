#include "training/data/bucket_choice.h"

#include <algorithm>
#include <limits>
#include <map>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"

namespace temper::training {
namespace {

constexpr std::size_t kMostCandidates = 512;
constexpr std::int64_t kMostByItself = 6;  // buckets that "auto" makes: each is a plan or two
constexpr double kLittle = 0.1;            // share that "auto" lets be filled up

struct Candidate {
  std::int64_t length = 0;  // of a bucket that ends here
  std::int64_t rows = 0;    // longer than the candidate before
  std::int64_t sum = 0;     // of their lengths
};

// The lengths that there are; of very many, evenly spread ones.
std::vector<Candidate> candidates_of(std::span<const std::int64_t> lengths) {
  std::map<std::int64_t, std::int64_t> counts;
  for (const std::int64_t length : lengths) {
    ++counts[length];
  }
  const std::size_t each = (counts.size() + kMostCandidates - 1) / kMostCandidates;
  std::vector<Candidate> made;
  std::size_t seen = 0;
  for (const auto& [length, rows] : counts) {
    if (seen++ % each == 0) {
      made.emplace_back();
    }
    made.back().length = length;
    made.back().rows += rows;
    made.back().sum += rows * length;
  }
  return made;
}

// For each number of buckets up to `most` the ones with the least filling: the best split of the
// sorted lengths into so many runs, each as long as its last.
std::vector<std::vector<std::int64_t>> best_buckets(const std::vector<Candidate>& all,
                                                    std::int64_t most) {
  const std::size_t n = all.size();
  std::vector<std::int64_t> rows(n + 1, 0);
  for (std::size_t i = 0; i < n; ++i) {
    rows[i + 1] = rows[i] + all[i].rows;
  }
  // best[i]: elements of the first i candidates in k buckets; from[k][i]: where the last begins.
  std::vector<std::int64_t> best(n + 1, std::numeric_limits<std::int64_t>::max() / 2);
  best[0] = 0;
  std::vector<std::vector<std::size_t>> from;
  std::vector<std::vector<std::int64_t>> found;
  for (std::int64_t k = 1; k <= most && k <= static_cast<std::int64_t>(n); ++k) {
    std::vector<std::int64_t> next(n + 1, std::numeric_limits<std::int64_t>::max() / 2);
    from.emplace_back(n + 1, 0);
    for (std::size_t i = 1; i <= n; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const std::int64_t cost = best[j] + (rows[i] - rows[j]) * all[i - 1].length;
        if (cost < next[i]) {
          next[i] = cost;
          from.back()[i] = j;
        }
      }
    }
    best = std::move(next);
    std::vector<std::int64_t> buckets;
    std::size_t end = n;
    for (std::size_t level = from.size(); level-- > 0;) {
      buckets.insert(buckets.begin(), all[end - 1].length);
      end = from[level][end];
    }
    found.push_back(std::move(buckets));
  }
  return found;
}

}  // namespace

std::size_t bucket_of(std::span<const std::int64_t> buckets, std::int64_t length) {
  return static_cast<std::size_t>(std::lower_bound(buckets.begin(), buckets.end(), length) -
                                  buckets.begin());
}

std::vector<std::int64_t> choose_buckets(std::span<const std::int64_t> lengths,
                                         const DataSettings& settings) {
  TEMPER_ASSERT(!lengths.empty());
  const std::int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  std::vector<std::int64_t> buckets = settings.buckets.lengths;
  if (!buckets.empty()) {
    std::sort(buckets.begin(), buckets.end());
    buckets.erase(std::unique(buckets.begin(), buckets.end()), buckets.end());
    TEMPER_CHECK(longest <= buckets.back(), ErrorCode::kInvalidArgument, "the longest sample has ",
                 longest, " steps, the largest of data.buckets is ", buckets.back(), "; add ",
                 longest, ", or cut what is longer: data.max_length = ", buckets.back());
    return buckets;
  }
  const std::vector<Candidate> all = candidates_of(lengths);
  const std::int64_t count = settings.buckets.count;
  std::vector<std::vector<std::int64_t>> found =
      best_buckets(all, count > 0 ? count : kMostByItself);
  for (const std::vector<std::int64_t>& few : found) {
    if (count == 0 && use_of(few, lengths).filled_share() <= kLittle) {
      return few;
    }
  }
  return found.back();
}

double BucketUse::filled_share() const {
  const std::int64_t all = there + filled;
  return all == 0 ? 0 : static_cast<double>(filled) / static_cast<double>(all);
}

BucketUse use_of(std::span<const std::int64_t> buckets, std::span<const std::int64_t> lengths) {
  BucketUse use;
  use.rows.assign(buckets.size(), 0);
  for (const std::int64_t length : lengths) {
    const std::size_t bucket = bucket_of(buckets, length);
    ++use.rows[bucket];
    use.there += length;
    use.filled += buckets[bucket] - length;
  }
  return use;
}

std::string describe(std::span<const std::int64_t> buckets, const BucketUse& use) {
  std::string text;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    text += concat(i == 0 ? "" : ", ", buckets[i], " (", use.rows[i],
                   use.rows[i] == 1 ? " sample)" : " samples)");
  }
  return concat(text, "; ", fixed_text(100 * use.filled_share(), 1), "% of it filled up");
}

}  // namespace temper::training
