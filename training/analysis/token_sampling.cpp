#include "training/analysis/token_sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "backends/common/philox.h"
#include "runtime/base/error.h"

namespace temper::training {

void check_sampling(const TokenSampling& sampling) {
  TEMPER_CHECK(sampling.temperature >= 0 && std::isfinite(sampling.temperature),
               ErrorCode::kInvalidArgument, "the temperature is ", sampling.temperature,
               ", expected 0 or more");
  TEMPER_CHECK(sampling.top_k >= 0, ErrorCode::kInvalidArgument, "top-k is ", sampling.top_k,
               ", expected 0 or more");
  TEMPER_CHECK(sampling.top_p > 0 && sampling.top_p <= 1, ErrorCode::kInvalidArgument, "top-p is ",
               sampling.top_p, ", expected above 0, up to 1");
}

std::int64_t sample_token(std::span<const float> scores, const TokenSampling& sampling,
                          std::int64_t place) {
  for (std::size_t i = 0; i < scores.size(); ++i) {
    TEMPER_CHECK(scores[i] < std::numeric_limits<float>::infinity(), ErrorCode::kDiverged,
                 "the score of token ", i, " is ", scores[i]);
  }
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return scores[a] > scores[b]; });
  const auto most = static_cast<double>(scores[order.front()]);
  TEMPER_CHECK(std::isfinite(most), ErrorCode::kDiverged, "the score of every token is ", most);
  if (sampling.temperature == 0) {
    return static_cast<std::int64_t>(order.front());
  }
  if (sampling.top_k > 0 && static_cast<std::size_t>(sampling.top_k) < order.size()) {
    order.resize(static_cast<std::size_t>(sampling.top_k));
  }
  std::vector<double> shares;
  double total = 0;
  for (const std::size_t token : order) {
    shares.push_back(std::exp((static_cast<double>(scores[token]) - most) / sampling.temperature));
    total += shares.back();
  }
  std::size_t kept = 0;
  double reached = 0;
  while (kept < shares.size() && (kept == 0 || reached < sampling.top_p * total)) {
    reached += shares[kept++];
  }
  const PhiloxStream stream(sampling.seed, 0);
  const double u = static_cast<double>(stream.word(static_cast<std::uint64_t>(place))) * 0x1p-32;
  double passed = 0;
  for (std::size_t i = 0; i + 1 < kept; ++i) {
    passed += shares[i];
    if (u * reached < passed) {
      return static_cast<std::int64_t>(order[i]);
    }
  }
  return static_cast<std::int64_t>(order[kept - 1]);
}

}  // namespace temper::training
