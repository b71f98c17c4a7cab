#include "backends/cpu/attention_loops.h"

#include <algorithm>
#include <limits>

#include "backends/common/functors.h"
#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/lane_totals.h"
#include "backends/cpu/vector_math.h"

namespace temper::cpu {
namespace {

// The rest of a row is computed as a whole vector too, beside it: element by element an exponential
// takes as long as a vector of them.
constexpr int kLanes = 16;

[[gnu::always_inline]] inline void gradients_of(std::int64_t n, float* p, float scale,
                                                const float* bias, std::int64_t bias_step,
                                                float lse, float* dp, float through, float factor) {
  const auto finish = [=](std::int64_t i, float score) {
    const float share = exp_of(score - lse);
    p[i] = share;
    dp[i] = factor * share * (dp[i] - through);
  };
  if (bias == nullptr) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      finish(i, p[i] * scale);
    }
  } else if (bias_step == 0) {
    const float shift = *bias;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      finish(i, p[i] * scale + shift);
    }
  } else {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      finish(i, p[i] * scale + bias[i]);
    }
  }
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
float score_row(std::int64_t n, float* s, float scale, const float* bias, std::int64_t bias_step) {
  if (bias == nullptr) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      s[i] = s[i] * scale;
    }
  } else if (bias_step == 0) {
    const float shift = *bias;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      s[i] = s[i] * scale + shift;
    }
  } else {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      s[i] = s[i] * scale + bias[i];
    }
  }
  float tops[kLanes];
  std::fill(tops, tops + kLanes, -std::numeric_limits<float>::infinity());
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      tops[j] = functors::Max{}(tops[j], s[i + j]);
    }
  }
  for (int j = 0; i < n; ++i, ++j) {
    tops[j] = functors::Max{}(tops[j], s[i]);
  }
  return joined_lanes(tops, functors::Max{});
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
float share_row(std::int64_t n, float* s, float top) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      const float share = exp_of(s[i + j] - top);
      s[i + j] = share;
      lanes[j] += share;
    }
  }
  if (const std::int64_t rest = n - i; rest > 0) {
    float tail[kLanes];
    std::fill(tail, tail + kLanes, top);
    std::copy_n(s + i, rest, tail);
    for (int j = 0; j < kLanes; ++j) {
      tail[j] = exp_of(tail[j] - top);
      lanes[j] += j < rest ? tail[j] : 0.0f;
    }
    std::copy_n(tail, rest, s + i);
  }
  return static_cast<float>(sum_of_lanes(lanes));
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void scale_row(std::int64_t n, float* y, float factor) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = y[i] * factor;
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
float dot_row(std::int64_t n, const float* a, const float* b) {
  float lanes[kLanes] = {};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int j = 0; j < kLanes; ++j) {
      lanes[j] += a[i + j] * b[i + j];
    }
  }
  for (int j = 0; i < n; ++i, ++j) {
    lanes[j] += a[i] * b[i];
  }
  return static_cast<float>(sum_of_lanes(lanes));
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void score_gradient_row(std::int64_t n, float* p, float scale, const float* bias,
                        std::int64_t bias_step, float lse, float* dp, float through, float factor) {
  const std::int64_t whole = n / kLanes * kLanes;
  gradients_of(whole, p, scale, bias, bias_step, lse, dp, through, factor);
  if (const std::int64_t rest = n - whole; rest > 0) {
    float scores[kLanes] = {}, shifts[kLanes] = {}, gradients[kLanes] = {};
    std::copy_n(p + whole, rest, scores);
    std::copy_n(dp + whole, rest, gradients);
    if (bias != nullptr && bias_step != 0) {
      std::copy_n(bias + whole, rest, shifts);
      bias = shifts;
    }
    gradients_of(kLanes, scores, scale, bias, bias_step, lse, gradients, through, factor);
    std::copy_n(scores, rest, p + whole);
    std::copy_n(gradients, rest, dp + whole);
  }
}

}  // namespace temper::cpu
