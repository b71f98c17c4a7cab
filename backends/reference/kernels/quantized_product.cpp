// MatMulInteger, ConvInteger, QLinearMatMul and QLinearConv, IntegerMatMul and IntegerConv:
// differences from the zero points, multiplied and summed in 64 bits.
#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "backends/reference/elementwise.h"
#include "backends/reference/quantization.h"
#include "backends/reference/type_support.h"
#include "runtime/base/rectifier.h"
#include "runtime/base/window.h"

namespace temper::reference {
namespace {

// Where the tensors of one factor stand among the inputs.
struct FactorInputs {
  std::size_t value, scale, zero;
};
constexpr std::size_t kNone = 99;

// What becomes of a sum: it stays one in 32 bits; it is rounded to steps of y, its bias before; it
// is a float, its bias behind, which may be rounded.
enum class Form { kSums, kLinear, kFloats };

struct Inputs {
  FactorInputs a, b;
  std::size_t bias, y_scale, y_zero;
};

Inputs inputs_of(Form form) {
  switch (form) {
    case Form::kSums:
      return {{0, kNone, 2}, {1, kNone, 3}, kNone, kNone, kNone};
    case Form::kLinear:
      return {{0, 1, 2}, {3, 4, 5}, 8, 6, 7};
    default:
      return {{0, 1, 2}, {3, 4, kNone}, 5, 6, 7};
  }
}

// A factor's elements less their zero points, and the scale of each of its rows, columns or
// channels.
class Factor {
 public:
  // `axis`: along which there may be several scales and zero points.
  Factor(const OpQuery& query, const FactorInputs& inputs, int axis)
      : inputs_(inputs), shape_(query.inputs[inputs.value].shape) {
    value_ = reader_of(query.inputs[inputs.value].dtype);
    inner_ = std::max<std::int64_t>(1, shape_.count(axis + 1, shape_.rank()));
    length_ = shape_[axis];
    if (has_input(query, inputs.zero)) {
      zero_ = reader_of(query.inputs[inputs.zero].dtype);
      zeros_ = parameter(query.inputs[inputs.zero].shape);
    }
    if (has_input(query, inputs.scale)) {
      scale_ = reader_of(query.inputs[inputs.scale].dtype);
      scales_ = parameter(query.inputs[inputs.scale].shape);
    }
  }

  std::int64_t difference(const KernelArgs& args, std::int64_t i) const {
    const double zero = zero_ == nullptr ? 0 : zero_(args.inputs[inputs_.zero], place(zeros_, i));
    return static_cast<std::int64_t>(value_(args.inputs[inputs_.value], i) - zero);
  }
  // Of the row, column or channel that element i belongs to.
  double scale(const KernelArgs& args, std::int64_t i) const {
    return scale_ == nullptr ? 1 : scale_(args.inputs[inputs_.scale], place(scales_, i));
  }
  const Shape& shape() const { return shape_; }

 private:
  enum class Spread { kOne, kAlongAxis, kPerMatrix };

  Spread parameter(const Shape& shape) const {
    const std::int64_t count = shape.element_count();
    return count == 1 ? Spread::kOne : count == length_ ? Spread::kAlongAxis : Spread::kPerMatrix;
  }
  std::int64_t place(Spread spread, std::int64_t i) const {
    if (spread == Spread::kOne) {
      return 0;
    }
    const std::int64_t along = i / inner_ % length_;
    if (spread == Spread::kAlongAxis) {
      return along;
    }
    const std::int64_t matrix = i / (shape_[shape_.rank() - 1] * shape_[shape_.rank() - 2]);
    return matrix * length_ + along;
  }

  FactorInputs inputs_;
  Shape shape_;
  ReadElement value_ = nullptr, scale_ = nullptr, zero_ = nullptr;
  Spread scales_ = Spread::kOne, zeros_ = Spread::kOne;
  std::int64_t inner_ = 1, length_ = 1;
};

class Result {
 public:
  Result(const OpQuery& query, Form form)
      : form_(form),
        inputs_(inputs_of(form)),
        rounds_(has_input(query, inputs_.y_scale)),
        bias_(has_input(query, inputs_.bias)),
        rectifier_(rectifier_of(*query.attrs)),
        write_(writer_of(query.outputs[0].dtype)) {
    if (rounds_) {
      range_ = range_of(query.outputs[0].dtype);
      type_ = query.inputs[inputs_.y_scale].dtype;
      scale_ = reader_of(type_);
      zero_ = reader_of(query.inputs[inputs_.y_zero].dtype);
    }
  }

