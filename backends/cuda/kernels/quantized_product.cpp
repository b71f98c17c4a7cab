// MatMulInteger, ConvInteger, QLinearMatMul, QLinearConv.
#include "backends/cuda/kernels/quantized_product.h"

#include <algorithm>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/quantized_types.h"
#include "backends/cuda/walks.h"
#include "runtime/base/window.h"

namespace temper::cuda {
namespace {

constexpr std::size_t kNone = 99;

// Where the tensors of one factor stand among the inputs.
struct FactorInputs {
  std::size_t value, scale, zero;
};
FactorInputs first_inputs(bool quantises) {
  return quantises ? FactorInputs{0, 1, 2} : FactorInputs{0, kNone, 2};
}
FactorInputs second_inputs(bool quantises) {
  return quantises ? FactorInputs{3, 4, 5} : FactorInputs{1, kNone, 3};
}

// `axis`: along which there may be several scales and zero points.
Factor factor_of(const OpQuery& query, const FactorInputs& inputs, int axis) {
  const Shape& shape = query.inputs[inputs.value].shape;
  Factor f{};
  f.value = query.inputs[inputs.value].dtype;
  f.inner = std::max<std::int64_t>(1, shape.count(axis + 1, shape.rank()));
  f.length = shape[axis];
  f.matrix = shape.rank() < 2 ? 1 : shape[shape.rank() - 1] * shape[shape.rank() - 2];
  const auto spread = [&](std::size_t i) {
    const std::int64_t count = query.inputs[i].shape.element_count();
    return count == 1 ? Spread::kOne : count == f.length ? Spread::kAlongAxis : Spread::kPerMatrix;
  };
  if (has_input(query, inputs.zero)) {
    f.zero = query.inputs[inputs.zero].dtype;
    f.zeros = spread(inputs.zero);
  }
  if (has_input(query, inputs.scale)) {
    f.scale = query.inputs[inputs.scale].dtype;
    f.scales = spread(inputs.scale);
  }
  return f;
}

FactorTensors tensors_of(const Factor& f, const FactorInputs& inputs, const KernelArgs& args) {
  return {args.inputs[inputs.value],
          f.scale == DType::kUndefined ? nullptr : args.inputs[inputs.scale],
          f.zero == DType::kUndefined ? nullptr : args.inputs[inputs.zero]};
}

ProductResult result_of(const OpQuery& query, bool quantises) {
  ProductResult r{};
  r.quantises = quantises;
  r.type = query.outputs[0].dtype;
  if (quantises) {
    r.scale = query.inputs[6].dtype;
    r.zero = query.inputs[7].dtype;
    r.range = range_of(r.type);
  }
  return r;
}

ProductResult bound(ProductResult result, const KernelArgs& args) {
  if (result.quantises) {
    result.scale_tensor = args.inputs[6];
    result.zero_tensor = args.inputs[7];
  }
  return result;
}

// The steps of a factor's matrices over the product's batch axes.
std::vector<std::int64_t> matrix_steps(const Shape& factor, std::size_t batch_axes,
                                       std::int64_t matrix) {
  std::vector<std::int64_t> steps(batch_axes, 0);
  std::int64_t step = matrix;
  std::size_t to = batch_axes;
  for (int i = factor.rank() - 3; i >= 0; --i) {
    steps[--to] = factor[i] == 1 ? 0 : step;
    step *= factor[i];
  }
  return steps;
}

bool set_matrices(const OpQuery& query, bool quantises, MatrixSizes& s) {
  const Shape& a = query.inputs[first_inputs(quantises).value].shape;
  const Shape& b = query.inputs[second_inputs(quantises).value].shape;
  const Shape& y = query.outputs[0].shape;
  const bool row = a.rank() == 1, column = b.rank() == 1;
  s.count = y.element_count();
  s.rows = row ? 1 : a[a.rank() - 2];
  s.inner = a[a.rank() - 1];
  s.columns = column ? 1 : b[b.rank() - 1];
  const int batch_axes = y.rank() - (row ? 0 : 1) - (column ? 0 : 1);
  const auto of_a = matrix_steps(a, static_cast<std::size_t>(batch_axes), s.rows * s.inner);
  const auto of_b = matrix_steps(b, static_cast<std::size_t>(batch_axes), s.inner * s.columns);
  std::vector<WalkAxis> axes;
  for (int axis = 0; axis < batch_axes; ++axis) {
    const auto i = static_cast<std::size_t>(axis);
    axes.push_back({y[axis], {of_a[i], of_b[i]}});
  }
  return set_axes(s.matrices, axes);
}

Support supports_matrices(const OpQuery& query, bool quantises) {
  MatrixSizes sizes{};
  const Support types = no_narrow_floats(query);
  return !types.ok                               ? types
         : set_matrices(query, quantises, sizes) ? Support::yes()
                                                 : Support::no("too many axes");
}

std::unique_ptr<Kernel> prepare_matrices(const OpQuery& query, bool quantises) {
  MatrixSizes s{};
  set_matrices(query, quantises, s);
  const FactorInputs a_inputs = first_inputs(quantises), b_inputs = second_inputs(quantises);
  const int a_rank = query.inputs[a_inputs.value].shape.rank();
  const Factor a = factor_of(query, a_inputs, a_rank == 1 ? 0 : a_rank - 2);
  const Factor b = factor_of(query, b_inputs, query.inputs[b_inputs.value].shape.rank() - 1);
  return make_kernel([=, result = result_of(query, quantises)](const KernelArgs& args) {
    quantized_matrices(
        s, a, b, bound(result, args),
        {tensors_of(a, a_inputs, args), tensors_of(b, b_inputs, args), nullptr, args.outputs[0]},
        handle_of(args.stream));
  });
}

ConvSizes conv_sizes(const OpQuery& query, const Shape& x, const Shape& w) {
  const Window window = read_window(*query.attrs);
  const Spatial in = spatial_dims(x), out = spatial_dims(query.outputs[0].shape);
  ConvSizes s{};
  for (std::size_t i = 0; i < kMaxSpatialRank; ++i) {
    s.kernel[i] = window.kernel[i];
    s.stride[i] = window.stride[i];
    s.dilation[i] = window.dilation[i];
    s.pad_begin[i] = window.pad_begin[i];
    s.in[i] = in[i];
    s.out[i] = out[i];
  }
  s.count = query.outputs[0].shape.element_count();
  s.in_channels = x[1];
  s.out_channels = w[0];
  s.group_in = w[1];
  s.group_out = w[0] / query.attrs->get_int("group", 1);
  return s;
}

std::unique_ptr<Kernel> prepare_convolution(const OpQuery& query, bool quantises) {
  const FactorInputs x_inputs = first_inputs(quantises), w_inputs = second_inputs(quantises);
  const Factor x = factor_of(query, x_inputs, 1), w = factor_of(query, w_inputs, 0);
  const ConvSizes s =
      conv_sizes(query, query.inputs[x_inputs.value].shape, query.inputs[w_inputs.value].shape);
  const bool has_bias = quantises && has_input(query, 8);
  return make_kernel([=, result = result_of(query, quantises)](const KernelArgs& args) {
    quantized_convolution(s, x, w, bound(result, args),
                          {tensors_of(x, x_inputs, args), tensors_of(w, w_inputs, args),
                           has_bias ? input<std::int32_t>(args, 8) : nullptr, args.outputs[0]},
                          handle_of(args.stream));
  });
}

}  // namespace

void register_quantized_product(KernelTable& table) {
  for (const bool quantises : {false, true}) {
    const char* matrices = quantises ? "QLinearMatMul" : "MatMulInteger";
    const char* convolution = quantises ? "QLinearConv" : "ConvInteger";
    add_row(
        table, matrices, [=](const OpQuery& query) { return supports_matrices(query, quantises); },
        [=](const OpQuery& query) { return prepare_matrices(query, quantises); });
    add_row(table, convolution, no_narrow_floats,
            [=](const OpQuery& query) { return prepare_convolution(query, quantises); });
    table.set_any_type(matrices);
    table.set_any_type(convolution);
  }
}

}  // namespace temper::cuda
