// Which token comes next, from a model's scores: what language models are sampled with.
#pragma once

#include <cstdint>
#include <span>

namespace temper::training {

struct TokenSampling {
  double temperature = 1;  // divides the scores; 0: always the likeliest token
  std::int64_t top_k = 0;  // only so many of the likeliest; 0: all
  double top_p = 1;        // only the likeliest that together have this probability
  std::uint64_t seed = 0;
};

// THROWS: kInvalidArgument for a negative temperature or top_k, or top_p outside (0, 1].
void check_sampling(const TokenSampling& sampling);

// The token drawn for place `place` of a text: the same for equal scores, seed and place. As in
// transformers, temperature comes first, then top_k, then top_p; of equal scores the first token
// counts as the likelier. REQUIRES: at least one score. THROWS: kDiverged for a score that is NaN
// or infinity; one of -infinity is never drawn.
std::int64_t sample_token(std::span<const float> scores, const TokenSampling& sampling,
                          std::int64_t place);

}  // namespace temper::training
