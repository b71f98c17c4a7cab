#include "backends/cpu/integer_product.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/nearest_integer.h"
#include "backends/cpu/parallel.h"
#include "runtime/base/alignment.h"
#include "runtime/base/concat.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kPanelColumns = kIntegerLanes * kIntegerVectors;
constexpr std::int64_t kPointers = 4096;  // to pieces of the rows that a thread works on
constexpr std::int64_t kChunkStep = 24;   // rows: whole tiles of each kernel
constexpr std::int64_t kMostChunk = 96;
constexpr std::int64_t kFewChannels = 16;

std::int64_t up_to_multiple(std::int64_t n, std::int64_t of) { return (n + of - 1) / of * of; }

std::int64_t panel_count(const IntegerPlan& plan) {
  return (plan.columns + kPanelColumns - 1) / kPanelColumns;
}
std::int64_t packed_depth(const IntegerPlan& plan) {
  return plan.pieces * up_to_multiple(plan.depth, kIntegerDepth);
}
std::int64_t packed_columns(const IntegerPlan& plan) {
  return up_to_multiple(plan.columns, kIntegerLanes);
}
std::int64_t sums_bytes(const IntegerPlan& plan) {
  return static_cast<std::int64_t>(
      aligned_bytes(static_cast<std::size_t>(plan.outputs()) * sizeof(std::int32_t)));
}

// The panel's columns begin at this one of the group.
struct Panel {
  std::int64_t first = 0, width = 0;
  int vectors = 0;

  Panel(const IntegerPlan& plan, std::int64_t index)
      : first(index * kPanelColumns),
        width(std::min(kPanelColumns, plan.columns - first)),
        vectors(static_cast<int>((width + kIntegerLanes - 1) / kIntegerLanes)) {}
};

const std::int8_t* panel_of(const IntegerPlan& plan, const void* packed, std::int64_t group,
                            const Panel& panel) {
  return static_cast<const std::int8_t*>(packed) + sums_bytes(plan) +
         (group * packed_columns(plan) + panel.first) * packed_depth(plan);
}

// Which weight a byte of a piece is multiplied with; -1: none.
std::int64_t weight_place(const IntegerPlan& plan, std::int64_t piece, std::int64_t byte) {
  const std::int64_t tap = piece * plan.taps_of_piece + byte / plan.channels;
  return byte / plan.channels >= plan.taps_of_piece
             ? -1
             : tap * plan.tap_step + byte % plan.channels * plan.channel_step;
}

// The windows' places in [sample..., channels] pictures of `input`, whose padding is `before`.
void find_windows(const Window& window, const Spatial& input, const Spatial& before,
                  const Spatial& output, std::int64_t step, IntegerPlan& plan) {
  Spatial kernel = window.kernel;
  if (plan.bordered) {
    kernel[2] = 1;  // a row of the window is one piece
  }
  plan.offsets.reserve(static_cast<std::size_t>(plan.sample_rows * plan.pieces));
  for (std::int64_t row = 0; row < plan.sample_rows; ++row) {
    const Spatial at{row / (output[1] * output[2]), row / output[2] % output[1], row % output[2]};
    for (std::int64_t k = 0; k < plan.pieces; ++k) {
      const Spatial tap{k / (kernel[1] * kernel[2]), k / kernel[2] % kernel[1], k % kernel[2]};
      std::int64_t place = 0;
      bool inside = true;
      for (std::size_t i = 0; i < tap.size(); ++i) {
        const std::int64_t p = at[i] * window.stride[i] - before[i] + tap[i] * window.dilation[i];
        inside = inside && p >= 0 && p < input[i];
        place = place * input[i] + p;
      }
      plan.offsets.push_back(inside ? static_cast<std::int32_t>(place * step) : -1);
    }
  }
}

struct Finish {
  const std::int32_t* shift;  // what the zero point of x adds to each column's sum
  const float *factor, *addend;
  float low, high;  // of a number in steps of y
  std::int32_t zero;
};

