// QuantizeLinear of f32 to 8 bits, DequantizeLinear of 8 and 32 bits to f32, with one scale or one
// for each entry of an axis, and DynamicQuantizeLinear of f32.
#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>
#include <utility>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/nearest_integer.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/refusals.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/one_number.h"

namespace temper::cpu {
namespace {

// x is [outer, scales, inner] in memory.
struct Runs {
  std::int64_t outer = 1, scales = 1, inner = 1;
  Layout layout;
  int threads = 1;

  explicit Runs(const OpQuery& query) {
    const TensorSpec& x = query.inputs[0];
    inner = x.shape.element_count();
    scales = query.inputs[1].shape.element_count();
    if (is_one_number(query.inputs[1].shape)) {
      layout = has_padding(x.shape, x.layout) ? Layout{} : x.layout;  // any order will do
    } else {
      const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
      outer = x.shape.count(0, axis);
      inner = x.shape.count(axis + 1, x.shape.rank());
    }
    threads = threads_for_elements(query.threads, x.shape.element_count());
  }
};

// Calls f(first element, count, number of the scale) on threads.
template <class F>
void each_run(const Runs& r, const F& f) {
  constexpr std::int64_t kGrain = 1024;
  if (r.outer * r.scales == 1) {
    parallel_ranges(r.threads, r.inner, kGrain, [&](std::int64_t begin, std::int64_t end) {
      f(begin, end - begin, std::int64_t{0});
    });
    return;
  }
  parallel_ranges(r.threads, r.outer * r.scales, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t run = begin; run < end; ++run) {
      f(run * r.inner, r.inner, run % r.scales);
    }
  });
}

std::string refuse(const OpQuery& query) {
  if (query.attrs->get_int("block_size", 0) != 0 || query.attrs->has("precision") ||
      query.attrs->get_int("saturate", 1) == 0) {
    return "no blocks, no other precision";
  }
  if (query.inputs[1].dtype != DType::kFloat32) {
    return "only scales in f32";
  }
  return query.inputs[0].shape.element_count() == 0 ? "nothing to round" : "";
}

bool is_byte(DType type) { return type == DType::kUInt8 || type == DType::kInt8; }

Support supports_quantize(const OpQuery& query) {
  std::string reason = refuse(query);
  if (reason.empty() &&
      (query.inputs[0].dtype != DType::kFloat32 || !is_byte(query.outputs[0].dtype))) {
    reason = "only f32 to 8 bits";
  }
  return support_from(reason);
}

Support supports_dequantize(const OpQuery& query) {
  const DType type = query.inputs[0].dtype;
  std::string reason = refuse(query);
  if (reason.empty() &&
      ((!is_byte(type) && type != DType::kInt32) || query.outputs[0].dtype != DType::kFloat32)) {
    reason = "only 8 and 32 bits to f32";
  }
  return support_from(reason);
}

// NaN counts as 0 steps.
TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void round_run(const float* x, std::uint8_t* y, std::int64_t count, float scale, float least,
               float most, std::int32_t zero) {
  const float none = std::min(std::max(0.0f, least), most);
  for (std::int64_t i = 0; i < count; ++i) {
    const float q = x[i] / scale;
    float steps = q < least ? least : q;
    steps = steps > most ? most : steps;
    steps = q == q ? steps : none;
    const std::int32_t whole = nearest_integer(steps);
    y[i] = static_cast<std::uint8_t>(whole + zero);
  }
}

// A zero point of either type.
std::int32_t zero_at(DType type, const void* zeros, std::int64_t i) {
  switch (type) {
    case DType::kUInt8:
      return static_cast<const std::uint8_t*>(zeros)[i];
    case DType::kInt8:
      return static_cast<const std::int8_t*>(zeros)[i];
    case DType::kInt32:
      return static_cast<const std::int32_t*>(zeros)[i];
    default:
      return 0;
  }
}

DType zero_type(const OpQuery& query) {
  return has_input(query, 2) ? query.inputs[2].dtype : DType::kUndefined;
}

std::unique_ptr<Kernel> prepare_quantize(const OpQuery& query) {
  const Runs runs(query);
  const DType zeros = zero_type(query);
  const bool is_signed = query.outputs[0].dtype == DType::kInt8;
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<std::uint8_t*>(args.outputs[0]);
    each_run(runs, [&](std::int64_t first, std::int64_t count, std::int64_t at) {
      const std::int32_t zero = zeros == DType::kUndefined ? 0 : zero_at(zeros, args.inputs[2], at);
      const std::int32_t least = (is_signed ? -128 : 0) - zero;
      round_run(x + first, y + first, count, static_cast<const float*>(args.inputs[1])[at],
                static_cast<float>(least), static_cast<float>(least + 255), zero);
    });
  });
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[0] = runs.layout;
  kernel->output_layouts = {runs.layout};
  kernel->description = "vector";
  return kernel;
}

