// MaxPool, AveragePool and their gradients, plain or with channels last.
#include "backends/cuda/kernels/pool.h"

#include <algorithm>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/layouts.h"

namespace temper::cuda {
namespace {

PoolShape shape_of(const Attrs& attrs, const Window& window, const Shape& x, const Spatial& out,
                   bool last) {
  PoolShape p{};
  const Spatial in = spatial_dims(x);
  for (std::size_t i = 0; i < kMaxSpatialRank; ++i) {
    p.kernel[i] = window.kernel[i];
    p.stride[i] = window.stride[i];
    p.dilation[i] = window.dilation[i];
    p.pad_begin[i] = window.pad_begin[i];
    p.pad_end[i] = window.pad_end[i];
    p.in[i] = in[i];
    p.out[i] = out[i];
  }
  p.planes = x[0] * x[1];
  p.lanes = last ? x[1] : 1;
  p.count_padding = attrs.get_int("count_include_pad", 0) != 0;
  p.column_major = attrs.get_int("storage_order", 0) != 0;
  return p;
}

// An output may be left out, so the windows come from the attributes.
PoolShape forward_shape(const OpQuery& query, bool last) {
  const Shape& x = query.inputs[0].shape;
  const Window window = read_window(*query.attrs);
  const bool ceil_mode = query.attrs->get_int("ceil_mode", 0) != 0;
  return shape_of(*query.attrs, window, x, window_output(window, spatial_dims(x), ceil_mode), last);
}

PoolShape gradient_shape(const OpQuery& query, bool last) {
  return shape_of(*query.attrs, read_window(*query.attrs),
                  Shape(query.attrs->get_ints("input_shape")), spatial_dims(query.inputs[0].shape),
                  last);
}

// All tensors but what is saved have their channels last, or none.
void set_layouts(Kernel& kernel, const OpQuery& query, bool last) {
  OpQuery laid = query;
  for (auto* specs : {&laid.inputs, &laid.outputs}) {
    for (TensorSpec& spec : *specs) {
      const bool is_tensor = spec.present() && spec.dtype != DType::kOpaque;
      spec.layout = is_tensor && last ? channels_last(spec.shape) : Layout{};
    }
  }
  cuda::set_layouts(kernel, laid);
}

// As the forward had them where something is saved, which lies as its tensors do.
bool gradient_is_last(const OpQuery& query) {
  if (query.forward == nullptr) {
    return goes_on_last(query.inputs[0]);
  }
  const auto& layouts = query.forward->input_layouts;
  return !layouts.empty() && !layouts[0].plain;
}

Support float_input(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kBFloat16
             ? Support::yes()
             : Support::no(concat("only f32, f16 and bf16, not ", dtype));
}

std::unique_ptr<Kernel> prepare_max_pool(const OpQuery& query) {
  const bool last = is_channels_last(query.inputs[0]);
  const PoolShape p = forward_shape(query, last);
  auto kernel = make_kernel(
      [p, dtype = query.inputs[0].dtype, outputs = query.outputs.size()](const KernelArgs& args) {
        max_pool(p, dtype, args.inputs[0], args.outputs[0],
                 outputs > 1 ? output<std::int64_t>(args, 1) : nullptr,
                 outputs > 2 ? output<std::int64_t>(args, 2) : nullptr, handle_of(args.stream));
      });
  kernel->opaque_bytes.assign(query.outputs.size(), 0);
  if (query.outputs.size() > 2 && query.outputs[2].present()) {
    kernel->opaque_bytes[2] =
        static_cast<std::size_t>(p.planes * p.out_plane()) * sizeof(std::int64_t);
  }
  set_layouts(*kernel, query, last);
  return kernel;
}

std::unique_ptr<Kernel> prepare_max_pool_grad(const OpQuery& query) {
  const bool last = gradient_is_last(query);
  auto kernel = make_kernel(
      [p = gradient_shape(query, last), dtype = query.inputs[0].dtype](const KernelArgs& args) {
        max_pool_grad(p, dtype, args.inputs[0], input<std::int64_t>(args, 1), args.outputs[0],
                      handle_of(args.stream));
      });
  set_layouts(*kernel, query, last);
  return kernel;
}

std::unique_ptr<Kernel> prepare_average_pool(const OpQuery& query) {
  const bool last = is_channels_last(query.inputs[0]);
  auto kernel = make_kernel(
      [p = forward_shape(query, last), dtype = query.inputs[0].dtype](const KernelArgs& args) {
        average_pool(p, dtype, args.inputs[0], args.outputs[0], handle_of(args.stream));
      });
  set_layouts(*kernel, query, last);
  return kernel;
}

std::unique_ptr<Kernel> prepare_average_pool_grad(const OpQuery& query) {
  const bool last = gradient_is_last(query);
  auto kernel = make_kernel(
      [p = gradient_shape(query, last), dtype = query.inputs[0].dtype](const KernelArgs& args) {
        average_pool_grad(p, dtype, args.inputs[0], args.outputs[0], handle_of(args.stream));
      });
  set_layouts(*kernel, query, last);
  return kernel;
}

}  // namespace

void register_pool(KernelTable& table) {
  add_row(table, "MaxPool", float_input, prepare_max_pool);
  add_row(table, "MaxPoolGrad", float_input, prepare_max_pool_grad);
  add_row(table, "AveragePool", float_input, prepare_average_pool);
  add_row(table, "AveragePoolGrad", float_input, prepare_average_pool_grad);
}

}  // namespace temper::cuda