// A row of sums, `width` columns of it; the arrays are apart.
TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void finish_bytes(const std::int32_t* __restrict sums, std::int64_t sum_step, std::int64_t rows,
                  std::int64_t width, const Finish& finish, std::uint8_t* __restrict y,
                  std::int64_t y_step) {
  const Finish f = finish;
  const std::int32_t* __restrict shift = f.shift;
  const float* __restrict factor = f.factor, * __restrict addend = f.addend;
  for (std::int64_t r = 0; r < rows; ++r, sums += sum_step, y += y_step) {
    for (std::int64_t j = 0; j < width; ++j) {
      float v = static_cast<float>(sums[j] - shift[j]) * factor[j] + addend[j];
      v = v < f.low ? f.low : v;
      v = v > f.high ? f.high : v;
      y[j] = static_cast<std::uint8_t>(nearest_integer(v) + f.zero);
    }
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void finish_floats(const std::int32_t* __restrict sums, std::int64_t sum_step, std::int64_t rows,
                   std::int64_t width, const Finish& finish, float* __restrict y,
                   std::int64_t y_step) {
  const Finish f = finish;
  const std::int32_t* __restrict shift = f.shift;
  const float* __restrict factor = f.factor, * __restrict addend = f.addend;
  for (std::int64_t r = 0; r < rows; ++r, sums += sum_step, y += y_step) {
    for (std::int64_t j = 0; j < width; ++j) {
      float v = static_cast<float>(sums[j] - shift[j]) * factor[j] + addend[j];
      v = v < f.low ? f.low : v;
      y[j] = v > f.high ? f.high : v;
    }
  }
}

// Where things lie in the workspace.
struct Workspace {
  std::int32_t* shift;
  float *factor, *addend;
  std::uint8_t* padding;  // a piece of zero points
  std::uint8_t* pictures;

  Workspace(const IntegerPlan& plan, void* memory) {
    auto* at = static_cast<std::byte*>(memory);
    const auto column_bytes = static_cast<std::size_t>(sums_bytes(plan));
    shift = reinterpret_cast<std::int32_t*>(at);
    factor = reinterpret_cast<float*>(at + column_bytes);
    addend = reinterpret_cast<float*>(at + 2 * column_bytes);
    padding = reinterpret_cast<std::uint8_t*>(at + 3 * column_bytes);
    pictures = padding + aligned_bytes(static_cast<std::size_t>(plan.depth));
  }
};

Finish prepare_columns(const IntegerPlan& plan, const IntegerOperands& o, const Workspace& w) {
  const auto* sums = static_cast<const std::int32_t*>(o.weight);
  const float x_scale = o.x_scale == nullptr ? 1.0f : *o.x_scale;
  const float y_scale = plan.gives_bytes ? *o.y_scale : 1.0f;
  for (std::int64_t j = 0; j < plan.outputs(); ++j) {
    const float w_scale = o.w_scale == nullptr ? 1.0f : o.w_scale[o.scale_per_column ? j : 0];
    w.shift[j] = sums[j] * o.x_zero;
    w.factor[j] = x_scale * w_scale / y_scale;
    w.addend[j] = o.bias == nullptr ? 0.0f : o.bias[j] / y_scale;
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  Finish f{w.shift, w.factor, w.addend, -kInfinity, kInfinity, 0};
  if (plan.gives_bytes) {
    f.low = plan.least - o.y_zero;
    f.high = plan.most - o.y_zero;
    f.zero = static_cast<std::int32_t>(o.y_zero);
  }
  if (plan.rectifier.on) {
    f.low = std::max(f.low, 0.0f);
    f.high = std::min(f.high, static_cast<float>(plan.rectifier.ceiling) / y_scale);
    f.high = std::max(f.high, f.low);
  }
  return f;
}

// Samples between borders of zero points.
void copy_with_border(const IntegerPlan& plan, const std::uint8_t* x, std::uint8_t zero,
                      std::uint8_t* to) {
  const Spatial &in = plan.input, &out = plan.with_border;
  const std::int64_t row = out[2] * plan.channels, used = in[2] * plan.channels;
  const std::int64_t left = plan.border[2] * plan.channels;
  parallel_ranges(plan.threads, plan.samples * out[0] * out[1], 1,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      const std::int64_t n = i / (out[0] * out[1]);
                      const std::int64_t d = i / out[1] % out[0] - plan.border[0];
                      const std::int64_t h = i % out[1] - plan.border[1];
                      std::memset(to + i * row, zero, static_cast<std::size_t>(row));
                      if (d >= 0 && d < in[0] && h >= 0 && h < in[1]) {
                        std::memcpy(to + i * row + left, x + ((n * in[0] + d) * in[1] + h) * used,
                                    static_cast<std::size_t>(used));
                      }
                    }
                  });
}

// Rows [first, first + count) of a group by the panels [begin, end).
class ChunkOfRows {
 public:
  ChunkOfRows(const IntegerPlan& plan, const std::uint8_t* x, const std::uint8_t* padding,
              std::int64_t first, std::int64_t count)
      : plan_(plan), first_(first), count_(count), filled_(up_to_multiple(count, kChunkStep)) {
    for (std::int64_t i = 0; i < filled_; ++i) {
      const std::int64_t row = first + std::min(i, count - 1);
      if (plan.offsets.empty()) {
        pointers_[static_cast<std::size_t>(i)] = x + row * plan.row_step;
        continue;
      }
      const std::uint8_t* sample = x + row / plan.sample_rows * plan.sample_bytes;
      const std::int32_t* offsets = plan.offsets.data() + row % plan.sample_rows * plan.pieces;
      for (std::int64_t p = 0; p < plan.pieces; ++p) {
        pointers_[static_cast<std::size_t>(p * filled_ + i)] =
            offsets[p] < 0 ? padding : sample + offsets[p];
      }
    }
  }

  void run(const IntegerKernels& kernels, const void* weight, std::int64_t group,
           std::int64_t index, Finish finish, void* y) const {
    const Panel panel(plan_, index);
    const auto form = static_cast<std::size_t>(panel.vectors - 1);
    const std::int64_t column = group * plan_.columns + panel.first;
    finish.shift += column;
    finish.factor += column;
    finish.addend += column;
    IntegerTile tile{pointers_.data(), filled_, plan_.pieces, plan_.depth,
                     panel_of(plan_, weight, group, panel)};
    alignas(64) std::array<std::int32_t, kMostIntegerRows * kPanelColumns> sums;
    const std::int64_t step = panel.vectors * kIntegerLanes, row = plan_.outputs();
    for (std::int64_t i = 0; i < count_;) {
      const std::int64_t left = count_ - i;
      const std::int64_t rows = left == 1 ? 1 : std::min(left, kernels.rows[form]);
      tile.pieces = pointers_.data() + i;
      (left == 1 ? kernels.one : kernels.many)[form](tile, sums.data());
      const std::int64_t at = (first_ + i) * row + column;
      if (plan_.gives_bytes) {
        finish_bytes(sums.data(), step, rows, panel.width, finish,
                     static_cast<std::uint8_t*>(y) + at, row);
      } else {
        finish_floats(sums.data(), step, rows, panel.width, finish, static_cast<float*>(y) + at,
                      row);
      }
      i += rows;
    }
  }

 private:
  const IntegerPlan& plan_;
  std::int64_t first_, count_, filled_;
  std::array<const std::uint8_t*, kPointers> pointers_;
};

// As many rows as there are pointers for, in about equal parts for the threads.
std::int64_t chunk_rows(const IntegerPlan& plan) {
  const std::int64_t most = std::min(kMostChunk, kPointers / plan.pieces / kChunkStep * kChunkStep);
  const std::int64_t rounds = (plan.rows + most * plan.threads - 1) / (most * plan.threads);
  const std::int64_t parts = rounds * plan.threads;
  return std::min(most, up_to_multiple((plan.rows + parts - 1) / parts, kChunkStep));
}

double operations(const IntegerPlan& plan) {
  return 2.0 * static_cast<double>(plan.rows) * static_cast<double>(plan.outputs()) *
         static_cast<double>(plan.pieces * plan.depth);
}

std::string check_plan(IntegerPlan& plan) {
  constexpr std::int64_t kMostBytes = std::numeric_limits<std::int32_t>::max();
  constexpr std::int64_t kMostSum = kMostBytes / (255 * 128);
  if (plan.rows == 0 || plan.outputs() == 0 || plan.pieces * plan.depth == 0) {
    return "nothing to multiply";
  }
  if (plan.pieces * plan.depth > kMostSum) {
    return concat("sums of ", plan.pieces * plan.depth, " products may not fit 32 bits");
  }
  if (plan.pieces > kPointers / kChunkStep || plan.sample_bytes > kMostBytes) {
    return "a window of too many places";
  }
  plan.threads = threads_for_flops(plan.threads, operations(plan) / 4);
  return {};
}

}  // namespace

