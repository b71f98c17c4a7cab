// IntegerAdd: sums of numbers in steps of their scales, rounded to steps of another.
#include "backends/reference/elementwise.h"
#include "backends/reference/quantization.h"
#include "runtime/base/rectifier.h"

namespace temper::reference {
namespace {

// Numbers that stand for (value - zero) scale.
class Steps {
 public:
  // Value, scale and zero point are the inputs from `first` on; without a scale it is 1.
  Steps(const OpQuery& query, std::size_t first)
      : first_(first), value_(reader_of(query.inputs[first].dtype)) {}

  double at(const KernelArgs& args, std::int64_t i) const {
    const void* const zero_point = args.inputs[first_ + 2];
    const double zero = zero_point == nullptr ? 0 : value_(zero_point, 0);
    const auto* scale = static_cast<const float*>(args.inputs[first_ + 1]);
    return (value_(args.inputs[first_], i) - zero) *
           (scale == nullptr ? 1.0 : static_cast<double>(*scale));
  }

 private:
  std::size_t first_;
  ReadElement value_;
};

// To steps of the scale at input `first`, the zero point behind it.
class Rounding {
 public:
  Rounding(const OpQuery& query, std::size_t first)
      : first_(first),
        rectifier_(rectifier_of(*query.attrs)),
        range_(range_of(query.outputs[0].dtype)),
        read_(reader_of(query.outputs[0].dtype)),
        write_(writer_of(query.outputs[0].dtype)) {}

  void write(const KernelArgs& args, std::int64_t i, double value) const {
    const double scale = *static_cast<const float*>(args.inputs[first_]);
    const double zero = read_(args.inputs[first_ + 1], 0);
    write_(args.outputs[0], i, quantized(rectifier_(value) / scale, zero, range_));
  }

 private:
  std::size_t first_;
  Rectifier rectifier_;
  QuantizedRange range_;
  ReadElement read_;
  WriteElement write_;
};

std::unique_ptr<Kernel> prepare_add(const OpQuery& query) {
  const bool two = has_input(query, 5);
  const Steps a(query, 2), b(query, two ? 5 : 2);
  const Rounding rounding(query, 0);
  const std::int64_t count = query.outputs[0].shape.element_count();
  return make_kernel([=](const KernelArgs& args) {
    for (std::int64_t i = 0; i < count; ++i) {
      rounding.write(args, i, a.at(args, i) + (two ? b.at(args, i) : 0));
    }
  });
}

}  // namespace

void register_integer_region(KernelTable& table) {
  table.add("IntegerAdd", kFamily, {}, prepare_add);
  table.set_any_type("IntegerAdd");
}

}  // namespace temper::reference
