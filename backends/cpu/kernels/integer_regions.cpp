// What lies between products of bytes: IntegerAdd, and MaxPool of bytes with channels innermost.
#include <algorithm>
#include <cstring>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/nearest_integer.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/refusals.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/channels_last.h"
#include "runtime/base/concat.h"
#include "runtime/base/rectifier.h"
#include "runtime/base/window.h"

namespace temper::cpu {
namespace {

// To steps of y: the bounds of a number in steps, and what is added to its integer.
struct Steps {
  float low, high;
  std::int32_t zero;

  Steps(const Rectifier& rectifier, float scale, std::int32_t zero_point) : zero(zero_point) {
    low = static_cast<float>(-zero);
    high = static_cast<float>(255 - zero);
    if (rectifier.on) {
      low = std::max(low, 0.0f);
      high = std::max(low, std::min(high, static_cast<float>(rectifier.ceiling) / scale));
    }
  }
  [[gnu::always_inline]] std::uint8_t operator()(float v) const {
    v = v < low ? low : v;
    v = v > high ? high : v;
    const std::int32_t steps = nearest_integer(v);
    return static_cast<std::uint8_t>(steps + zero);
  }
};

std::string refuse_types(const OpQuery& query, std::initializer_list<std::size_t> values) {
  for (const std::size_t i : values) {
    if (has_input(query, i) && query.inputs[i].dtype != DType::kUInt8) {
      return concat("only u8, not ", query.inputs[i].dtype);
    }
  }
  if (query.outputs[0].dtype != DType::kUInt8) {
    return concat("only u8, not ", query.outputs[0].dtype);
  }
  return query.outputs[0].shape.element_count() == 0 ? "nothing to compute" : "";
}

float scale_of(const void* scale) {
  return scale == nullptr ? 1.0f : *static_cast<const float*>(scale);
}
std::int32_t zero_of(const void* zero) {
  return zero == nullptr ? 0 : *static_cast<const std::uint8_t*>(zero);
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_run(const std::uint8_t* a, const std::uint8_t* b, std::uint8_t* y, std::int64_t count,
             float a_factor, float b_factor, float addend, Steps steps) {
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] =
        steps(static_cast<float>(a[i]) * a_factor + static_cast<float>(b[i]) * b_factor + addend);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void rescale_run(const std::uint8_t* a, std::uint8_t* y, std::int64_t count, float factor,
                 std::int32_t zero, Steps steps) {
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = steps(static_cast<float>(a[i] - zero) * factor);
  }
}

Support supports_add(const OpQuery& query) { return support_from(refuse_types(query, {2, 5})); }

// In the order that the first operand has, where it has no gaps.
std::unique_ptr<Kernel> prepare_add(const OpQuery& query) {
  const TensorSpec& a = query.inputs[2];
  const std::int64_t count = a.shape.element_count();
  const int threads = threads_for_elements(query.threads, count);
  const bool two = has_input(query, 5);
  const Rectifier rectifier = rectifier_of(*query.attrs);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const float scale = scale_of(args.inputs[0]);
    const Steps steps(rectifier, scale, zero_of(args.inputs[1]));
    const auto* x = static_cast<const std::uint8_t*>(args.inputs[2]);
    const auto* other = two ? static_cast<const std::uint8_t*>(args.inputs[5]) : nullptr;
    auto* y = static_cast<std::uint8_t*>(args.outputs[0]);
    const float x_factor = scale_of(args.inputs[3]) / scale;
    const std::int32_t zero = zero_of(args.inputs[4]);
    const float b_factor = two ? scale_of(args.inputs[6]) / scale : 0.0f;
    const float addend = -static_cast<float>(zero) * x_factor -
                         (two ? static_cast<float>(zero_of(args.inputs[7])) * b_factor : 0.0f);
    const bool same = !two && x_factor == 1.0f && zero == steps.zero && !rectifier.on;
    if (same && x == y) {
      return;
    }
    parallel_ranges(threads, count, 4096, [&](std::int64_t begin, std::int64_t end) {
      if (same) {
        std::memcpy(y + begin, x + begin, static_cast<std::size_t>(end - begin));
      } else if (two) {
        add_run(x + begin, other + begin, y + begin, end - begin, x_factor, b_factor, addend,
                steps);
      } else {
        rescale_run(x + begin, y + begin, end - begin, x_factor, zero, steps);
      }
    });
  });
  const Layout layout = has_padding(a.shape, a.layout) ? Layout{} : a.layout;
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[2] = layout;
  if (two) {
    kernel->input_layouts[5] = layout;
    kernel->inplace.emplace_back(0, 5);
  }
  kernel->inplace.emplace_back(0, 2);
  kernel->output_layouts = {layout};
  kernel->description = "bytes";
  return kernel;
}

Support supports_max(const OpQuery& query) {
  if (query.inputs[0].dtype != DType::kUInt8) {
    return Support::not_concerned();
  }
  if (has_output(query, 1) || has_output(query, 2)) {
    return Support::no("no places of the maxima of bytes");
  }
  return support_from(refuse_types(query, {0}));
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void take_larger(const std::uint8_t* x, std::uint8_t* y, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = x[i] > y[i] ? x[i] : y[i];
  }
}

std::unique_ptr<Kernel> prepare_max(const OpQuery& query) {
  const Shape &x_shape = query.inputs[0].shape, &y_shape = query.outputs[0].shape;
  const Window window = read_window(*query.attrs);
  const Spatial in = spatial_dims(x_shape), out = spatial_dims(y_shape);
  const std::int64_t channels = x_shape[1], samples = x_shape[0];
  const std::int64_t places = out[0] * out[1] * out[2];
  const int threads = threads_for_elements(query.threads, x_shape.element_count());
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* x = static_cast<const std::uint8_t*>(args.inputs[0]);
    auto* y = static_cast<std::uint8_t*>(args.outputs[0]);
    const auto taps = [&](std::size_t axis, std::int64_t at, std::int64_t& start) {
      start = at * window.stride[axis] - window.pad_begin[axis];
      return taps_inside(start, window.dilation[axis], window.kernel[axis], in[axis]);
    };
    parallel_ranges(threads, samples * places, 16, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t n = i / places, place = i % places;
        Spatial start{};
        const Taps d = taps(0, place / (out[1] * out[2]), start[0]);
        const Taps h = taps(1, place / out[2] % out[1], start[1]);
        const Taps w = taps(2, place % out[2], start[2]);
        std::memset(y + i * channels, 0, static_cast<std::size_t>(channels));
        for (std::int64_t a = d.begin; a < d.end; ++a) {
          for (std::int64_t b = h.begin; b < h.end; ++b) {
            for (std::int64_t c = w.begin; c < w.end; ++c) {
              const std::int64_t depth = n * in[0] + start[0] + a * window.dilation[0];
              const std::int64_t row = depth * in[1] + start[1] + b * window.dilation[1];
              const std::int64_t at = row * in[2] + start[2] + c * window.dilation[2];
              take_larger(x + at * channels, y + i * channels, channels);
            }
          }
        }
      }
    });
  });
  kernel->input_layouts = {channels_last(x_shape)};
  kernel->output_layouts.resize(query.outputs.size());
  kernel->output_layouts[0] = channels_last(y_shape);
  kernel->description = "bytes, channels innermost";
  return kernel;
}

}  // namespace

void register_integer_regions(KernelTable& table) {
  table.add("IntegerAdd", "cpu", supports_add, prepare_add);
  table.add("MaxPool", "cpu", supports_max, prepare_max);
}

}  // namespace temper::cpu
