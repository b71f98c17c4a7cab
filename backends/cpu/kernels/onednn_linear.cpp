// Gemm and MatMul, f32 or bf16. A product with a weight whose layout is ours to choose is an inner
// product in oneDNN's packed blocking, unless it is of many rows in f32; the same weight read the
// other way round (the data gradient) is an inner product backwards; all else is a plain matmul.
#include <algorithm>

#include "backends/cpu/library_product.h"
#include "backends/cpu/onednn_kernel.h"

namespace temper::cpu {
namespace {

using InnerForward = dnnl::inner_product_forward;
using InnerBackwardData = dnnl::inner_product_backward_data;
using Matmul = dnnl::matmul;

enum class Addend { kNone, kBias, kBinary };

// y[batch.., M, N] = act(alpha * a x b + c), descriptors of oneDNN's views of the tensors.
struct Product {
  DType type = DType::kFloat32;
  Dims batch_a, batch_b, batch_y;
  std::int64_t m = 1, n = 1, k = 1;
  bool transpose_a = false, transpose_b = false;
  float alpha = 1;
  Rectifier rectifier;
  Addend addend = Addend::kNone;
  Dims addend_dims;  // kBinary: [M or 1, N or 1]
};

enum class Way { kInnerForward, kInnerBackward, kMatmul };

struct LinearPlan {
  Product product;
  Way way = Way::kMatmul;
  InnerForward::primitive_desc forward;
  InnerBackwardData::primitive_desc backward;
  Matmul::primitive_desc matmul;
  Layout b_layout;
  int threads = 1;
};

std::string read_gemm(const OpQuery& query, Product& p) {
  const Attrs& attrs = *query.attrs;
  const Shape& a = query.inputs[0].shape;
  const Shape& y = query.outputs[0].shape;
  p.transpose_a = attrs.get_int("transA", 0) != 0;
  p.transpose_b = attrs.get_int("transB", 0) != 0;
  p.alpha = static_cast<float>(attrs.get_double("alpha", 1));
  p.m = y[0];
  p.n = y[1];
  p.k = p.transpose_a ? a[0] : a[1];
  const double beta = attrs.get_double("beta", 1);
  if (query.inputs.size() < 3 || !query.inputs[2].present() || beta == 0) {
    return {};
  }
  if (beta != 1) {
    return concat("oneDNN adds C unscaled, not with beta = ", beta);
  }
  const Shape& c = query.inputs[2].shape;
  if (c.rank() > 2) {
    return "C has more than two dimensions";
  }
  p.addend_dims = {1, 1};
  for (int axis = 0; axis < c.rank(); ++axis) {
    p.addend_dims[static_cast<std::size_t>(axis + 2 - c.rank())] = c[axis];
  }
  const bool per_column = p.addend_dims[0] == 1 && p.addend_dims[1] == p.n;
  p.addend = per_column && p.alpha == 1 ? Addend::kBias : Addend::kBinary;
  return {};
}

// numpy's rules: a 1-D operand gains an axis; where b is one matrix, a's rows of all batches are
// one matrix.
std::string read_matmul(const OpQuery& query, Product& p) {
  const Shape& a = query.inputs[0].shape;
  const Shape& b = query.inputs[1].shape;
  if (a.rank() == 0 || b.rank() == 0) {
    return "a scalar operand";
  }
  p.k = a[a.rank() - 1];
  p.n = b.rank() == 1 ? 1 : b[b.rank() - 1];
  if (b.rank() <= 2) {
    p.m = a.count(0, a.rank() - 1);
    return {};
  }
  p.m = a.rank() == 1 ? 1 : a[a.rank() - 2];
  const auto batch = static_cast<std::size_t>(std::max(a.rank(), b.rank()) - 2);
  if (batch > 10) {
    return "too many dimensions";
  }
  const auto lead = [&](const Shape& shape) {
    const auto own = static_cast<std::size_t>(std::max(shape.rank() - 2, 0));
    Dims dims(batch, 1);
    std::copy(shape.begin(), shape.begin() + own, dims.begin() + static_cast<long>(batch - own));
    return dims;
  };
  p.batch_a = lead(a);
  p.batch_b = lead(b);
  p.batch_y = p.batch_a;
  for (std::size_t i = 0; i < batch; ++i) {
    p.batch_y[i] = p.batch_a[i] == 1 ? p.batch_b[i] : p.batch_a[i];
  }
  return {};
}

// rows x columns behind the batch axes, stored transposed if asked.
Desc matrix(const Dims& batch, std::int64_t rows, std::int64_t columns, bool transposed,
            DType type) {
  Dims dims = batch, strides(batch.size(), 0);
  std::int64_t stride = rows * columns;
  for (std::size_t i = batch.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= batch[i];
  }
  dims.insert(dims.end(), {rows, columns});
  strides.insert(strides.end(), {transposed ? 1 : columns, transposed ? rows : 1});
  return strided_descriptor(dims, strides, type);
}

Matmul::primitive_desc make_matmul(const Product& p) {
  dnnl::primitive_attr attributes = make_attributes();
  dnnl::post_ops ops;
  if (p.alpha != 1) {
    append_eltwise(ops, dnnl::algorithm::eltwise_linear, p.alpha, 0);
  }
  if (p.addend == Addend::kBinary) {
    ops.append_binary(dnnl::algorithm::binary_add, plain_descriptor(p.addend_dims, p.type));
  }
  append_rectifier(ops, p.rectifier);
  attributes.set_post_ops(ops);
  Desc bias;
  if (p.addend == Addend::kBias) {
    bias = plain_descriptor({1, p.n}, p.type);
  }
  return make_descriptor<Matmul>(attributes, matrix(p.batch_a, p.m, p.k, p.transpose_a, p.type),
                                 matrix(p.batch_b, p.k, p.n, p.transpose_b, p.type), bias,
                                 matrix(p.batch_y, p.m, p.n, false, p.type));
}

// The weight as oneDNN's [rows, columns], where b is stored so (`same`) or with its axes swapped.
Desc as_weights(const Desc& b, bool same) { return same ? b : b.permute_axes({1, 0}); }

InnerForward::primitive_desc make_inner(const Product& p, const Desc& weights, bool with_bias,
                                        const Rectifier& rectifier) {
  return make_descriptor<InnerForward>(rectified(rectifier), dnnl::prop_kind::forward_training,
                                       plain_descriptor({p.m, p.k}, p.type), weights,
                                       with_bias ? plain_descriptor({p.n}, p.type) : Desc(),
                                       plain_descriptor({p.m, p.n}, p.type));
}

// Ways through the packed layouts; false when none fits.
bool plan_inner(const OpQuery& query, LinearPlan& plan) {
  const Product& p = plan.product;
  const TensorSpec& b = query.inputs[1];
  if (p.transpose_a || p.alpha != 1 || p.addend == Addend::kBinary || b.shape.rank() != 2) {
    return false;
  }
  const bool bias = p.addend == Addend::kBias;
  if (b.layout_free && p.type == DType::kFloat32 && p.m >= kPlainWeightRows) {
    return false;
  }
  if (b.layout_free) {
    plan.forward = make_inner(p, any_descriptor({p.n, p.k}, p.type), bias, p.rectifier);
    if (quality_of(plan.forward) == 0 || !has_layout(plan.forward.weights_desc())) {
      return false;
    }
    plan.b_layout = layout_of(as_weights(plan.forward.weights_desc(), p.transpose_b));
    plan.way = Way::kInnerForward;
    return true;
  }
  if (b.layout.plain) {
    return false;
  }
  plan.b_layout = b.layout;
  const Desc given = descriptor(b);
  plan.forward = make_inner(p, as_weights(given, p.transpose_b), bias, p.rectifier);
  if (quality_of(plan.forward) > 0) {
    plan.way = Way::kInnerForward;
    return true;
  }
  if (bias || p.rectifier.on) {
    return false;
  }
  // y = dy of an inner product whose weights are [K, N]: its data gradient.
  Product forward = p;
  std::swap(forward.n, forward.k);
  const auto hint = make_inner(forward, any_descriptor({p.k, p.n}, p.type), false, {});
  if (!hint) {
    return false;
  }
  plan.backward = make_gradient_descriptor<InnerBackwardData>(
      make_attributes(), hint, plain_descriptor({p.m, p.n}, p.type),
      as_weights(given, !p.transpose_b), plain_descriptor({p.m, p.k}, p.type));
  plan.way = Way::kInnerBackward;
  return quality_of(plan.backward) > 0;
}

std::string plan_linear(const OpQuery& query, LinearPlan& plan) {
  std::string reason = refuse_product(query, plan.product.type);
  if (reason.empty() && query.outputs[0].dtype != plan.product.type) {
    reason = "the output has another type";
  }
  if (reason.empty()) {
    reason = query.op == "Gemm" ? read_gemm(query, plan.product) : read_matmul(query, plan.product);
  }
  if (!reason.empty()) {
    return reason;
  }
  Product& p = plan.product;
  p.rectifier = rectifier_of(*query.attrs);
  const double flops =
      2.0 * static_cast<double>(query.outputs[0].shape.element_count()) * static_cast<double>(p.k);
  reason = refuse_slow_product(p.type, flops,
                               static_cast<double>(query.inputs[0].shape.element_count() +
                                                   query.inputs[1].shape.element_count() +
                                                   query.outputs[0].shape.element_count()));
  if (!reason.empty()) {
    return reason;
  }
  plan.threads = threads_for_flops(query.threads, flops);
  const ThreadCountScope scope(plan.threads);
  if (plan_inner(query, plan)) {
    return {};
  }
  plan.way = Way::kMatmul;
  plan.b_layout = {};
  plan.matmul = make_matmul(p);
  return refusal_of(plan.matmul);
}

std::unique_ptr<Kernel> prepare_linear(const OpQuery& query, const LinearPlan& plan) {
  auto kernel = std::make_unique<OneDnnKernel>(plan.threads);
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[1] = plan.b_layout;
  kernel->output_layouts.resize(1);
  const Place a = Place::input(0), b = Place::input(1), c = Place::input(2), y = Place::output(0);
  switch (plan.way) {
    case Way::kInnerForward: {
      const auto& pd = plan.forward;
      OneDnnCall& call = kernel->call<InnerForward>(pd);
      call.add(DNNL_ARG_SRC, pd.src_desc(), a);
      call.add(DNNL_ARG_WEIGHTS, pd.weights_desc(), b);
      if (plan.product.addend == Addend::kBias) {
        call.add(DNNL_ARG_BIAS, pd.bias_desc(), c);
      }
      call.add(DNNL_ARG_DST, pd.dst_desc(), y);
      break;
    }
    case Way::kInnerBackward: {
      const auto& pd = plan.backward;
      OneDnnCall& call = kernel->call<InnerBackwardData>(pd);
      call.add(DNNL_ARG_DIFF_DST, pd.diff_dst_desc(), a);
      call.add(DNNL_ARG_WEIGHTS, pd.weights_desc(), b);
      call.add(DNNL_ARG_DIFF_SRC, pd.diff_src_desc(), y);
      break;
    }
    case Way::kMatmul: {
      const auto& pd = plan.matmul;
      OneDnnCall& call = kernel->call<Matmul>(pd);
      call.add(DNNL_ARG_SRC, pd.src_desc(), a);
      call.add(DNNL_ARG_WEIGHTS, pd.weights_desc(), b);
      if (plan.product.addend == Addend::kBias) {
        call.add(DNNL_ARG_BIAS, pd.bias_desc(), c);
      } else if (plan.product.addend == Addend::kBinary) {
        const int index = plan.product.alpha != 1 ? 1 : 0;
        call.add(DNNL_ARG_ATTR_MULTIPLE_POST_OP(index) | DNNL_ARG_SRC_1,
                 plain_descriptor(plan.product.addend_dims, plan.product.type), c);
      }
      call.add(DNNL_ARG_DST, pd.dst_desc(), y);
      break;
    }
  }
  return kernel;
}

}  // namespace

void register_onednn_linear(KernelTable& table) {
  add_checked<LinearPlan>(table, "Gemm", plan_linear, prepare_linear, with_few_rows);
  add_checked<LinearPlan>(table, "MatMul", plan_linear, prepare_linear, with_few_rows);
}

}  // namespace temper::cpu
