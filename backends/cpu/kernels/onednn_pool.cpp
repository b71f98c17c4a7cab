// AveragePool, its gradient and GlobalAveragePool, f32, in the layout that comes.
#include "backends/cpu/onednn_kernel.h"

namespace temper::cpu {
namespace {

#if DNNL_VERSION_MAJOR >= 3
using Forward = dnnl::pooling_forward;
using Backward = dnnl::pooling_backward;
#else
using Forward = dnnl::pooling_v2_forward;  // the form with dilations, as in 3.x
using Backward = dnnl::pooling_v2_backward;
#endif

struct PoolGeometry {
  dnnl::algorithm algorithm = dnnl::algorithm::pooling_avg_exclude_padding;
  Shape x, y;
  Dims kernel, strides, dilations, pads_begin, pads_end;
};

struct PoolPlan {
  PoolGeometry geometry;
  Forward::primitive_desc forward;
  Backward::primitive_desc backward;
  int threads = 1;
};

std::string read_pool(const OpQuery& query, const Shape& x, const Shape& y, PoolGeometry& g) {
  const Attrs& attrs = *query.attrs;
  g.x = x;
  g.y = y;
  const int spatial = x.rank() - 2;
  if (spatial < 1 || spatial > 3) {
    return concat("oneDNN pools 1 to 3 spatial dimensions, not ", spatial);
  }
  const auto n = static_cast<std::size_t>(spatial);
  if (query.op == "GlobalAveragePool") {
    g.kernel.assign(x.begin() + 2, x.end());
  } else {
    g.kernel = attrs.get_ints("kernel_shape");
  }
  g.strides = attrs.get_ints("strides", Dims(n, 1));
  g.dilations = attrs.get_ints("dilations", Dims(n, 1));
  const Dims pads = attrs.get_ints("pads", Dims(2 * n, 0));
  if (g.kernel.size() != n || g.strides.size() != n || g.dilations.size() != n ||
      pads.size() != 2 * n) {
    return "kernel, strides, dilations or pads do not fit the rank";
  }
  g.pads_begin.assign(pads.begin(), pads.begin() + spatial);
  g.pads_end.assign(pads.begin() + spatial, pads.end());
  const bool include = attrs.get_int("count_include_pad", 0) != 0;
  g.algorithm = include ? dnnl::algorithm::pooling_avg_include_padding
                        : dnnl::algorithm::pooling_avg_exclude_padding;
  for (std::size_t i = 0; i < n; ++i) {
    const int axis = static_cast<int>(i) + 2;
    const std::int64_t extent = (g.kernel[i] - 1) * g.dilations[i] + 1;
    const std::int64_t needed = (y[axis] - 1) * g.strides[i] + extent - x[axis] - g.pads_begin[i];
    if (needed > g.pads_end[i]) {  // ceil_mode: the last window hangs over
      if (include) {
        return "oneDNN divides windows that hang over the padding by their full size";
      }
      g.pads_end[i] = needed;
    }
    if (g.dilations[i] > x[axis]) {
      return "a dilated window may step over the input";
    }
    if (g.pads_begin[i] >= extent || g.pads_end[i] >= extent) {
      return "a window may lie in the padding altogether";
    }
    --g.dilations[i];
  }
  return {};
}

Forward::primitive_desc make_forward(const PoolGeometry& g, const Layout& x) {
  const Desc src = descriptor(DType::kFloat32, g.x, x);
  const Desc dst = descriptor(DType::kFloat32, g.y, same_format(g.y, x));
  return make_descriptor<Forward>(make_attributes(), dnnl::prop_kind::forward_training, g.algorithm,
                                  src, dst, g.strides, g.kernel, g.dilations, g.pads_begin,
                                  g.pads_end);
}

Backward::primitive_desc make_backward(const PoolGeometry& g, const Forward::primitive_desc& hint) {
  return make_gradient_descriptor<Backward>(make_attributes(), hint, g.algorithm, hint.src_desc(),
                                            hint.dst_desc(), g.strides, g.kernel, g.dilations,
                                            g.pads_begin, g.pads_end);
}

// Tries the layout that comes, then channels in blocks.
std::string choose(PoolPlan& plan, const Layout& first, bool gradient) {
  std::string reason;
  for (const Layout& layout : {first, channel_blocked(plan.geometry.x)}) {
    plan.forward = make_forward(plan.geometry, layout);
    reason = refusal_of(plan.forward);
    if (reason.empty() && gradient) {
      plan.backward = make_backward(plan.geometry, plan.forward);
      reason = refusal_of(plan.backward);
    }
    if (reason.empty()) {
      return reason;
    }
  }
  return reason;
}

// x and y: the shapes of the forward's input and output.
std::string plan_pool(const OpQuery& query, const Shape& x, const Shape& y, bool gradient,
                      PoolPlan& plan) {
  std::string reason = refuse_dtypes(query);
  if (reason.empty()) {
    reason = read_pool(query, x, y, plan.geometry);
  }
  if (!reason.empty()) {
    return reason;
  }
  plan.threads = threads_for_elements(query.threads, x.element_count());
  const ThreadCountScope scope(plan.threads);
  return choose(plan, same_format(x, query.inputs[0].layout), gradient);
}

std::string plan_forward(const OpQuery& query, PoolPlan& plan) {
  return plan_pool(query, query.inputs[0].shape, query.outputs[0].shape, false, plan);
}

std::unique_ptr<Kernel> prepare_forward(const OpQuery&, const PoolPlan& plan) {
  auto kernel = std::make_unique<OneDnnKernel>(plan.threads);
  kernel->input_layouts = {layout_of(plan.forward.src_desc())};
  kernel->output_layouts = {layout_of(plan.forward.dst_desc())};
  OneDnnCall& call = kernel->call<Forward>(plan.forward);
  call.add(DNNL_ARG_SRC, plan.forward.src_desc(), Place::input(0));
  call.add(DNNL_ARG_DST, plan.forward.dst_desc(), Place::output(0));
  return kernel;
}

std::string plan_gradient(const OpQuery& query, PoolPlan& plan) {
  return plan_pool(query, query.outputs[0].shape, query.inputs[0].shape, true, plan);
}

std::unique_ptr<Kernel> prepare_gradient(const OpQuery&, const PoolPlan& plan) {
  auto kernel = std::make_unique<OneDnnKernel>(plan.threads);
  kernel->input_layouts = {layout_of(plan.backward.diff_dst_desc())};
  kernel->output_layouts = {layout_of(plan.backward.diff_src_desc())};
  OneDnnCall& call = kernel->call<Backward>(plan.backward);
  call.add(DNNL_ARG_DIFF_DST, plan.backward.diff_dst_desc(), Place::input(0));
  call.add(DNNL_ARG_DIFF_SRC, plan.backward.diff_src_desc(), Place::output(0));
  return kernel;
}

}  // namespace

void register_onednn_pool(KernelTable& table) {
  add_planned<PoolPlan>(table, "AveragePool", plan_forward, prepare_forward);
  add_planned<PoolPlan>(table, "GlobalAveragePool", plan_forward, prepare_forward);
  add_planned<PoolPlan>(table, "AveragePoolGrad", plan_gradient, prepare_gradient);
}

}  // namespace temper::cpu
