// QuantizeDequantize of f32 to integers of up to 8 bits and back, with one scale or one for each
// entry of an axis, and its gradient: what training with rounding runs for each weight and value.
#include <algorithm>
#include <array>
#include <cmath>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/parallel.h"
#include "runtime/backend/kernel_table.h"

namespace temper::cpu {
namespace {

// x is [outer, scales, inner]; the integers are least to most.
struct Rounding {
  std::int64_t outer = 1, scales = 1, inner = 1;
  float least = 0, most = 0;
  DType zero_type = DType::kUndefined;  // none: 0

  // `first`: where x stands among the inputs.
  Rounding(const OpQuery& query, std::size_t first) {
    const Shape& x = query.inputs[first].shape;
    scales = query.inputs[first + 1].shape.element_count();
    inner = x.element_count();
    if (scales != 1 || query.inputs[first + 1].shape.rank() > 1) {
      const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
      outer = x.count(0, axis);
      inner = x.count(axis + 1, x.rank());
    }
    const DType type = dtype_from_name(query.attrs->get_string("quantized", "u8"));
    least = type == DType::kInt8 ? -128.0f : type == DType::kInt4 ? -8.0f : 0.0f;
    most = type == DType::kInt8 ? 127.0f : type == DType::kInt4 ? 7.0f : 255.0f;
    zero_type = has_input(query, first + 2) ? query.inputs[first + 2].dtype : DType::kUndefined;
  }

  float zero(const void* zeros, std::int64_t i) const {
    return zero_type == DType::kInt8 ? static_cast<float>(static_cast<const std::int8_t*>(zeros)[i])
           : zero_type == DType::kUInt8
               ? static_cast<float>(static_cast<const std::uint8_t*>(zeros)[i])
               : 0.0f;
  }
};

Support supports(const OpQuery& query, std::size_t first) {
  const DType type = dtype_from_name(query.attrs->get_string("quantized", "u8"));
  const auto no = [](const char* why) { return Support::no(why); };
  if (query.inputs[first].dtype != DType::kFloat32 ||
      query.inputs[first + 1].dtype != DType::kFloat32 ||
      (has_output(query, 0) && query.outputs[0].dtype != DType::kFloat32)) {
    return no("only f32");
  }
  if (type != DType::kInt8 && type != DType::kUInt8 && type != DType::kInt4) {
    return no("only i8, u8 and i4");
  }
  if (query.attrs->get_int("block_size", 0) != 0 || query.attrs->has("precision")) {
    return no("no blocks, no other precision");
  }
  if (type == DType::kInt4 && has_input(query, first + 2)) {
    return no("i4 without a zero point alone");
  }
  return Support::yes();
}

// What a number becomes: how many steps, and whether that was cut off. NaN counts as 0 steps.
struct Step {
  float quotient, steps;
  bool inside;
};

[[gnu::always_inline]] inline Step step_of(float x, float scale, float zero, float least,
                                           float most) {
  const float quotient = x / scale;
  const float whole = std::nearbyint(quotient) + zero;
  const float held = std::min(std::max(whole, least), most);
  const float none = std::min(std::max(zero, least), most);
  return {quotient, (quotient == quotient ? held : none) - zero, whole >= least && whole <= most};
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void round_run(const float* x, float* y, std::int64_t count, float scale, float zero, float least,
               float most) {
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] = step_of(x[i], scale, zero, least, most).steps * scale;
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void pass_run(const float* dy, const float* x, float* dx, std::int64_t count, float scale,
              float zero, float least, float most) {
  for (std::int64_t i = 0; i < count; ++i) {
    dx[i] = step_of(x[i], scale, zero, least, most).inside ? dy[i] : 0.0f;
  }
}

// sum dy (steps - x / scale where nothing is cut off, else steps), in eight parts.
TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
double scale_run(const float* dy, const float* x, std::int64_t count, float scale, float zero,
                 float least, float most) {
  constexpr std::int64_t kParts = 8;
  std::array<double, kParts> sums = {};
  const auto add = [&](std::int64_t i, std::int64_t part) {
    const Step step = step_of(x[i], scale, zero, least, most);
    const double change =
        static_cast<double>(step.steps) - (step.inside ? static_cast<double>(step.quotient) : 0.0);
    sums[static_cast<std::size_t>(part)] += static_cast<double>(dy[i]) * change;
  };
  std::int64_t i = 0;
  for (; i + kParts <= count; i += kParts) {
    for (std::int64_t part = 0; part < kParts; ++part) {
      add(i + part, part);
    }
  }
  for (; i < count; ++i) {
    add(i, 0);
  }
  double total = 0;
  for (const double sum : sums) {
    total += sum;
  }
  return total;
}

// Calls f(run, first element, count, scale, zero) on threads, for runs of one scale or parts of
// them.
template <class F>
void each_run(const Rounding& r, int threads, const float* scales, const void* zeros, const F& f) {
  constexpr std::int64_t kGrain = 1024;
  if (r.outer * r.scales == 1) {
    parallel_ranges(threads, r.inner, kGrain, [&](std::int64_t begin, std::int64_t end) {
      f(begin, end - begin, scales[0], r.zero(zeros, 0));
    });
    return;
  }
  parallel_ranges(threads, r.outer * r.scales, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t run = begin; run < end; ++run) {
      const std::int64_t at = run % r.scales;
      f(run * r.inner, r.inner, scales[at], r.zero(zeros, at));
    }
  });
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const Rounding r(query, 0);
  const int threads = threads_for_elements(query.threads, query.inputs[0].shape.element_count());
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    const void* zeros = r.zero_type == DType::kUndefined ? nullptr : args.inputs[2];
    each_run(r, threads, static_cast<const float*>(args.inputs[1]), zeros,
             [&](std::int64_t first, std::int64_t count, float scale, float zero) {
               round_run(x + first, y + first, count, scale, zero, r.least, r.most);
             });
  });
  kernel->inplace = {{0, 0}};
  kernel->description = "runs of one scale in parallel";
  return kernel;
}