std::string plan_integer_matrices(const Shape& x, const Shape& w, bool transposed,
                                  IntegerPlan& plan) {
  plan.depth = plan.row_step = plan.channels = x[x.rank() - 1];
  plan.rows = x.count(0, x.rank() - 1);
  plan.columns = w[transposed ? 0 : 1];
  plan.column_step = transposed ? plan.depth : 1;
  plan.channel_step = transposed ? 1 : plan.columns;
  return check_plan(plan);
}

std::string plan_integer_conv(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& y,
                              IntegerPlan& plan) {
  const Window window = read_window(attrs);
  const Spatial output = spatial_dims(y);
  plan.input = spatial_dims(x);
  plan.samples = x[0];
  plan.groups = attrs.get_int("group", 1);
  plan.columns = w[0] / plan.groups;
  plan.channels = w[1];
  if (plan.channels == 1 && plan.groups > 1) {
    return "a channel for each group";
  }
  plan.sample_rows = output[0] * output[1] * output[2];
  plan.rows = plan.samples * plan.sample_rows;
  plan.channel_step = window.kernel_elements();
  plan.column_step = plan.channels * plan.channel_step;
  plan.tap_step = 1;
  plan.bordered = plan.groups == 1 && plan.channels < kFewChannels && window.dilation[2] == 1 &&
                  window.kernel_elements() > 1;
  plan.taps_of_piece = plan.bordered ? window.kernel[2] : 1;
  plan.pieces = window.kernel_elements() / plan.taps_of_piece;
  plan.depth = plan.taps_of_piece * plan.channels;
  Spatial seen = plan.input, before = window.pad_begin;
  if (plan.bordered) {
    plan.depth = up_to_multiple(plan.depth, kIntegerDepth);
    plan.border = before;
    for (std::size_t i = 0; i < seen.size(); ++i) {
      seen[i] += window.pad_begin[i] + window.pad_end[i];
    }
    plan.with_border = seen;
    before = {};
  }
  const std::int64_t step = plan.groups * plan.channels;
  plan.sample_bytes = seen[0] * seen[1] * seen[2] * step;
  std::string reason = check_plan(plan);
  if (!reason.empty()) {
    return reason;
  }
  const bool every_place = plan.pieces == 1 && !plan.bordered && output == plan.input &&
                           window.stride == Spatial{1, 1, 1};
  if (every_place) {
    plan.row_step = step;
  } else {
    find_windows(window, seen, before, output, step, plan);
  }
  return {};
}

