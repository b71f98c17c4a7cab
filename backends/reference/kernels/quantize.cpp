// QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear, and the two in a row with the gradient
// that goes straight through.
#include <algorithm>
#include <cmath>

#include "backends/host/division_type.h"
#include "backends/reference/elementwise.h"
#include "backends/reference/quantization.h"
#include "backends/reference/type_support.h"

namespace temper::reference {
namespace {

// Reads x, scale and zero point of an op, whose first inputs they are from `first` on.
struct Operands {
  ReadElement x, scale, zero;
  std::size_t first;
  ScaleMap map;
  std::int64_t count;
  DType division;

  Operands(const OpQuery& query, std::size_t at)
      : x(reader_of(query.inputs[at].dtype)),
        scale(reader_of(query.inputs[at + 1].dtype)),
        zero(has_input(query, at + 2) ? reader_of(query.inputs[at + 2].dtype) : nullptr),
        first(at),
        map(*query.attrs, query.inputs[at].shape, query.inputs[at + 1].shape),
        count(query.inputs[at].shape.element_count()),
        division(division_type(*query.attrs, query.inputs[at].dtype, query.inputs[at + 1].dtype)) {}

  double x_at(const KernelArgs& args, std::int64_t i) const { return x(args.inputs[first], i); }
  double scale_at(const KernelArgs& args, std::int64_t i) const {
    return scale(args.inputs[first + 1], map.at(i));
  }
  double zero_at(const KernelArgs& args, std::int64_t i) const {
    return zero == nullptr ? 0 : zero(args.inputs[first + 2], map.at(i));
  }
  double quotient(const KernelArgs& args, std::int64_t i) const {
    return rounded_to(division, x_at(args, i) / scale_at(args, i));
  }
};

bool saturates(const OpQuery& query) { return query.attrs->get_int("saturate", 1) != 0; }

std::unique_ptr<Kernel> prepare_quantize(const OpQuery& query) {
  const Operands from(query, 0);
  const QuantizedRange range = range_of(query.outputs[0].dtype, saturates(query));
  const WriteElement write = writer_of(query.outputs[0].dtype);
  return make_kernel([=](const KernelArgs& args) {
    for (std::int64_t i = 0; i < from.count; ++i) {
      write(args.outputs[0], i, quantized(from.quotient(args, i), from.zero_at(args, i), range));
    }
  });
}

std::unique_ptr<Kernel> prepare_dequantize(const OpQuery& query) {
  const Operands from(query, 0);
  const WriteElement write = writer_of(query.outputs[0].dtype);
  return make_kernel([=](const KernelArgs& args) {
    for (std::int64_t i = 0; i < from.count; ++i) {
      const double steps = from.x_at(args, i) - from.zero_at(args, i);
      write(args.outputs[0], i, steps * from.scale_at(args, i));
    }
  });
}

QuantizedRange fake_range(const OpQuery& query) {
  return range_of(dtype_from_name(query.attrs->get_string("quantized", "u8")), saturates(query));
}

std::unique_ptr<Kernel> prepare_fake(const OpQuery& query) {
  const Operands from(query, 0);
  const QuantizedRange range = fake_range(query);
  const WriteElement write = writer_of(query.outputs[0].dtype);
  return make_kernel([=](const KernelArgs& args) {
    for (std::int64_t i = 0; i < from.count; ++i) {
      const double zero = from.zero_at(args, i);
      const double steps = quantized(from.quotient(args, i), zero, range) - zero;
      write(args.outputs[0], i, steps * from.scale_at(args, i));
    }
  });
}

// dy, x, scale, zero point -> dx, dscale
std::unique_ptr<Kernel> prepare_fake_grad(const OpQuery& query) {
  const Operands from(query, 1);
  const QuantizedRange range = fake_range(query);
  const ReadElement read_dy = reader_of(query.inputs[0].dtype);
  const bool wants_x = has_output(query, 0), wants_scale = has_output(query, 1);
  const WriteElement write_dx = wants_x ? writer_of(query.outputs[0].dtype) : nullptr;
  const WriteElement write_ds = wants_scale ? writer_of(query.outputs[1].dtype) : nullptr;
  const std::int64_t scales = query.inputs[2].shape.element_count();
  auto kernel = make_kernel([=](const KernelArgs& args) {
    auto* sums = static_cast<double*>(args.workspace);
    std::fill(sums, sums + scales, 0.0);
    for (std::int64_t i = 0; i < from.count; ++i) {
      const double zero = from.zero_at(args, i);
      const double quotient = from.quotient(args, i);
      const double steps = quantized(quotient, zero, range) - zero;
      const bool inside = is_inside(quotient, zero, range);
      const double dy = read_dy(args.inputs[0], i);
      if (wants_x) {
        write_dx(args.outputs[0], i, inside ? dy : 0);
      }
      sums[from.map.at(i)] += dy * (inside ? steps - quotient : steps);
    }
    for (std::int64_t i = 0; wants_scale && i < scales; ++i) {
      write_ds(args.outputs[1], i, sums[i]);
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(scales) * sizeof(double);
  return kernel;
}

// The range of x, which 0 is made part of, is spread over 0..255.
std::unique_ptr<Kernel> prepare_dynamic(const OpQuery& query) {
  const std::int64_t count = query.inputs[0].shape.element_count();
  const DType type = query.inputs[0].dtype;
  const ReadElement read = reader_of(type);
  const WriteElement write_scale = writer_of(type);
  const bool gives_y = has_output(query, 0);
  const bool gives_scale = has_output(query, 1), gives_zero = has_output(query, 2);
  return make_kernel([=](const KernelArgs& args) {
    double low = 0, high = 0;
    for (std::int64_t i = 0; i < count; ++i) {
      const double x = read(args.inputs[0], i);
      low = std::min(low, x);
      high = std::max(high, x);
    }
    const double spread = rounded_to(type, high - low);
    const double scale = spread == 0 ? 1 : rounded_to(type, spread / 255);
    const double zero = quantized(rounded_to(type, -low / scale), 0, {});
    if (gives_scale) {
      write_scale(args.outputs[1], 0, scale);
    }
    if (gives_zero) {
      *static_cast<std::uint8_t*>(args.outputs[2]) = static_cast<std::uint8_t>(zero);
    }
    for (std::int64_t i = 0; gives_y && i < count; ++i) {
      const double quotient = rounded_to(type, read(args.inputs[0], i) / scale);
      static_cast<std::uint8_t*>(args.outputs[0])[i] =
          static_cast<std::uint8_t>(quantized(quotient, zero, {}));
    }
  });
}

}  // namespace

void register_quantize(KernelTable& table) {
  table.add("QuantizeLinear", kFamily, {}, prepare_quantize);
  table.add("DequantizeLinear", kFamily, {}, prepare_dequantize);
  table.add("DynamicQuantizeLinear", kFamily, {}, prepare_dynamic);
  table.add("QuantizeDequantize", kFamily, {}, prepare_fake);
  table.add("QuantizeDequantizeGrad", kFamily, {}, prepare_fake_grad);
  for (const char* op : {"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear",
                         "QuantizeDequantize", "QuantizeDequantizeGrad"}) {
    table.set_any_type(op);
  }
}

}  // namespace temper::reference
