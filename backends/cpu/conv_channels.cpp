#include "backends/cpu/conv_channels.h"

#include <algorithm>

#include "backends/cpu/parallel.h"
#include "backends/cpu/product_loops.h"
#include "backends/cpu/vector_loops.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kBlock = 64;          // channels that a thread takes at a time
constexpr std::int64_t kGradientBlock = 16;  // the same of the gradient of the weights
constexpr std::int64_t kSummed = 256;        // pixels whose products are summed in float

// [channels][taps] -> [taps][channels]
void put_channels_last(const ConvPlan& plan, const float* w, float* packed) {
  const std::int64_t taps = plan.window.kernel_elements(), channels = plan.group;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t t = 0; t < taps; ++t) {
      packed[t * channels + c] = w[c * taps + t];
    }
  }
}

// Calls f(sample, first channel, channels) for blocks of channels.
template <class F>
void for_each_block(const ConvPlan& plan, int threads, const F& f) {
  const std::int64_t blocks = (plan.group + kBlock - 1) / kBlock;
  parallel_ranges(threads, plan.batch * blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i % blocks * kBlock;
      f(i / blocks, first, std::min(kBlock, plan.group - first));
    }
  });
}

// Calls f(tap, run) for all rows of a plane, the taps of a row in turn: a few rows stay in the
// caches.
template <class F>
void for_each_row_run(const ConvPlan& plan, const F& f) {
  for (std::int64_t a = 0; a < plan.out[0]; ++a) {
    for (std::int64_t b = 0; b < plan.out[1]; ++b) {
      for (std::int64_t t = 0; t < plan.window.kernel_elements(); ++t) {
        const ConvRun run = run_in_row(plan, a, b, t);
        if (run.count > 0) {
          f(t, run);
        }
      }
    }
  }
}

PixelRows rows_of(const ConvPlan& plan, const ConvRun& run, std::int64_t channels) {
  return {run.count, run.step * plan.group, plan.group, channels};
}

}  // namespace

std::size_t depthwise_workspace_bytes(const ConvPlan& plan) {
  return static_cast<std::size_t>(plan.group * plan.window.kernel_elements()) *
         (sizeof(double) + sizeof(float));
}

void depthwise_forward(const ConvPlan& plan, int threads, const float* x, const float* w,
                       const float* bias, float* y, float* workspace) {
  put_channels_last(plan, w, workspace);
  const std::int64_t channels = plan.group;
  for_each_block(plan, threads, [&](std::int64_t n, std::int64_t first, std::int64_t count) {
    const float* from = x + n * plan.in_plane() * channels + first;
    float* to = y + n * plan.out_plane() * channels + first;
    for (std::int64_t p = 0; p < plan.out_plane(); ++p) {
      std::fill_n(to + p * channels, count, 0.0f);
    }
    for_each_row_run(plan, [&](std::int64_t t, const ConvRun& run) {
      add_channel_products(rows_of(plan, run, count), from + run.in * channels,
                           workspace + t * channels + first, to + run.out * channels);
    });
    finish_rows(plan.rectifier, bias == nullptr ? nullptr : bias + first, to, plan.out_plane(),
                channels, count);
  });
}

void depthwise_data_gradient(const ConvPlan& plan, int threads, const float* w, const float* dy,
                             float* dx, float* workspace) {
  put_channels_last(plan, w, workspace);
  const std::int64_t channels = plan.group;
  for_each_block(plan, threads, [&](std::int64_t n, std::int64_t first, std::int64_t count) {
    const float* from = dy + n * plan.out_plane() * channels + first;
    float* to = dx + n * plan.in_plane() * channels + first;
    for (std::int64_t p = 0; p < plan.in_plane(); ++p) {
      std::fill_n(to + p * channels, count, 0.0f);
    }
    for_each_row_run(plan, [&](std::int64_t t, const ConvRun& run) {
      PixelRows rows = rows_of(plan, run, count);
      std::swap(rows.x_step, rows.y_step);
      add_channel_products(rows, from + run.out * channels, workspace + t * channels + first,
                           to + run.in * channels);
    });
  });
}

void depthwise_weights_gradient(const ConvPlan& plan, int threads, const float* x, const float* dy,
                                float* dw, void* workspace) {
  const std::int64_t channels = plan.group, taps = plan.window.kernel_elements();
  auto* totals = static_cast<double*>(workspace);
  auto* sums = reinterpret_cast<float*>(totals + channels * taps);
  const auto sum_block = [&](std::int64_t first, std::int64_t count) {
    const auto for_each_tap = [&](const auto& f) {
      for (std::int64_t t = 0; t < taps; ++t) {
        f(t, totals + t * channels + first, sums + t * channels + first);
      }
    };
    const auto flush = [&] {
      for_each_tap([&](std::int64_t, double* total, float* sum) {
        add_to(total, sum, count);
        std::fill_n(sum, count, 0.0f);
      });
    };
    for_each_tap([&](std::int64_t, double* total, float* sum) {
      std::fill_n(total, count, 0.0);
      std::fill_n(sum, count, 0.0f);
    });
    for (std::int64_t n = 0, summed = 0; n < plan.batch; ++n) {
      const float* from = x + n * plan.in_plane() * channels + first;
      const float* gradient = dy + n * plan.out_plane() * channels + first;
      for_each_row_run(plan, [&](std::int64_t t, const ConvRun& run) {
        add_channel_sums(rows_of(plan, run, count), from + run.in * channels,
                         gradient + run.out * channels, sums + t * channels + first);
        summed += run.count;
        if (summed >= kSummed * taps) {
          flush();
          summed = 0;
        }
      });
    }
    flush();
    for_each_tap([&](std::int64_t t, const double* total, const float*) {
      for (std::int64_t c = 0; c < count; ++c) {
        dw[(first + c) * taps + t] = static_cast<float>(total[c]);
      }
    });
  };
  parallel_ranges(threads, channels, kGradientBlock, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t first = begin; first < end; first += kGradientBlock) {
      sum_block(first, std::min(kGradientBlock, end - first));
    }
  });
}

}  // namespace temper::cpu
