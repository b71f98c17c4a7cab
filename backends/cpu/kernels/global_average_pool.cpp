// GlobalAveragePool of f32, sums in double: a library that sums a plane of a million elements in
// float has lost two digits, four where their mean is large.
#include "backends/cpu/channel_groups.h"
#include "backends/cpu/refusals.h"
#include "backends/cpu/tensor_layouts.h"
#include "backends/cpu/vector_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

struct MeanPlan {
  ChannelGroups groups;  // of one sample
  std::int64_t samples = 0, sample_step = 0;
  Layout in, out;
  int threads = 1;
};

std::string plan_mean(const OpQuery& query, MeanPlan& plan) {
  const std::string reason = refuse_dtypes(query);
  if (!reason.empty()) {
    return reason;
  }
  const TensorSpec& x = query.inputs[0];
  Shape sample = x.shape;
  sample[0] = 1;
  plan.in = x.layout;
  plan.out = same_format(query.outputs[0].shape, x.layout);
  plan.samples = x.shape[0];
  plan.sample_step = storage_elements(x.shape, x.layout) / x.shape[0];
  plan.threads = threads_for_elements(query.threads, x.shape.element_count());
  if (x.layout.plain) {
    return {};
  }
  const auto groups = groups_of(sample, same_format(sample, x.layout));
  plan.groups = groups.value_or(ChannelGroups{});
  return groups ? std::string() : "not in this layout";
}

// A channel's elements are neighbours: all planes in turn.
void run_plain(const MeanPlan& plan, std::int64_t planes, std::int64_t count, const float* x,
               float* y) {
  parallel_ranges(plan.threads, planes, 16, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      y[i] = static_cast<float>(sum(x + i * count, count) / static_cast<double>(count));
    }
  });
}

// Channels are neighbours, in y as in x.
void run_lanes(const MeanPlan& plan, const float* x, float* y) {
  const ChannelGroups& groups = plan.groups;
  const std::int64_t row = groups.padded ? groups.count * groups.lanes : groups.channels;
  parallel_ranges(
      plan.threads, plan.samples * groups.count, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          const std::int64_t n = i / groups.count, group = i % groups.count;
          const int width = groups.width(group);
          LaneMoments moments;
          add_moments({groups.plane, groups.pixel_step, width},
                      x + n * plan.sample_step + group * groups.group_step, moments);
          for (int lane = 0; lane < width; ++lane) {
            y[n * row + group * groups.lanes + lane] =
                static_cast<float>(moments.sum[lane] / static_cast<double>(groups.plane));
          }
        }
      });
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  MeanPlan plan;
  const std::string reason = plan_mean(query, plan);
  TEMPER_ASSERT(reason.empty(), reason);
  const Shape& x = query.inputs[0].shape;
  const std::int64_t planes = x[0] * x[1], count = x.count(2, x.rank());
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* from = static_cast<const float*>(args.inputs[0]);
    auto* to = static_cast<float*>(args.outputs[0]);
    if (plan.in.plain) {
      run_plain(plan, planes, count, from, to);
    } else {
      run_lanes(plan, from, to);
    }
  });
  kernel->input_layouts = {plan.in};
  kernel->output_layouts = {plan.out};
  kernel->description = "vector, sums in double";
  return kernel;
}

Support supports(const OpQuery& query) {
  MeanPlan plan;
  return support_from(plan_mean(query, plan));
}

}  // namespace

void register_global_average_pool(KernelTable& table) {
  table.add("GlobalAveragePool", "cpu", supports, prepare);
}

}  // namespace temper::cpu
