// FusedAttention and its gradient in f32.
#include <algorithm>

#include "backends/cpu/block_attention.h"
#include "backends/cpu/parallel.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

enum Input : std::size_t { kQuery, kKey, kValue, kBias, kOutput, kLogSum, kOutputGradient };

std::string plan_attention(const OpQuery& query, AttentionPlan& plan) {
  for (const TensorSpec& spec : query.inputs) {
    if (spec.present() && spec.dtype != DType::kFloat32) {
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
  plan.biased = query.inputs.size() > kBias && query.inputs[kBias].present();
  if (plan.biased) {
    Shape scores = q;
    scores[rank - 1] = plan.keys;
    plan.bias = expand_view(query.inputs[kBias].shape, scores);
  }
  const bool backward = query.inputs.size() > kOutputGradient;
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
  auto kernel = make_kernel([plan, backward,
                             outputs = query.outputs.size()](const KernelArgs& given) {
    void* made[3] = {};
    std::copy_n(given.outputs, outputs, made);
    void* read[kOutputGradient + 1] = {};
    std::copy_n(given.inputs, backward ? kOutputGradient + 1 : kBias + (plan.biased ? 1 : 0), read);
    KernelArgs args = given;
    args.outputs = made;
    args.inputs = read;
    const std::int64_t units = plan.batch * plan.parts;
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
