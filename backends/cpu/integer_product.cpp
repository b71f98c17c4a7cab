#include "backends/cpu/integer_product.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <limits>

#include "backends/cpu/integer_layout.h"
#include "backends/cpu/parallel.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kMostChunk = 96;  // rows that a thread takes at once

// Where things lie in the workspace.
struct Workspace {
  std::int32_t* start;  // what the zero point of x takes off each column's sum
  float *factor, *addend;
  std::uint8_t* padding;  // a piece of zero points
  std::uint8_t* pictures;

  Workspace(const IntegerPlan& plan, void* memory) {
    auto* at = static_cast<std::byte*>(memory);
    const auto column_bytes = static_cast<std::size_t>(sums_bytes(plan));
    start = reinterpret_cast<std::int32_t*>(at);
    factor = reinterpret_cast<float*>(at + column_bytes);
    addend = reinterpret_cast<float*>(at + 2 * column_bytes);
    padding = reinterpret_cast<std::uint8_t*>(at + 3 * column_bytes);
    pictures = padding + aligned_bytes(static_cast<std::size_t>(plan.depth));
  }
};

IntegerFinish prepare_columns(const IntegerPlan& plan, const IntegerOperands& o,
                              const Workspace& w) {
  const auto* sums = static_cast<const std::int32_t*>(o.weight);
  const float x_scale = o.x_scale == nullptr ? 1.0f : *o.x_scale;
  const float y_scale = plan.gives_bytes ? *o.y_scale : 1.0f;
  for (std::int64_t j = 0; j < plan.outputs(); ++j) {
    const float w_scale = o.w_scale == nullptr ? 1.0f : o.w_scale[o.scale_per_column ? j : 0];
    w.start[j] = -sums[j] * o.x_zero;
    w.factor[j] = x_scale * w_scale / y_scale;
    w.addend[j] = o.bias == nullptr ? 0.0f : o.bias[j] / y_scale;
  }
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  IntegerFinish f{w.factor, w.addend, -kInfinity, kInfinity, 0};
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
    for (std::int64_t i = 0; i < count && plan.offsets.empty(); ++i) {
      pointers_[static_cast<std::size_t>(i)] = x + (first + i) * plan.row_step;
    }
    for (std::int64_t i = 0; i < count && !plan.offsets.empty();) {
      const std::int64_t place = (first + i) % plan.sample_rows;
      const std::int64_t of_sample = std::min(count - i, plan.sample_rows - place);
      const std::uint8_t* sample = x + (first + i) / plan.sample_rows * plan.sample_bytes;
      for (std::int64_t p = 0; p < plan.pieces; ++p) {
        const std::int32_t* offsets = plan.offsets.data() + p * plan.sample_rows + place;
        const std::uint8_t** to = pointers_.data() + p * filled_ + i;
        for (std::int64_t k = 0; k < of_sample; ++k) {
          to[k] = offsets[k] < 0 ? padding : sample + offsets[k];
        }
      }
      i += of_sample;
    }
    for (std::int64_t p = 0; p < plan.pieces; ++p) {  // rows that nobody reads of
      const std::uint8_t** row = pointers_.data() + p * filled_;
      std::fill(row + count, row + filled_, row[count - 1]);
    }
  }

  void run(const IntegerKernels& kernels, const void* weight, std::int64_t group,
           std::int64_t index, const std::int32_t* start, IntegerFinish finish, void* y) const {
    const Panel panel(plan_, index);
    const auto form = static_cast<std::size_t>(panel.vectors - 1);
    const std::int64_t column = group * plan_.columns + panel.first;
    finish.factor += column;
    finish.addend += column;
    const std::int8_t* packed = panel_of(plan_, weight, group, panel);
    const std::int64_t most = plan_.per_channel ? kMostIntegerRows : kernels.rows[form];
    const std::int64_t step = plan_.per_channel ? kChannelPanel : panel.vectors * kIntegerLanes;
    alignas(64) std::array<std::int32_t, kMostIntegerRows * kPanelColumns> sums;
    for (std::int64_t i = 0; i < count_; i += most) {
      const std::int64_t rows = std::min(count_ - i, most);
      const std::uint8_t* const* pieces = pointers_.data() + i;
      if (plan_.per_channel) {
        kernels.channels(
            {pieces, filled_, plan_.pieces, panel.first, panel.width, packed, start + column}, rows,
            sums.data());
      } else {
        (rows == 1 ? kernels.one : kernels.many)[form](
            {pieces, filled_, plan_.pieces, plan_.depth, packed, start + column}, sums.data());
      }
      const std::int64_t outputs = plan_.outputs(), at = (first_ + i) * outputs + column;
      void* const to = plan_.gives_bytes ? static_cast<void*>(static_cast<std::uint8_t*>(y) + at)
                                         : static_cast<void*>(static_cast<float*>(y) + at);
      (plan_.gives_bytes ? kernels.to_bytes : kernels.to_floats)(
          {sums.data(), step, rows, panel.width, to, outputs}, finish);
    }
  }

 private:
  const IntegerPlan& plan_;
  std::int64_t first_, count_, filled_;
  std::array<const std::uint8_t*, kPointers> pointers_;
};

// Rows in about equal chunks, as many as there are pointers for, and the panels in parts of them,
// so that each thread has several tasks.
struct Tasks {
  std::int64_t chunk, chunks, panels, part, parts;

  explicit Tasks(const IntegerPlan& plan) {
    constexpr std::int64_t kTasksOfThread = 4, kStep = 6;
    const std::int64_t most =
        std::min(kMostChunk, kPointers / plan.pieces / kChunkStep * kChunkStep);
    const std::int64_t least = (plan.rows + most - 1) / most;
    chunk = std::min(most, up_to_multiple((plan.rows + least - 1) / least, kStep));
    chunks = (plan.rows + chunk - 1) / chunk;
    panels = plan.groups * panel_count(plan);
    const std::int64_t wanted = plan.threads == 1 ? 1 : plan.threads * kTasksOfThread / chunks;
    part = panels / std::clamp<std::int64_t>(wanted, 1, panels);
    parts = (panels + part - 1) / part;
  }
};

}  // namespace

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
  const IntegerFinish finish = prepare_columns(plan, operands, w);
  const std::uint8_t* x = operands.x;
  if (plan.bordered) {
    copy_with_border(plan, x, operands.x_zero, w.pictures);
    x = w.pictures;
  } else {
    std::memset(w.padding, operands.x_zero, static_cast<std::size_t>(plan.depth));
  }
  const Tasks tasks(plan);
  const std::int64_t of_group = panel_count(plan);
  const auto work = [&](std::int64_t task) {
    const std::int64_t first = task / tasks.parts * tasks.chunk;
    const std::int64_t count = std::min(tasks.chunk, plan.rows - first);
    std::int64_t i = task % tasks.parts * tasks.part;
    const std::int64_t end = std::min(tasks.panels, i + tasks.part);
    while (i < end) {
      const std::int64_t group = i / of_group;
      const ChunkOfRows rows(plan, x + group * plan.channels, w.padding, first, count);
      for (; i < end && i / of_group == group; ++i) {
        rows.run(kernels, operands.weight, group, i % of_group, w.start, finish, y);
      }
    }
  };
  // Whoever is done takes the next: others may want the processors too.
  std::atomic<std::int64_t> next = 0;
  parallel_ranges(plan.threads, plan.threads, 1, [&](std::int64_t, std::int64_t) {
    for (std::int64_t task = next++; task < tasks.chunks * tasks.parts; task = next++) {
      work(task);
    }
  });
}

}  // namespace temper::cpu
