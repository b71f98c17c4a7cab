// FusedAttention and its gradient in f32.
#include <algorithm>
#include <cmath>

#include "backends/cpu/block_attention.h"
#include "backends/cpu/parallel.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

void read_dropping(const Attrs& attrs, const Shape& q, AttentionPlan& plan) {
  const double ratio = attrs.get_double("ratio", 0);
  plan.bound = static_cast<std::uint32_t>(std::ceil(ratio * 0x1p24));
  plan.kept_scale = static_cast<float>(ratio < 1 ? 1 / (1 - ratio) : 0);
  plan.shares_per_sample = (q.rank() > 2 ? q.count(1, q.rank() - 1) : 1) * plan.keys;
  plan.stream = PhiloxStream(static_cast<std::uint64_t>(attrs.get_int("seed", 0)),
                             static_cast<std::uint64_t>(attrs.get_int("random_id", 0)));
}

// `shared`: there is a gradient of the bias; else each batch index is a group of its own.
void group_by_bias(bool shared, AttentionPlan& plan) {
  plan.members = 1;
  for (int axis = 0; shared && axis < plan.bias.shape.rank() - 2; ++axis) {
    plan.members *= plan.bias.strides[axis] == 0 ? plan.bias.shape[axis] : 1;
  }
  plan.groups = plan.batch / plan.members;
}

std::string plan_attention(const OpQuery& query, AttentionPlan& plan) {
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    const TensorSpec& spec = query.inputs[i];
    if (spec.present() && i != kPosition && spec.dtype != DType::kFloat32) {
      return concat("only f32, not ", spec.dtype);
    }
    if (spec.present() && spec.shape.element_count() == 0) {
      return "a tensor has no elements";
    }
  }
  const Attrs& attrs = *query.attrs;
  const Shape &q = query.inputs[kQuery].shape, &v = query.inputs[kValue].shape;
  const int rank = q.rank();
  plan.batch = q.count(0, rank - 2);
  plan.queries = q[rank - 2];
  plan.size = q[rank - 1];
  plan.keys = v[rank - 2];
  plan.values = v[rank - 1];
  plan.turned = attrs.get_int("k_transposed", 0) != 0;
  plan.causal = attrs.get_int("causal", 0) != 0;
  plan.zero_rows = attrs.get_int("zero_rows", 0) != 0;
  plan.scale = static_cast<float>(attrs.get_double("scale", 1));
  plan.biased = has_input(query, kBias);
  if (plan.biased) {
    Shape scores = q;
    scores[rank - 1] = plan.keys;
    plan.bias = expand_view(query.inputs[kBias].shape, scores);
    plan.bias_elements = query.inputs[kBias].shape.element_count();
  }
  read_dropping(attrs, q, plan);
  const bool backward = query.inputs.size() > kOutputGradient;
  if (backward) {
    const bool shared = has_output(query, kBias);
    group_by_bias(shared, plan);
  }
  plan.threads = threads_for_flops(query.threads,
                                   2.0 * static_cast<double>(plan.batch * plan.queries) *
                                       static_cast<double>(plan.keys * (plan.size + plan.values)));
  const std::int64_t wanted = (4 * plan.threads + plan.batch - 1) / plan.batch;
  plan.parts = backward || plan.threads == 1 ? 1 : std::min(plan.blocks(), wanted);
  plan.private_floats = attention_floats(plan, backward);
  return {};
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  AttentionPlan plan;
  const std::string reason = plan_attention(query, plan);
  TEMPER_ASSERT(reason.empty(), reason);
  const bool backward = query.inputs.size() > kOutputGradient;
  auto kernel = make_kernel([plan, backward, inputs = query.inputs.size(),
                             outputs = query.outputs.size()](const KernelArgs& given) {
    void* made[kBias + 1] = {};
    std::copy_n(given.outputs, outputs, made);
    void* read[kAttentionInputs] = {};
    std::copy_n(given.inputs, inputs, read);
    KernelArgs args = given;
    args.outputs = made;
    args.inputs = read;
    const std::int64_t units = backward ? plan.groups : plan.batch * plan.parts;
    if (backward && made[kBias] != nullptr) {
      std::fill_n(static_cast<float*>(made[kBias]), plan.bias_elements, 0.0f);
    }
    parallel_ranges(plan.threads, units, 1, [&](std::int64_t begin, std::int64_t end) {
      float* memory =
          static_cast<float*>(args.workspace) + omp_get_thread_num() * plan.private_floats;
      if (backward) {
        attend_back(plan, args, memory, begin, end);
      } else {
        attend(plan, args, memory, begin, end);
      }
    });
  });
  kernel->workspace_bytes =
      static_cast<std::size_t>(plan.threads * plan.private_floats) * sizeof(float);
  kernel->description = "block softmax";
  return kernel;
}

Support supports(const OpQuery& query) {
  AttentionPlan plan;
  const std::string reason = plan_attention(query, plan);
  return reason.empty() ? Support::yes() : Support::no(reason);
}

}  // namespace

void register_fused_attention(KernelTable& table) {
  table.add("FusedAttention", "cpu", supports, prepare);
  table.add("FusedAttentionGrad", "cpu", supports, prepare);
}

}  // namespace temper::cpu
