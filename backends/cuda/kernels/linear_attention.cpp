// LinearAttention and its gradient.
#include "backends/cuda/kernels/linear_attention.h"

#include <algorithm>
#include <cmath>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/optional_tensors.h"

namespace temper::cuda {
namespace {

enum Input : std::size_t { kQuery, kKey, kValue, kPast, kDecay, kBeta, kInputs };

LinearAttentionShape shape_of(const OpQuery& query) {
  const Shape& q = query.inputs[kQuery].shape;
  LinearAttentionShape s{};
  s.batch = q[0];
  s.steps = q[1];
  s.heads = query.attrs->get_int("q_num_heads", 1);
  s.kv_heads = query.attrs->get_int("kv_num_heads", 1);
  s.key = q[2] / s.heads;
  s.value = query.inputs[kValue].shape[2] / s.kv_heads;
  s.decay_features = has_input(query, kDecay) ? query.inputs[kDecay].shape[2] : 0;
  s.beta_features = has_input(query, kBeta) ? query.inputs[kBeta].shape[2] : 0;
  s.chunk = std::max<std::int64_t>(
      1, static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(s.steps)))));
  s.scale = query.attrs->get_double("scale", 1);
  return s;
}

LinearAttentionInputs inputs_of(const OptionalTensors& tensors, const KernelArgs& args) {
  return {tensors.input<float>(args, kQuery), tensors.input<float>(args, kKey),
          tensors.input<float>(args, kValue), tensors.input<float>(args, kPast),
          tensors.input<float>(args, kDecay), tensors.input<float>(args, kBeta)};
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const LinearAttentionShape s = shape_of(query);
  const OptionalTensors tensors(query);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    linear_attention(s, inputs_of(tensors, args), tensors.output<float>(args, 0),
                     tensors.output<float>(args, 1), static_cast<double*>(args.workspace),
                     handle_of(args.stream));
  });
  kernel->workspace_bytes = static_cast<std::size_t>(s.all_heads() * s.state()) * sizeof(double);
  return kernel;
}

std::unique_ptr<Kernel> prepare_grad(const OpQuery& query) {
  const LinearAttentionShape s = shape_of(query);
  const OptionalTensors tensors(query);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const LinearAttentionGradients gradients = {
        tensors.output<float>(args, kQuery), tensors.output<float>(args, kKey),
        tensors.output<float>(args, kValue), tensors.output<float>(args, kPast),
        tensors.output<float>(args, kDecay), tensors.output<float>(args, kBeta)};
    auto* tape = static_cast<double*>(args.workspace);
    linear_attention_grad(s, inputs_of(tensors, args), tensors.input<float>(args, kInputs),
                          tensors.input<float>(args, kInputs + 1), gradients, tape,
                          tape + s.all_heads() * s.grad_doubles(), handle_of(args.stream));
  });
  kernel->workspace_bytes =
      static_cast<std::size_t>(s.all_heads() * (s.grad_doubles() + s.steps)) * sizeof(double);
  return kernel;
}

}  // namespace

void register_linear_attention(KernelTable& table) {
  add_row(table, "LinearAttention", only_f32, prepare);
  add_row(table, "LinearAttentionGrad", only_f32, prepare_grad);
}

}  // namespace temper::cuda