  // `a` and `b`: the scales of the factors, of output channel or column `unit`. Without scales the
  // sum wraps as 32 bits do.
  void write(const KernelArgs& args, std::int64_t at, std::int64_t sum, double a, double b,
             std::int64_t unit) const {
    if (form_ == Form::kSums) {
      static_cast<std::int32_t*>(args.outputs[0])[at] = static_cast<std::int32_t>(sum);
      return;
    }
    double value = 0, scale = rounded_to(type_, a * b);
    if (form_ == Form::kLinear) {
      sum += bias_ ? static_cast<const std::int32_t*>(args.inputs[inputs_.bias])[unit] : 0;
      value = static_cast<double>(sum) * rounded_to(type_, scale / y_scale(args));
    } else {
      value = static_cast<double>(sum) * scale;
      value += bias_ ? static_cast<const float*>(args.inputs[inputs_.bias])[unit] : 0;
      value = rectifier_(value) / (rounds_ ? y_scale(args) : 1);
    }
    if (rounds_) {
      value = quantized(value, zero_(args.inputs[inputs_.y_zero], 0), range_);
    }
    write_(args.outputs[0], at, value);
  }

 private:
  double y_scale(const KernelArgs& args) const { return scale_(args.inputs[inputs_.y_scale], 0); }

  Form form_;
  Inputs inputs_;
  bool rounds_, bias_;
  Rectifier rectifier_;
  WriteElement write_;
  QuantizedRange range_;
  DType type_ = DType::kFloat32;
  ReadElement scale_ = nullptr, zero_ = nullptr;
};

// Where the matrices of a factor stand for each of the product's batch.
class Matrices {
 public:
  Matrices(const Shape& factor, const Shape& batch, std::int64_t matrix) : batch_(batch) {
    std::int64_t step = matrix;
    for (int i = factor.rank() - 3, to = batch.rank() - 1; i >= 0; --i, --to) {
      steps_[static_cast<std::size_t>(to)] = factor[i] == 1 ? 0 : step;
      step *= factor[i];
    }
  }
  // The first element of matrix m.
  std::int64_t first(std::int64_t m) const {
    std::int64_t offset = 0;
    for (int i = batch_.rank() - 1; i >= 0; --i) {
      offset += m % batch_[i] * steps_[static_cast<std::size_t>(i)];
      m /= batch_[i];
    }
    return offset;
  }

 private:
  Shape batch_;
  std::array<std::int64_t, kMaxRank> steps_{};
};

std::unique_ptr<Kernel> prepare_matrices(const OpQuery& query, Form form) {
  const auto [a_inputs, b_inputs, bias, y_scale, y_zero] = inputs_of(form);
  const Shape a_shape = query.inputs[a_inputs.value].shape;
  const Shape b_shape = query.inputs[b_inputs.value].shape;
  const bool row = a_shape.rank() == 1, column = b_shape.rank() == 1;
  const Factor a(query, a_inputs, row ? 0 : a_shape.rank() - 2);
  const bool turned = query.attrs->get_int("transB", 0) != 0;
  const Factor b(query, b_inputs, turned ? 0 : b_shape.rank() - 1);
  const Result result(query, form);
  const std::int64_t rows = row ? 1 : a_shape[a_shape.rank() - 2];
  const std::int64_t inner = a_shape[a_shape.rank() - 1];
  const std::int64_t columns = column ? 1 : b_shape[turned ? 0 : b_shape.rank() - 1];
  const std::int64_t column_step = turned ? inner : 1, inner_step = turned ? 1 : columns;
  const std::vector<std::int64_t> dims(query.outputs[0].shape.begin(),
                                       query.outputs[0].shape.end());
  const auto kept = static_cast<std::ptrdiff_t>(dims.size()) - (row ? 0 : 1) - (column ? 0 : 1);
  const Shape batch(std::vector<std::int64_t>(dims.begin(), dims.begin() + kept));
  const Matrices a_matrices(a_shape, batch, rows * inner);
  const Matrices b_matrices(b_shape, batch, inner * columns);
  const std::int64_t count = query.outputs[0].shape.element_count();
  return make_kernel([=](const KernelArgs& args) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t matrix = i / (rows * columns);
      const std::int64_t a_row = a_matrices.first(matrix) + i / columns % rows * inner;
      const std::int64_t b_column = b_matrices.first(matrix) + i % columns * column_step;
      std::int64_t sum = 0;
      for (std::int64_t k = 0; k < inner; ++k) {
        sum += a.difference(args, a_row + k) * b.difference(args, b_column + k * inner_step);
      }
      result.write(args, i, sum, a.scale(args, a_row), b.scale(args, b_column), i % columns);
    }
  });
}