template <class T>
[[gnu::always_inline]] inline void widen(const T* x, float* y, std::int64_t count, float scale,
                                         std::int32_t zero) {
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = static_cast<float>(static_cast<std::int32_t>(x[i]) - zero) * scale;
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void widen_run(const std::uint8_t* x, float* y, std::int64_t count, float scale,
               std::int32_t zero) {
  widen(x, y, count, scale, zero);
}
TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void widen_run(const std::int8_t* x, float* y, std::int64_t count, float scale, std::int32_t zero) {
  widen(x, y, count, scale, zero);
}
void widen_run(const std::int32_t* x, float* y, std::int64_t count, float scale,
               std::int32_t zero) {
  for (std::int64_t i = 0; i < count; ++i) {  // in double: 32 bits of a difference
    y[i] = static_cast<float>((static_cast<double>(x[i]) - zero) * static_cast<double>(scale));
  }
}

template <class T>
std::unique_ptr<Kernel> widening(const OpQuery& query) {
  const Runs runs(query);
  const DType zeros = zero_type(query);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* x = static_cast<const T*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    each_run(runs, [&](std::int64_t first, std::int64_t count, std::int64_t at) {
      const std::int32_t zero = zeros == DType::kUndefined ? 0 : zero_at(zeros, args.inputs[2], at);
      widen_run(x + first, y + first, count, static_cast<const float*>(args.inputs[1])[at], zero);
    });
  });
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[0] = runs.layout;
  kernel->output_layouts = {runs.layout};
  kernel->description = "vector";
  return kernel;
}

std::unique_ptr<Kernel> prepare_dequantize(const OpQuery& query) {
  switch (query.inputs[0].dtype) {
    case DType::kUInt8:
      return widening<std::uint8_t>(query);
    case DType::kInt8:
      return widening<std::int8_t>(query);
    default:
      return widening<std::int32_t>(query);
  }
}

Support supports_dynamic(const OpQuery& query) {
  return query.inputs[0].dtype != DType::kFloat32 || query.inputs[0].shape.element_count() == 0
             ? Support::no("only f32, with elements")
             : Support::yes();
}

// The range of x and 0; NaN has no say.
TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void find_range(const float* x, std::int64_t count, float* range) {
  constexpr std::int64_t kLanes = 64;
  std::array<float, kLanes> low{}, high{};
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const auto at = static_cast<std::size_t>(lane);
      low[at] = x[i + lane] < low[at] ? x[i + lane] : low[at];
      high[at] = x[i + lane] > high[at] ? x[i + lane] : high[at];
    }
  }
  for (; i < count; ++i) {
    low[0] = x[i] < low[0] ? x[i] : low[0];
    high[0] = x[i] > high[0] ? x[i] : high[0];
  }
  range[0] = *std::min_element(low.begin(), low.end());
  range[1] = *std::max_element(high.begin(), high.end());
}

// The range of x, which 0 is made part of, is spread over 0..255.
std::unique_ptr<Kernel> prepare_dynamic(const OpQuery& query) {
  const std::int64_t count = query.inputs[0].shape.element_count();
  const Layout layout = has_padding(query.inputs[0].shape, query.inputs[0].layout)
                            ? Layout{}
                            : query.inputs[0].layout;
  constexpr int kMostParts = 64;
  const int threads = std::min(threads_for_elements(query.threads, count), kMostParts);
  const bool gives_y = has_output(query, 0), gives_scale = has_output(query, 1);
  const bool gives_zero = has_output(query, 2);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    std::array<std::array<float, 2>, kMostParts> ranges{};
    const std::int64_t part = (count + threads - 1) / threads;
    parallel_ranges(threads, threads, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t first = std::min(count, i * part);
        find_range(x + first, std::min(part, count - first),
                   ranges[static_cast<std::size_t>(i)].data());
      }
    });
    float low = 0, high = 0;
    for (const auto& range : ranges) {
      low = std::min(low, range[0]);
      high = std::max(high, range[1]);
    }
    const float scale = high - low == 0 ? 1.0f : (high - low) / 255.0f;
    const float zero = std::min(255.0f, std::nearbyint(-low / scale));
    if (gives_scale) {
      *static_cast<float*>(args.outputs[1]) = scale;
    }
    if (gives_zero) {
      *static_cast<std::uint8_t*>(args.outputs[2]) = static_cast<std::uint8_t>(zero);
    }
    auto* y = static_cast<std::uint8_t*>(gives_y ? args.outputs[0] : nullptr);
    parallel_ranges(gives_y ? threads : 1, gives_y ? count : 0, 1024,
                    [&](std::int64_t begin, std::int64_t end) {
                      round_run(x + begin, y + begin, end - begin, scale, -zero, 255.0f - zero,
                                static_cast<std::int32_t>(zero));
                    });
  });
  kernel->input_layouts = {layout};
  kernel->output_layouts.resize(query.outputs.size());
  kernel->output_layouts[0] = layout;
  kernel->description = "vector";
  return kernel;
}

}  // namespace

void register_quantize_linear(KernelTable& table) {
  table.add("QuantizeLinear", "cpu", supports_quantize, prepare_quantize);
  table.add("DequantizeLinear", "cpu", supports_dequantize, prepare_dequantize);
  table.add("DynamicQuantizeLinear", "cpu", supports_dynamic, prepare_dynamic);
}

}  // namespace temper::cpu
