// Conv and its two gradients in f32 by our own products, channels last: where the library has
// nothing but its reference code, and in builds without it.
#include <optional>

#include "backends/cpu/channel_groups.h"
#include "backends/cpu/conv_channels.h"
#include "backends/cpu/conv_products.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/refusals.h"
#include "backends/cpu/tensor_layouts.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

double flops_of(const ConvPlan& plan) {
  return 2.0 * static_cast<double>(plan.batch * plan.out_channels()) *
         static_cast<double>(plan.out_plane()) *
         static_cast<double>(plan.group_in * plan.window.kernel_elements());
}

// Channels last; plain where that is the same.
Layout layout_for(const Shape& shape) {
  return shape[1] == 1 || shape.count(2, shape.rank()) == 1 ? Layout{} : channels_last(shape);
}

std::string refuse(const OpQuery& query, const Shape& x) {
  if (x.rank() < 3 || x.rank() > 5) {
    return concat("1 to 3 spatial dimensions, not ", x.rank() - 2);
  }
  return refuse_dtypes(query);
}

// What the three share: sizes, threads, and which of the two ways.
struct ConvWork {
  ConvWork(const ConvPlan& sizes, ConvPass pass, const OpQuery& query)
      : plan(sizes), threads(threads_for_flops(query.threads, flops_of(sizes))) {
    if (!is_depthwise(plan)) {
      products.emplace(plan, pass, threads);
    }
  }
  std::size_t workspace_bytes() const {
    return products ? products->workspace_bytes() : depthwise_workspace_bytes(plan);
  }
  const char* description() const {
    return products ? "panels, channels last" : "vector over channels";
  }

  ConvPlan plan;
  int threads;
  std::optional<ConvProducts> products;
};

std::unique_ptr<Kernel> prepare_forward(const OpQuery& query) {
  const Shape &x = query.inputs[0].shape, &y = query.outputs[0].shape;
  const bool bias = has_input(query, 2);
  const ConvWork work(plan_conv(*query.attrs, x, query.inputs[1].shape, y), ConvPass::kForward,
                      query);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* from = static_cast<const float*>(args.inputs[0]);
    const auto* w = static_cast<const float*>(args.inputs[1]);
    const float* b = bias ? static_cast<const float*>(args.inputs[2]) : nullptr;
    auto* to = static_cast<float*>(args.outputs[0]);
    auto* workspace = static_cast<float*>(args.workspace);
    if (work.products) {
      work.products->forward(from, w, b, to, workspace);
    } else {
      depthwise_forward(work.plan, work.threads, from, w, b, to, workspace);
    }
  });
  kernel->workspace_bytes = work.workspace_bytes();
  kernel->input_layouts.resize(query.inputs.size());
  kernel->input_layouts[0] = layout_for(x);
  kernel->output_layouts = {layout_for(y)};
  kernel->description = work.description();
  return kernel;
}

// inputs: w, dy
std::unique_ptr<Kernel> prepare_data(const OpQuery& query) {
  const Shape &x = query.outputs[0].shape, &dy = query.inputs[1].shape;
  const ConvWork work(plan_conv(*query.attrs, x, query.inputs[0].shape, dy), ConvPass::kData,
                      query);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* w = static_cast<const float*>(args.inputs[0]);
    const auto* from = static_cast<const float*>(args.inputs[1]);
    auto* to = static_cast<float*>(args.outputs[0]);
    auto* workspace = static_cast<float*>(args.workspace);
    if (work.products) {
      work.products->data_gradient(w, from, to, workspace);
    } else {
      depthwise_data_gradient(work.plan, work.threads, w, from, to, workspace);
    }
  });
  kernel->workspace_bytes = work.workspace_bytes();
  kernel->input_layouts = {Layout{}, layout_for(dy)};
  kernel->output_layouts = {layout_for(x)};
  kernel->description = work.description();
  return kernel;
}

// inputs: x, dy; outputs: dw, db
std::unique_ptr<Kernel> prepare_weights(const OpQuery& query) {
  const Shape &x = query.inputs[0].shape, &dy = query.inputs[1].shape;
  const ConvWork work(plan_conv(*query.attrs, x, query.outputs[0].shape, dy), ConvPass::kWeights,
                      query);
  std::optional<ChannelGroups> bias;
  if (has_output(query, 1)) {
    bias = groups_of(dy, layout_for(dy));
    TEMPER_ASSERT(bias.has_value(), "no groups of channels in ", dy);
  }
  const std::size_t sums = work.workspace_bytes();
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* from = static_cast<const float*>(args.inputs[0]);
    const auto* gradient = static_cast<const float*>(args.inputs[1]);
    auto* dw = static_cast<float*>(args.outputs[0]);
    if (work.products) {
      work.products->weights_gradient(from, gradient, dw, static_cast<float*>(args.workspace));
    } else {
      depthwise_weights_gradient(work.plan, work.threads, from, gradient, dw, args.workspace);
    }
    if (bias) {
      sum_channels(*bias, work.threads, gradient, static_cast<LaneMoments*>(args.workspace),
                   static_cast<float*>(args.outputs[1]));
    }
  });
  const std::size_t parts =
      bias ? static_cast<std::size_t>(sum_parts(*bias)) * sizeof(LaneMoments) : 0;
  kernel->workspace_bytes = std::max(sums, parts);
  kernel->input_layouts = {layout_for(x), layout_for(dy)};
  kernel->output_layouts.resize(query.outputs.size());
  kernel->description = work.description();
  return kernel;
}

Support supports_forward(const OpQuery& query) {
  return support_from(refuse(query, query.inputs[0].shape));
}

Support supports_data(const OpQuery& query) {
  return support_from(refuse(query, query.outputs[0].shape));
}

Support supports_weights(const OpQuery& query) {
  return has_output(query, 0) ? support_from(refuse(query, query.inputs[0].shape))
                              : Support::no("without dw there is nothing for products to do");
}

}  // namespace

void register_product_conv(KernelTable& table) {
  table.add("Conv", "cpu", supports_forward, prepare_forward);
  table.add("ConvGradData", "cpu", supports_data, prepare_data);
  table.add("ConvGradWeights", "cpu", supports_weights, prepare_weights);
}

}  // namespace temper::cpu