struct ConvShape {
  Window window;
  Spatial in{}, out{};
  std::int64_t batch = 0, in_channels = 0, out_channels = 0, group_in = 0, group_out = 0;

  std::int64_t in_plane() const { return in[0] * in[1] * in[2]; }
  std::int64_t out_plane() const { return out[0] * out[1] * out[2]; }
};

// The sum over the window at position `o` of an output plane; padding counts as the zero point.
std::int64_t window_sum(const ConvShape& s, const Factor& x, const Factor& w,
                        const KernelArgs& args, std::int64_t n, std::int64_t m, std::int64_t o) {
  const Spatial at{o / (s.out[1] * s.out[2]), o / s.out[2] % s.out[1], o % s.out[2]};
  std::int64_t sum = 0;
  const std::int64_t taps = s.window.kernel_elements();
  for (std::int64_t k = 0; s.group_in > 0 && k < taps; ++k) {
    const Spatial tap{k / (s.window.kernel[1] * s.window.kernel[2]),
                      k / s.window.kernel[2] % s.window.kernel[1], k % s.window.kernel[2]};
    std::int64_t from = 0;
    bool inside = true;
    for (std::size_t i = 0; i < at.size(); ++i) {
      const std::int64_t place =
          at[i] * s.window.stride[i] - s.window.pad_begin[i] + tap[i] * s.window.dilation[i];
      inside = inside && place >= 0 && place < s.in[i];
      from = from * s.in[i] + place;
    }
    for (std::int64_t c = 0; inside && c < s.group_in; ++c) {
      const std::int64_t channel = n * s.in_channels + m / s.group_out * s.group_in + c;
      sum += x.difference(args, channel * s.in_plane() + from) *
             w.difference(args, (m * s.group_in + c) * taps + k);
    }
  }
  return sum;
}

std::unique_ptr<Kernel> prepare_convolution(const OpQuery& query, Form form) {
  const auto [x_inputs, w_inputs, bias, y_scale, y_zero] = inputs_of(form);
  const Factor x(query, x_inputs, 1), w(query, w_inputs, 0);
  const Result result(query, form);
  const std::int64_t group = query.attrs->get_int("group", 1);
  ConvShape s{read_window(*query.attrs), spatial_dims(x.shape()),
              spatial_dims(query.outputs[0].shape)};
  s.batch = x.shape()[0];
  s.in_channels = x.shape()[1];
  s.out_channels = w.shape()[0];
  s.group_in = w.shape()[1];
  s.group_out = w.shape()[0] / group;
  const std::int64_t count = query.outputs[0].shape.element_count();
  const std::int64_t filter = s.group_in * s.window.kernel_elements();
  return make_kernel([=](const KernelArgs& args) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t plane = i / s.out_plane(), m = plane % s.out_channels;
      const std::int64_t sum =
          window_sum(s, x, w, args, plane / s.out_channels, m, i % s.out_plane());
      result.write(args, i, sum, x.scale(args, 0), w.scale(args, m * filter), m);
    }
  });
}

}  // namespace

void register_quantized_product(KernelTable& table) {
  const auto add = [&](const char* matrices, const char* convolution, Form form) {
    table.add(matrices, kFamily, {},
              [=](const OpQuery& query) { return prepare_matrices(query, form); });
    table.add(convolution, kFamily, {},
              [=](const OpQuery& query) { return prepare_convolution(query, form); });
    table.set_any_type(matrices);
    table.set_any_type(convolution);
  };
  add("MatMulInteger", "ConvInteger", Form::kSums);
  add("QLinearMatMul", "QLinearConv", Form::kLinear);
  add("IntegerMatMul", "IntegerConv", Form::kFloats);
}

}  // namespace temper::reference
