// FusedAttention and FusedAttentionGrad.
#include "backends/cuda/kernels/fused_attention.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/optional_tensors.h"
#include "backends/cuda/kernels/reduce.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

enum Input : std::size_t {
  kQuery,
  kKey,
  kValue,
  kBias,
  kPosition,
  kOutput,
  kLogSum,
  kOutputGradient
};

// The bias along the scores: what it has of a score's own, and what is one for several of them.
struct BiasPlaces {
  Places<1> own, shared;  // over scores
};

struct AttentionPlan {
  AttentionShape shape;
  BiasPlaces bias;
  bool wants_bias = false;  // its gradient
  bool fits = true;

  explicit AttentionPlan(const OpQuery& query) {
    const Attrs& attrs = *query.attrs;
    const Shape &q = query.inputs[kQuery].shape, &v = query.inputs[kValue].shape;
    const int rank = q.rank();
    shape.batch = q.count(0, rank - 2);
    shape.queries = q[rank - 2];
    shape.size = q[rank - 1];
    shape.keys = v[rank - 2];
    shape.values = v[rank - 1];
    const bool turned = attrs.get_int("k_transposed", 0) != 0;
    shape.key_step = turned ? 1 : shape.size;
    shape.key_element = turned ? shape.keys : 1;
    shape.scale = static_cast<float>(attrs.get_double("scale", 1));
    shape.causal = attrs.get_int("causal", 0) != 0;
    shape.zero_rows = attrs.get_int("zero_rows", 0) != 0;
    shape.ratio = attrs.get_double("ratio", 0);
    shape.per_sample =
        static_cast<std::uint64_t>((rank > 2 ? q.count(1, rank - 1) : 1) * shape.keys);
    shape.stream = PhiloxStream(static_cast<std::uint64_t>(attrs.get_int("seed", 0)),
                                static_cast<std::uint64_t>(attrs.get_int("random_id", 0)));
    if (has_input(query, kBias)) {
      Shape scores = q;
      scores[rank - 1] = shape.keys;
      place_bias(query.inputs[kBias].shape, scores);
    }
    wants_bias = query.op == "FusedAttentionGrad" && has_output(query, kBias);
  }

  std::size_t workspace_bytes() const {
    const std::int64_t rows = shape.batch * shape.queries;
    return static_cast<std::size_t>(rows + (wants_bias ? rows * shape.keys : 0)) * sizeof(float);
  }

 private:
  void place_bias(const Shape& given, const Shape& scores) {
    const std::vector<std::int64_t> steps = broadcast_steps(given, scores);
    const Shape strides = row_major_strides(scores);
    const int rank = scores.rank();
    std::vector<WalkAxis> batch, of_own, of_shared;
    for (int axis = 0; axis < rank; ++axis) {
      const std::int64_t step = steps[static_cast<std::size_t>(axis)];
      if (axis < rank - 2) {
        batch.push_back({scores[axis], {step}});
      }
      (step == 0 ? of_shared : of_own).push_back({scores[axis], {strides[axis]}});
    }
    shape.bias_query_step = steps[static_cast<std::size_t>(rank - 2)];
    shape.bias_key_step = steps[static_cast<std::size_t>(rank - 1)];
    fits = set_axes(shape.bias, batch) && set_axes(bias.own, of_own) &&
           set_axes(bias.shared, of_shared);
  }
};

Support supports(const OpQuery& query) {
  OpQuery floats = query;
  if (kPosition < floats.inputs.size()) {
    floats.inputs[kPosition] = {};
  }
  const Support types = query.op == "FusedAttentionGrad"
                            ? one_float_type_beside(floats, {kLogSum}, {})
                            : one_float_type_beside(floats, {}, {1});
  if (!types.ok) {
    return types;
  }
  const AttentionPlan plan(query);
  if (!plan.fits) {
    return Support::no(concat("a bias of more than ", kMaxAxes, " axes that cannot be joined"));
  }
  return plan.shape.size <= kLongestHead && plan.shape.values <= kLongestHead
             ? Support::yes()
             : Support::no(concat("heads of more than ", kLongestHead, " elements"));
}

AttentionTensors tensors_of(DType dtype, const OptionalTensors& there, const KernelArgs& args,
                            bool backward) {
  const auto input = [&](std::size_t i) { return there.input<void>(args, i); };
  return {dtype,
          input(kQuery),
          input(kKey),
          input(kValue),
          input(kBias),
          there.input<std::int64_t>(args, kPosition),
          backward ? input(kOutput) : nullptr,
          backward ? there.input<float>(args, kLogSum) : nullptr,
          backward ? input(kOutputGradient) : nullptr};
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  return make_kernel([plan = AttentionPlan(query), dtype = query.inputs[kQuery].dtype,
                      there = OptionalTensors(query)](const KernelArgs& args) {
    attention(plan.shape, tensors_of(dtype, there, args, false), there.output<void>(args, 0),
              there.output<float>(args, 1), handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_grad(const OpQuery& query) {
  const AttentionPlan plan(query);
  auto kernel = make_kernel([plan, dtype = query.inputs[kQuery].dtype,
                             there = OptionalTensors(query)](const KernelArgs& args) {
    const StreamHandle stream = handle_of(args.stream);
    auto* through = static_cast<float*>(args.workspace);
    AttentionGradients gradients{there.output<void>(args, 0), there.output<void>(args, 1),
                                 there.output<void>(args, 2), nullptr, through};
    if (plan.wants_bias) {
      gradients.dscores = through + plan.shape.batch * plan.shape.queries;
    }
    attention_grad(plan.shape, tensors_of(dtype, there, args, true), gradients, stream);
    if (plan.wants_bias) {
      reduce_sum(DType::kFloat32, dtype, plan.bias.own, plan.bias.shared, gradients.dscores,
                 args.outputs[kBias], stream);
    }
  });
  kernel->workspace_bytes = plan.workspace_bytes();
  return kernel;
}

}  // namespace

void register_fused_attention(KernelTable& table) {
  add_row(table, "FusedAttention", supports, prepare);
  add_row(table, "FusedAttentionGrad", supports, prepare_grad);
}

}  // namespace temper::cuda