// dy, x, scale, zero point -> dx, dscale
std::unique_ptr<Kernel> prepare_grad(const OpQuery& query) {
  const Rounding r(query, 1);
  const int threads = threads_for_elements(query.threads, query.inputs[1].shape.element_count());
  const bool wants_x = has_output(query, 0), wants_scale = has_output(query, 1);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* dy = static_cast<const float*>(args.inputs[0]);
    const auto* x = static_cast<const float*>(args.inputs[1]);
    const auto* scales = static_cast<const float*>(args.inputs[2]);
    const void* zeros = r.zero_type == DType::kUndefined ? nullptr : args.inputs[3];
    if (wants_x) {
      auto* dx = static_cast<float*>(args.outputs[0]);
      each_run(r, threads, scales, zeros,
               [&](std::int64_t first, std::int64_t count, float scale, float zero) {
                 pass_run(dy + first, x + first, dx + first, count, scale, zero, r.least, r.most);
               });
    }
    for (std::int64_t at = 0; wants_scale && at < r.scales; ++at) {
      double sum = 0;
      for (std::int64_t row = 0; row < r.outer; ++row) {
        const std::int64_t first = (row * r.scales + at) * r.inner;
        sum += scale_run(dy + first, x + first, r.inner, scales[at], r.zero(zeros, at), r.least,
                         r.most);
      }
      static_cast<float*>(args.outputs[1])[at] = static_cast<float>(sum);
    }
  });
  kernel->description = "runs of one scale";
  return kernel;
}

}  // namespace

void register_quantize_dequantize(KernelTable& table) {
  table.add("QuantizeDequantize", "cpu", [](const OpQuery& q) { return supports(q, 0); }, prepare);
  table.add(
      "QuantizeDequantizeGrad", "cpu", [](const OpQuery& q) { return supports(q, 1); },
      prepare_grad);
}

}  // namespace temper::cpu
