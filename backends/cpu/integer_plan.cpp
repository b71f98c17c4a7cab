// Plans of products of bytes: where rows and windows begin; and weights in their panels.
#include <cstring>
#include <limits>

#include "backends/cpu/integer_layout.h"
#include "backends/cpu/parallel.h"
#include "runtime/base/concat.h"

namespace temper::cpu {
namespace {

// With fewer channels, a row of a window is one piece of a picture with borders.
constexpr std::int64_t kFewChannels = 48;

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
  plan.offsets.resize(static_cast<std::size_t>(plan.sample_rows * plan.pieces));
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
      plan.offsets[static_cast<std::size_t>(k * plan.sample_rows + row)] =
          inside ? static_cast<std::int32_t>(place * step) : -1;
    }
  }
}

double operations(const IntegerPlan& plan) {
  return 2.0 * static_cast<double>(plan.rows) * static_cast<double>(plan.outputs()) *
         static_cast<double>(sum_length(plan));
}

std::string check_plan(IntegerPlan& plan) {
  constexpr std::int64_t kMostBytes = std::numeric_limits<std::int32_t>::max();
  constexpr std::int64_t kMostSum = kMostBytes / (255 * 128);
  if (plan.rows == 0 || plan.outputs() == 0 || sum_length(plan) == 0) {
    return "nothing to multiply";
  }
  if (sum_length(plan) > kMostSum) {
    return concat("sums of ", sum_length(plan), " products may not fit 32 bits");
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
  plan.per_channel = plan.channels == 1 && plan.groups > 1 && plan.columns == 1;
  if (plan.per_channel) {
    plan.columns = plan.groups;
    plan.groups = 1;
  }
  plan.sample_rows = output[0] * output[1] * output[2];
  plan.rows = plan.samples * plan.sample_rows;
  plan.channel_step = window.kernel_elements();
  plan.column_step = plan.channels * plan.channel_step;
  plan.tap_step = 1;
  plan.bordered = plan.groups == 1 && !plan.per_channel && plan.channels < kFewChannels &&
                  window.dilation[2] == 1 && window.kernel_elements() > 1;
  plan.taps_of_piece = plan.bordered ? window.kernel[2] : 1;
  plan.pieces = window.kernel_elements() / plan.taps_of_piece;
  plan.depth = plan.per_channel ? plan.columns : plan.taps_of_piece * plan.channels;
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
  const std::int64_t step = x[1];
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

namespace {

// One panel of a product, zeroed before; the sums of its columns to `totals`.
void pack_panel(const IntegerPlan& plan, const std::int8_t* weight, const Panel& panel,
                std::int8_t* to, std::int32_t* totals) {
  const std::int64_t filled = up_to_multiple(plan.depth, kIntegerDepth);
  const std::int64_t lanes = panel.vectors * kIntegerLanes;
  for (std::int64_t column = 0; column < panel.width; ++column, weight += plan.column_step) {
    std::int32_t total = 0;
    for (std::int64_t piece = 0; piece < plan.pieces; ++piece) {
      for (std::int64_t byte = 0; byte < plan.depth; ++byte) {
        const std::int64_t place = weight_place(plan, piece, byte);
        if (place >= 0) {
          const std::int64_t at = piece * filled + byte;
          to[at / kIntegerDepth * kIntegerDepth * lanes + column * kIntegerDepth +
             at % kIntegerDepth] = weight[place];
          total += weight[place];
        }
      }
    }
    totals[column] = total;
  }
}

// The same of a convolution of each channel by itself.
void pack_channels(const IntegerPlan& plan, const std::int8_t* weight, const Panel& panel,
                   std::int8_t* to, std::int32_t* totals) {
  for (std::int64_t c = 0; c < panel.width; ++c, weight += plan.column_step) {
    std::int32_t total = 0;
    const std::int64_t place = c % 16 / 4 * 64 + c / 16 * 16 + c % 4 * 4;
    for (std::int64_t piece = 0; piece < plan.pieces; ++piece) {
      to[piece / 4 * 4 * kChannelPanel + place + piece % 4] = weight[piece];
      total += weight[piece];
    }
    totals[c] = total;
  }
}

}  // namespace

void pack_integer_weight(const IntegerPlan& plan, const std::int8_t* weight, void* packed) {
  const std::int64_t panels = panel_count(plan);
  auto* totals = static_cast<std::int32_t*>(packed);
  parallel_ranges(plan.threads, plan.groups * panels, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t group = i / panels;
      const Panel panel(plan, i % panels);
      const std::int64_t first = group * plan.columns + panel.first;
      auto* to = const_cast<std::int8_t*>(panel_of(plan, packed, group, panel));
      const std::int64_t columns = plan.per_channel ? kChannelPanel : panel.vectors * kIntegerLanes;
      std::memset(to, 0, static_cast<std::size_t>(columns * packed_depth(plan)));
      (plan.per_channel ? pack_channels : pack_panel)(plan, weight + first * plan.column_step,
                                                      panel, to, totals + first);
    }
  });
}

}  // namespace temper::cpu
