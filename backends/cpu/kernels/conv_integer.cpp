// ConvInteger: sums of products of bytes in 32 bits, a row of an output plane at a time.
#include <algorithm>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/parallel.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/alignment.h"
#include "runtime/base/concat.h"
#include "runtime/base/window.h"

namespace temper::cpu {
namespace {

enum Input : std::size_t { kX, kW, kXZero, kWZero };

// Without signs, as sums wrap.
TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_products(std::uint32_t* y, const std::uint32_t* x, std::uint32_t w, std::int64_t step,
                  std::int64_t count) {
  if (step == 1) {
    for (std::int64_t i = 0; i < count; ++i) {
      y[i] += w * x[i];
    }
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    y[i] += w * x[i * step];
  }
}

// Element i of bytes with a sign or without.
std::uint32_t byte_at(const void* data, bool has_sign, std::int64_t i) {
  return has_sign ? static_cast<std::uint32_t>(static_cast<const std::int8_t*>(data)[i])
                  : static_cast<const std::uint8_t*>(data)[i];
}

struct Convolution {
  Window window;
  Spatial in{}, out{};
  std::int64_t batch = 0, in_channels = 0, out_channels = 0, group_in = 0, group_out = 1;
  bool x_sign = false, w_sign = false;
  std::int64_t x_zeros = 0, w_zeros = 0;  // numbers of them

  std::int64_t in_plane() const { return in[0] * in[1] * in[2]; }
  std::int64_t out_plane() const { return out[0] * out[1] * out[2]; }

  // Where a tap is at one pixel of all, a plane is a single row.
  void flatten() {
    const bool single = window.kernel_elements() == 1 && in == out;
    const auto none = [](const Spatial& pads) {
      return std::all_of(pads.begin(), pads.end(), [](std::int64_t pad) { return pad == 0; });
    };
    if (single && none(window.pad_begin) && none(window.pad_end) &&
        window.stride == Spatial{1, 1, 1}) {
      in = out = {1, 1, in_plane()};
    }
  }

  // Adds the taps of one row of a kernel, weights from `w` on, to a row of y.
  void add_row(const std::uint32_t* x, const void* w, std::int64_t at, std::uint32_t zero,
               std::uint32_t* y) const {
    const std::int64_t step = window.stride[2];
    for (std::int64_t k = 0; k < window.kernel[2]; ++k) {
      const std::int64_t shift = k * window.dilation[2] - window.pad_begin[2];
      const std::int64_t begin = shift < 0 ? (-shift + step - 1) / step : 0;
      const std::int64_t end = shift < in[2] ? std::min(out[2], (in[2] - 1 - shift) / step + 1) : 0;
      if (begin < end) {
        add_products(y + begin, x + begin * step + shift, byte_at(w, w_sign, at + k) - zero, step,
                     end - begin);
      }
    }
  }

  // Output channel m of sample n, from the sample's differences.
  void plane(const std::uint32_t* x, const void* w, std::int64_t m, std::uint32_t zero,
             std::uint32_t* y) const {
    std::fill_n(y, out_plane(), 0u);
    const std::int64_t first = m / group_out * group_in, taps = window.kernel_elements();
    const std::int64_t rows = window.kernel[0] * window.kernel[1];
    for (std::int64_t c = 0; c < group_in; ++c) {
      for (std::int64_t row = 0; row < out[0] * out[1]; ++row) {
        for (std::int64_t k = 0; k < rows; ++k) {
          const std::int64_t depth = row / out[1] * window.stride[0] - window.pad_begin[0] +
                                     k / window.kernel[1] * window.dilation[0];
          const std::int64_t height = row % out[1] * window.stride[1] - window.pad_begin[1] +
                                      k % window.kernel[1] * window.dilation[1];
          if (depth >= 0 && depth < in[0] && height >= 0 && height < in[1]) {
            add_row(x + (first + c) * in_plane() + (depth * in[1] + height) * in[2], w,
                    (m * group_in + c) * taps + k * window.kernel[2], zero, y + row * out[2]);
          }
        }
      }
    }
  }

  void run(int threads, const KernelArgs& args) const {
    auto* differences = static_cast<std::uint32_t*>(args.workspace);
    const std::uint32_t x_zero = x_zeros > 0 ? byte_at(args.inputs[kXZero], x_sign, 0) : 0;
    parallel_ranges(threads, batch * in_channels * in_plane(), 4096,
                    [&](std::int64_t begin, std::int64_t end) {
                      for (std::int64_t i = begin; i < end; ++i) {
                        differences[i] = byte_at(args.inputs[kX], x_sign, i) - x_zero;
                      }
                    });
    auto* y = static_cast<std::uint32_t*>(args.outputs[0]);
    parallel_ranges(threads, batch * out_channels, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::int64_t m = i % out_channels;
        const std::uint32_t zero =
            w_zeros > 0 ? byte_at(args.inputs[kWZero], w_sign, w_zeros > 1 ? m : 0) : 0;
        plane(differences + i / out_channels * in_channels * in_plane(), args.inputs[kW], m, zero,
              y + i * out_plane());
      }
    });
  }
};

Support supports(const OpQuery& query) {
  const auto is_byte = [](DType dtype) { return dtype == DType::kUInt8 || dtype == DType::kInt8; };
  if (!is_byte(query.inputs[kX].dtype) || !is_byte(query.inputs[kW].dtype)) {
    return Support::no(
        concat("only bytes, not ", query.inputs[kX].dtype, " times ", query.inputs[kW].dtype));
  }
  return has_input(query, kXZero) && query.inputs[kXZero].shape.element_count() > 1
             ? Support::no("several zero points of x")
             : Support::yes();
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const TensorSpec &x = query.inputs[kX], &w = query.inputs[kW];
  const auto zeros = [&](Input i) {
    return has_input(query, i) ? query.inputs[i].shape.element_count() : 0;
  };
  Convolution c;
  c.window = read_window(*query.attrs);
  c.in = spatial_dims(x.shape);
  c.out = spatial_dims(query.outputs[0].shape);
  c.batch = x.shape[0];
  c.in_channels = x.shape[1];
  c.out_channels = w.shape[0];
  c.group_in = w.shape[1];
  c.group_out = std::max<std::int64_t>(1, w.shape[0] / query.attrs->get_int("group", 1));
  c.x_sign = x.dtype == DType::kInt8;
  c.w_sign = w.dtype == DType::kInt8;
  c.x_zeros = zeros(kXZero);
  c.w_zeros = zeros(kWZero);
  c.flatten();
  const int threads =
      threads_for_elements(query.threads, query.outputs[0].shape.element_count() * c.group_in *
                                              c.window.kernel_elements());
  auto kernel = make_kernel([c, threads](const KernelArgs& args) { c.run(threads, args); });
  kernel->workspace_bytes =
      aligned_bytes(static_cast<std::size_t>(x.shape.element_count()) * sizeof(std::uint32_t));
  kernel->description = "rows of 32 bits";
  return kernel;
}

}  // namespace

void register_conv_integer(KernelTable& table) {
  table.add("ConvInteger", "cpu", supports, prepare);
}

}  // namespace temper::cpu
