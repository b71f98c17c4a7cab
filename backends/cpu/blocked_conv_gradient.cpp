#include "backends/cpu/blocked_conv_gradient.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/instruction_sets.h"

namespace temper::cpu {
namespace {

using Sixteen [[gnu::vector_size(64)]] = float;
using Eight [[gnu::vector_size(32)]] = float;

// Output positions that are summed in registers before they are added to dw: rows [rows_begin,
// rows_end) of samples [first, last). x and dy of them stay in the first cache for all taps.
struct Chunk {
  std::int64_t first, last, rows_begin, rows_end;
  bool begins;  // nothing has been added to dw yet
};

constexpr std::int64_t kChunkPositions = 256;

// Positions whose tap lies inside the input.
struct Inside {
  std::int64_t begin, end;
};
[[gnu::always_inline]] inline Inside positions_of(const PoolAxis& axis, std::int64_t tap,
                                                  std::int64_t begin, std::int64_t end) {
  const std::int64_t before = axis.pad - tap * axis.dilation;  // input elements left of position 0
  const std::int64_t low = before > 0 ? (before + axis.stride - 1) / axis.stride : 0;
  const std::int64_t last = axis.in - 1 + before;
  const std::int64_t high = last < 0 ? 0 : last / axis.stride + 1;
  return {std::max(low, begin), std::min(high, end)};
}

// One tap of a chunk: `Rows` lanes of x by `Blocks` vectors of dy. x and dy begin at the chunk's
// blocks of channels.
template <class V, int Rows, int Blocks>
[[gnu::always_inline]] inline void add_tap(const BlockedConv& conv, const Chunk& chunk,
                                           std::int64_t tap, const float* x, const float* dy,
                                           float* dw, std::int64_t dw_step) {
  constexpr std::int64_t kLanes = sizeof(V) / sizeof(float);
  const PoolAxis &h = conv.window.axes[1], &w = conv.window.axes[2];
  const std::int64_t tap_h = tap / w.kernel, tap_w = tap % w.kernel;
  const Inside rows = positions_of(h, tap_h, chunk.rows_begin, chunk.rows_end);
  const Inside columns = positions_of(w, tap_w, 0, w.out);
  const std::int64_t block = h.out * w.out * kLanes;
  V sums[Rows][Blocks] = {};
  for (std::int64_t n = chunk.first; n < chunk.last; ++n) {
    const float* const sample = x + n * conv.inputs * h.in * w.in * kLanes;
    const float* const above = dy + n * conv.outputs * block;
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const std::int64_t row_in = row * h.stride - h.pad + tap_h * h.dilation;
      const std::int64_t column_in = columns.begin * w.stride - w.pad + tap_w * w.dilation;
      const float* from = sample + (row_in * w.in + column_in) * kLanes;
      const float* to = above + (row * w.out + columns.begin) * kLanes;
      for (std::int64_t column = columns.begin; column < columns.end; ++column) {
        V gradient[Blocks];
        for (int b = 0; b < Blocks; ++b) {
          std::memcpy(&gradient[b], to + b * block, sizeof(V));
        }
        for (int r = 0; r < Rows; ++r) {
          for (int b = 0; b < Blocks; ++b) {
            sums[r][b] += from[r] * gradient[b];
          }
        }
        from += w.stride * kLanes;
        to += kLanes;
      }
    }
  }
  for (int b = 0; b < Blocks; ++b) {
    for (int r = 0; r < Rows; ++r) {
      float* const target = dw + b * dw_step + r * kLanes;
      V before = {};
      if (!chunk.begins) {
        std::memcpy(&before, target, sizeof(V));
      }
      before += sums[r][b];
      std::memcpy(target, &before, sizeof(V));
    }
  }
}

template <class V, int Rows, int Blocks>
[[gnu::always_inline]] inline void add_chunk(const BlockedConv& conv, const Chunk& chunk,
                                             const float* x, const float* dy, float* dw) {
  constexpr std::int64_t kLanes = sizeof(V) / sizeof(float);
  const std::int64_t taps = conv.taps(), step = conv.inputs * taps * kLanes * kLanes;
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    for (std::int64_t lane = 0; lane < kLanes; lane += Rows) {
      add_tap<V, Rows, Blocks>(conv, chunk, tap, x + lane, dy, dw + (tap * kLanes + lane) * kLanes,
                               step);
    }
  }
}

template <class V, int Rows>
[[gnu::always_inline]] inline void run_units(const BlockedConv& conv, const float* x,
                                             const float* dy, float* dw, std::int64_t begin,
                                             std::int64_t end) {
  constexpr std::int64_t kLanes = sizeof(V) / sizeof(float);
  const PoolAxis &h = conv.window.axes[1], &w = conv.window.axes[2];
  const std::int64_t plane = h.out * w.out, taps = conv.taps();
  const std::int64_t samples = std::max<std::int64_t>(1, kChunkPositions / plane);
  const std::int64_t rows =
      samples > 1 ? h.out : std::max<std::int64_t>(1, kChunkPositions / w.out);
  const std::int64_t unit_floats = taps * kLanes * kLanes;
  for (std::int64_t unit = begin; unit < end; ++unit) {
    const std::int64_t input = unit % conv.inputs, output = unit / conv.inputs * 2;
    const bool pair = output + 1 < conv.outputs;
    float* const target = dw + (output * conv.inputs + input) * unit_floats;
    const float* const from = x + input * h.in * w.in * kLanes;
    const float* const above = dy + output * plane * kLanes;
    for (std::int64_t n = 0; n < conv.samples; n += samples) {
      for (std::int64_t row = 0; row < h.out; row += rows) {
        const Chunk chunk{n, std::min(n + samples, conv.samples), row, std::min(row + rows, h.out),
                          n == 0 && row == 0};
        pair ? add_chunk<V, Rows, 2>(conv, chunk, from, above, target)
             : add_chunk<V, Rows, 1>(conv, chunk, from, above, target);
      }
    }
  }
}

// Sums of 8 by 2 registers of AVX-512, 4 by 2 of AVX2.
TEMPER_CLONES("arch=x86-64-v4", "default")
void run_sixteen(const BlockedConv& conv, const float* x, const float* dy, float* dw,
                 std::int64_t begin, std::int64_t end) {
  run_units<Sixteen, 8>(conv, x, dy, dw, begin, end);
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void run_eight(const BlockedConv& conv, const float* x, const float* dy, float* dw,
               std::int64_t begin, std::int64_t end) {
  run_units<Eight, 4>(conv, x, dy, dw, begin, end);
}

}  // namespace

void blocked_weight_gradient(const BlockedConv& conv, int lanes, const float* x, const float* dy,
                             float* dw, std::int64_t begin, std::int64_t end) {
  lanes == 16 ? run_sixteen(conv, x, dy, dw, begin, end) : run_eight(conv, x, dy, dw, begin, end);
}

}  // namespace temper::cpu
