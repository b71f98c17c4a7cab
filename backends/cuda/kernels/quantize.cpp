// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, QuantizeDequantize and its gradient.
#include "backends/cuda/kernels/quantize.h"

#include <algorithm>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/quantized_types.h"
#include "backends/host/division_type.h"
#include "runtime/base/narrow_types.h"
#include "runtime/base/one_number.h"

namespace temper::cuda {
namespace {

DType fake_type(const OpQuery& query) {
  return dtype_from_name(query.attrs->get_string("quantized", "u8"));
}

Support supports_fake(const OpQuery& query) {
  const DType type = fake_type(query);
  return is_narrow(type) && is_narrow_float(type) ? Support::no(concat("no ", type))
                                                  : no_narrow_floats(query);
}

ScalePlaces places_of(const Attrs& attrs, const Shape& x, const Shape& scale) {
  ScalePlaces places;
  places.single = is_one_number(scale);
  if (!places.single) {
    const int axis = static_cast<int>(attrs.get_int("axis", 0));
    places.dim = x[axis];
    places.inner = x.count(axis + 1, x.rank());
    places.blocked = attrs.get_int("block_size", 0) > 0;
    places.block = std::max<std::int64_t>(1, attrs.get_int("block_size", 0));
    places.blocks = scale.rank() == x.rank() ? scale[axis] : places.dim;
  }
  return places;
}

// x, scale and zero point are the inputs from `first` on.
Quantization quantization_of(const OpQuery& query, std::size_t first, DType y) {
  Quantization q{};
  const TensorSpec& x = query.inputs[first];
  const TensorSpec& scale = query.inputs[first + 1];
  q.x = x.dtype;
  q.scale = scale.dtype;
  q.zero = has_input(query, first + 2) ? query.inputs[first + 2].dtype : DType::kUndefined;
  q.y = y;
  q.division = division_type(*query.attrs, x.dtype, scale.dtype);
  q.places = places_of(*query.attrs, x.shape, scale.shape);
  q.count = x.shape.element_count();
  q.scales = scale.shape.element_count();
  return q;
}

QuantizedTensors tensors_of(const Quantization& q, const KernelArgs& args, std::size_t first) {
  return {args.inputs[first], args.inputs[first + 1],
          q.zero == DType::kUndefined ? nullptr : args.inputs[first + 2]};
}

using Launch = void (*)(const Quantization&, const QuantizedTensors&, void*, StreamHandle);

std::unique_ptr<Kernel> kernel_of(const Quantization& q, Launch launch) {
  return make_kernel([q, launch](const KernelArgs& args) {
    launch(q, tensors_of(q, args, 0), args.outputs[0], handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_quantize(const OpQuery& query) {
  Quantization q = quantization_of(query, 0, query.outputs[0].dtype);
  q.range = range_of(q.y);
  return kernel_of(q, quantize);
}

std::unique_ptr<Kernel> prepare_dequantize(const OpQuery& query) {
  return kernel_of(quantization_of(query, 0, query.outputs[0].dtype), dequantize);
}

std::unique_ptr<Kernel> prepare_fake(const OpQuery& query) {
  Quantization q = quantization_of(query, 0, query.outputs[0].dtype);
  q.range = range_of(fake_type(query));
  return kernel_of(q, quantize_dequantize);
}

std::unique_ptr<Kernel> prepare_fake_grad(const OpQuery& query) {
  Quantization q = quantization_of(query, 1, query.inputs[0].dtype);
  q.range = range_of(fake_type(query));
  return make_kernel([q, outputs = query.outputs.size()](const KernelArgs& args) {
    quantize_dequantize_grad(q, tensors_of(q, args, 1), args.inputs[0], args.outputs[0],
                             outputs > 1 ? args.outputs[1] : nullptr, handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_dynamic(const OpQuery& query) {
  auto kernel =
      make_kernel([type = query.inputs[0].dtype, count = query.inputs[0].shape.element_count(),
                   outputs = query.outputs.size()](const KernelArgs& args) {
        quantize_dynamically(type, count, args.inputs[0], output<std::uint8_t>(args, 0),
                             outputs > 1 ? args.outputs[1] : nullptr,
                             outputs > 2 ? output<std::uint8_t>(args, 2) : nullptr,
                             static_cast<double*>(args.workspace), handle_of(args.stream));
      });
  kernel->workspace_bytes = 2 * sizeof(double);
  return kernel;
}

}  // namespace

void register_quantize(KernelTable& table) {
  add_row(table, "QuantizeLinear", no_narrow_floats, prepare_quantize);
  add_row(table, "DequantizeLinear", no_narrow_floats, prepare_dequantize);
  add_row(table, "DynamicQuantizeLinear", no_narrow_floats, prepare_dynamic);
  add_row(table, "QuantizeDequantize", supports_fake, prepare_fake);
  add_row(table, "QuantizeDequantizeGrad", supports_fake, prepare_fake_grad);
  for (const char* op : {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
                         "QuantizeDequantize", "QuantizeDequantizeGrad"}) {
    table.set_any_type(op);
  }
}

}  // namespace temper::cuda