std::size_t packed_integer_bytes(const IntegerPlan& plan) {
  return static_cast<std::size_t>(sums_bytes(plan) +
                                  plan.groups * packed_columns(plan) * packed_depth(plan));
}

void pack_integer_weight(const IntegerPlan& plan, const std::int8_t* weight, void* packed) {
  const std::int64_t panels = panel_count(plan);
  const std::int64_t filled = up_to_multiple(plan.depth, kIntegerDepth);
  auto* totals = static_cast<std::int32_t*>(packed);
  parallel_ranges(plan.threads, plan.groups * panels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t group = i / panels;
      const Panel panel(plan, i % panels);
      const std::int64_t lanes = panel.vectors * kIntegerLanes;
      auto* to = const_cast<std::int8_t*>(panel_of(plan, packed, group, panel));
      std::memset(to, 0, static_cast<std::size_t>(lanes * packed_depth(plan)));
      for (std::int64_t column = 0; column < panel.width; ++column) {
        const std::int64_t output = group * plan.columns + panel.first + column;
        const std::int8_t* from = weight + output * plan.column_step;
        std::int32_t total = 0;
        for (std::int64_t piece = 0; piece < plan.pieces; ++piece) {
          for (std::int64_t byte = 0; byte < plan.depth; ++byte) {
            const std::int64_t place = weight_place(plan, piece, byte);
            if (place >= 0) {
              const std::int64_t at = piece * filled + byte;
              const std::int8_t value = from[place];
              to[at / kIntegerDepth * kIntegerDepth * lanes + column * kIntegerDepth +
                 at % kIntegerDepth] = value;
              total += value;
            }
          }
        }
        totals[output] = total;
      }
    }
  });
}

std::size_t integer_workspace_bytes(const IntegerPlan& plan) {
  const std::size_t pictures =
      plan.bordered ? static_cast<std::size_t>(plan.samples * plan.sample_bytes + kIntegerDepth)
                    : 0;
  return 3 * static_cast<std::size_t>(sums_bytes(plan)) +
         aligned_bytes(static_cast<std::size_t>(plan.depth)) + aligned_bytes(pictures);
}

void run_integer_product(const IntegerPlan& plan, const IntegerOperands& operands, void* y,
                         void* workspace) {
  const IntegerKernels& kernels = *integer_kernels();
  const Workspace w(plan, workspace);
  const Finish finish = prepare_columns(plan, operands, w);
  const std::uint8_t* x = operands.x;
  if (plan.bordered) {
    copy_with_border(plan, x, operands.x_zero, w.pictures);
    x = w.pictures;
  } else {
    std::memset(w.padding, operands.x_zero, static_cast<std::size_t>(plan.depth));
  }
  const std::int64_t chunk = chunk_rows(plan), chunks = (plan.rows + chunk - 1) / chunk;
  const std::int64_t panels = panel_count(plan);
  const auto work = [&](std::int64_t first_chunk, std::int64_t last_chunk, std::int64_t first_panel,
                        std::int64_t last_panel) {
    for (std::int64_t c = first_chunk; c < last_chunk; ++c) {
      const std::int64_t first = c * chunk, count = std::min(chunk, plan.rows - first);
      for (std::int64_t i = first_panel; i < last_panel;) {
        const std::int64_t group = i / panels;
        const std::uint8_t* of_group = x + group * plan.channels;
        const ChunkOfRows rows(plan, of_group, w.padding, first, count);
        for (; i < last_panel && i / panels == group; ++i) {
          rows.run(kernels, operands.weight, group, i % panels, finish, y);
        }
      }
    }
  };
  if (chunks >= plan.threads) {
    parallel_ranges(plan.threads, chunks, 1, [&](std::int64_t begin, std::int64_t end) {
      work(begin, end, 0, plan.groups * panels);
    });
  } else {
    parallel_ranges(plan.threads, plan.groups * panels, 1,
                    [&](std::int64_t begin, std::int64_t end) { work(0, chunks, begin, end); });
  }
}

}  // namespace temper::cpu
