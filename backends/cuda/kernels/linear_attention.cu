// Columns of a head's state do not know of each other: forward, a thread walks the steps with one.
// The gradient is a block per head, whose threads are columns where sums run down a column and rows
// where they run along a row, with a barrier between the two.
#include <cmath>

#include "backends/cuda/kernels/linear_attention.h"
#include "backends/cuda/launch.cuh"

namespace temper::cuda {
namespace {

constexpr int kThreads = 128;

// One head of keys of one sample.
struct Head {
  const LinearAttentionShape& s;
  const LinearAttentionInputs& in;
  std::int64_t n, sample, head;

  __device__ Head(const LinearAttentionShape& shape, const LinearAttentionInputs& inputs,
                  std::int64_t number)
      : s(shape),
        in(inputs),
        n(number),
        sample(number / shape.kv_heads),
        head(number % shape.kv_heads) {}

  __device__ std::int64_t queries() const { return s.heads / s.kv_heads; }
  __device__ std::int64_t row(std::int64_t t, std::int64_t features) const {
    return (sample * s.steps + t) * features;
  }
  __device__ std::int64_t query_at(std::int64_t t, std::int64_t q) const {
    return row(t, s.heads * s.key) + (head * queries() + q) * s.key;
  }
  __device__ std::int64_t output_at(std::int64_t t, std::int64_t q) const {
    return row(t, s.heads * s.value) + (head * queries() + q) * s.value;
  }
  __device__ std::int64_t key_at(std::int64_t t) const {
    return row(t, s.kv_heads * s.key) + head * s.key;
  }
  __device__ std::int64_t value_at(std::int64_t t) const {
    return row(t, s.kv_heads * s.value) + head * s.value;
  }
  __device__ bool decays_by_key() const { return s.decay_features != s.kv_heads; }
  // Of row i of the state.
  __device__ std::int64_t decay_at(std::int64_t t, std::int64_t i) const {
    return row(t, s.decay_features) + (decays_by_key() ? head * s.key + i : head);
  }
  __device__ std::int64_t beta_at(std::int64_t t) const {
    return row(t, s.beta_features) + (s.beta_features == 1 ? 0 : head);
  }
  __device__ double factor(std::int64_t t, std::int64_t i) const {
    return s.decay_features > 0 ? std::exp(static_cast<double>(in.decay[decay_at(t, i)])) : 1.0;
  }
  __device__ double beta(std::int64_t t) const {
    return s.beta_features > 0 ? static_cast<double>(in.beta[beta_at(t)]) : 1.0;
  }

  __device__ void first_column(std::int64_t j, double* state) const {
    for (std::int64_t i = 0; i < s.key; ++i) {
      const std::int64_t at = i * s.value + j;
      state[at] = in.past == nullptr ? 0 : static_cast<double>(in.past[n * s.state() + at]);
    }
  }
  // Column j of P; returns v - P^T k.
  __device__ double decay_column(std::int64_t t, std::int64_t j, const double* state,
                                 double* p) const {
    const float* k = in.key + key_at(t);
    double held = 0;
    for (std::int64_t i = 0; i < s.key; ++i) {
      const std::int64_t at = i * s.value + j;
      p[at] = state[at] * factor(t, i);
      held += s.beta_features > 0 ? p[at] * static_cast<double>(k[i]) : 0;
    }
    return static_cast<double>(in.value[value_at(t) + j]) - held;
  }
  // Column j of the state after a step.
  __device__ void step_column(std::int64_t t, std::int64_t j, const double* before,
                              double* after) const {
    const float* k = in.key + key_at(t);
    const double u = decay_column(t, j, before, after) * beta(t);
    for (std::int64_t i = 0; i < s.key; ++i) {
      after[i * s.value + j] += static_cast<double>(k[i]) * u;
    }
  }
};

__global__ void __launch_bounds__(kBlock, 2)
    forward_kernel(const LinearAttentionShape s, const LinearAttentionInputs in, float* y,
                   float* present, double* states) {
  if (thread_number() >= s.all_heads() * s.value) {
    return;
  }
  const Head head(s, in, thread_number() / s.value);
  const std::int64_t j = thread_number() % s.value;
  double* state = states + head.n * s.state();
  head.first_column(j, state);
  for (std::int64_t t = 0; t < s.steps; ++t) {
    head.step_column(t, j, state, state);
    for (std::int64_t q = 0; y != nullptr && q < head.queries(); ++q) {
      const float* query = in.query + head.query_at(t, q);
      double sum = 0;
      for (std::int64_t i = 0; i < s.key; ++i) {
        sum += static_cast<double>(query[i]) * state[i * s.value + j];
      }
      y[head.output_at(t, q) + j] = static_cast<float>(s.scale * sum);
    }
  }
  for (std::int64_t i = 0; present != nullptr && i < s.key; ++i) {
    const std::int64_t at = i * s.value + j;
    present[head.n * s.state() + at] = static_cast<float>(state[at]);
  }
}

// A head's part of the tape.
struct Tape {
  double *starts, *states, *decayed, *ds, *missing, *u, *du, *row_sums;

  __device__ Tape(const LinearAttentionShape& s, double* first) {
    starts = first;
    states = starts + s.chunks() * s.state();
    decayed = states + (s.chunk + 1) * s.state();
    ds = decayed + s.state();
    missing = ds + s.state();
    u = missing + s.value;
    du = u + s.value;
    row_sums = du + s.value;
  }
};

struct Backward {
  const Head& head;
  const LinearAttentionShape& s;
  const LinearAttentionGradients& out;
  const float* dy;
  const Tape& tape;
  double* dbeta;

  // The states at which chunks begin, and dS behind the last step.
  __device__ void begin_column(std::int64_t j, const float* dpresent) const {
    double* state = tape.states;
    head.first_column(j, state);
    for (std::int64_t t = 0; t < s.steps; ++t) {
      if (t % s.chunk == 0) {
        copy_column(j, state, tape.starts + t / s.chunk * s.state());
      }
      head.step_column(t, j, state, state);
    }
    for (std::int64_t i = 0; i < s.key; ++i) {
      const std::int64_t at = i * s.value + j;
      tape.ds[at] =
          dpresent == nullptr ? 0 : static_cast<double>(dpresent[head.n * s.state() + at]);
    }
  }
  __device__ void copy_column(std::int64_t j, const double* from, double* to) const {
    for (std::int64_t i = 0; i < s.key; ++i) {
      to[i * s.value + j] = from[i * s.value + j];
    }
  }
  // The states of all steps of a chunk.
  __device__ void chunk_column(std::int64_t j, std::int64_t chunk, std::int64_t steps) const {
    copy_column(j, tape.starts + chunk * s.state(), tape.states);
    for (std::int64_t t = 0; t < steps; ++t) {
      double* state = tape.states + t * s.state();
      head.step_column(chunk * s.chunk + t, j, state, state + s.state());
    }
  }

  // dq = scale S' dy, by rows.
  __device__ void read_row(std::int64_t t, std::int64_t i, const double* after) const {
    for (std::int64_t q = 0; out.query != nullptr && q < head.queries(); ++q) {
      double sum = 0;
      for (std::int64_t j = 0; dy != nullptr && j < s.value; ++j) {
        sum += after[i * s.value + j] * s.scale * static_cast<double>(dy[head.output_at(t, q) + j]);
      }
      out.query[head.query_at(t, q) + i] = static_cast<float>(sum);
    }
  }
  // dS += scale q dy^T; then P, u, du = dS^T k and dv = beta du, by columns.
  __device__ void write_column(std::int64_t t, std::int64_t j, const double* before) const {
    for (std::int64_t q = 0; dy != nullptr && q < head.queries(); ++q) {
      const float* query = head.in.query + head.query_at(t, q);
      const double d = s.scale * static_cast<double>(dy[head.output_at(t, q) + j]);
      for (std::int64_t i = 0; i < s.key; ++i) {
        tape.ds[i * s.value + j] += static_cast<double>(query[i]) * d;
      }
    }
    const float* k = head.in.key + head.key_at(t);
    const double beta = head.beta(t);
    const double missing = head.decay_column(t, j, before, tape.decayed);
    double du = 0;
    for (std::int64_t i = 0; i < s.key; ++i) {
      du += tape.ds[i * s.value + j] * static_cast<double>(k[i]);
    }
    tape.missing[j] = missing;
    tape.u[j] = missing * beta;
    tape.du[j] = du;
    if (out.value != nullptr) {
      out.value[head.value_at(t) + j] = static_cast<float>(beta * du);
    }
  }
  // dk; dS becomes that of the state before: dP = dS - beta k du^T, ddecay = dP P, dS = a dP.
  __device__ void decay_row(std::int64_t t, std::int64_t i) const {
    const bool delta = s.beta_features > 0;
    const double beta = head.beta(t), factor = head.factor(t, i);
    const double k = static_cast<double>(head.in.key[head.key_at(t) + i]);
    double dk = 0, ddecay = 0;
    for (std::int64_t j = 0; j < s.value; ++j) {
      const std::int64_t at = i * s.value + j;
      const double ds = tape.ds[at], p = tape.decayed[at];
      dk += ds * tape.u[j] - (delta ? beta * p * tape.du[j] : 0);
      const double dp = ds - (delta ? beta * k * tape.du[j] : 0);
      ddecay += dp * p;
      tape.ds[at] = dp * factor;
    }
    if (out.key != nullptr) {
      out.key[head.key_at(t) + i] = static_cast<float>(dk);
    }
    if (out.decay != nullptr && head.decays_by_key()) {
      out.decay[head.decay_at(t, i)] = static_cast<float>(ddecay);
    }
    tape.row_sums[i] = ddecay;
  }
  __device__ void sum_beta(std::int64_t t) const {
    double sum = 0;
    for (std::int64_t j = 0; j < s.value; ++j) {
      sum += tape.du[j] * tape.missing[j];
    }
    dbeta[head.n * s.steps + t] = sum;
  }
  __device__ void sum_decay(std::int64_t t) const {
    double sum = 0;
    for (std::int64_t i = 0; i < s.key; ++i) {
      sum += tape.row_sums[i];
    }
    if (out.decay != nullptr && !head.decays_by_key()) {
      out.decay[head.decay_at(t, 0)] = static_cast<float>(sum);
    }
  }
};

__global__ void __launch_bounds__(kThreads, 1)
    backward_kernel(const LinearAttentionShape s, const LinearAttentionInputs in, const float* dy,
                    const float* dpresent, const LinearAttentionGradients out, double* tapes,
                    double* dbeta) {
  const Head head(s, in, blockIdx.x);
  const Tape tape(s, tapes + head.n * s.grad_doubles());
  const Backward work{head, s, out, dy, tape, dbeta};
  const std::int64_t thread = threadIdx.x;
  for (std::int64_t j = thread; j < s.value; j += kThreads) {
    work.begin_column(j, dpresent);
  }
  for (std::int64_t c = s.chunks(); c-- > 0;) {
    const std::int64_t begin = c * s.chunk;
    const std::int64_t steps = s.steps - begin < s.chunk ? s.steps - begin : s.chunk;
    for (std::int64_t j = thread; j < s.value; j += kThreads) {
      work.chunk_column(j, c, steps);
    }
    __syncthreads();
    for (std::int64_t t = steps; t-- > 0;) {
      const double* before = tape.states + t * s.state();
      for (std::int64_t i = thread; i < s.key; i += kThreads) {
        work.read_row(begin + t, i, before + s.state());
      }
      for (std::int64_t j = thread; j < s.value; j += kThreads) {
        work.write_column(begin + t, j, before);
      }
      __syncthreads();
      for (std::int64_t i = thread; i < s.key; i += kThreads) {
        work.decay_row(begin + t, i);
      }
      if (thread == 0 && s.beta_features > 0) {
        work.sum_beta(begin + t);
      }
      __syncthreads();
      if (thread == 0 && s.decay_features > 0) {
        work.sum_decay(begin + t);
      }
    }
  }
  __syncthreads();
  for (std::int64_t at = thread; out.past != nullptr && at < s.state(); at += kThreads) {
    out.past[head.n * s.state() + at] = static_cast<float>(tape.ds[at]);
  }
}

// Heads that share a beta add up.
__global__ void __launch_bounds__(kBlock)
    beta_kernel(const LinearAttentionShape s, const double* by_head, float* dbeta) {
  const std::int64_t at = thread_number();
  if (at >= s.batch * s.steps * s.beta_features) {
    return;
  }
  const std::int64_t sample = at / (s.steps * s.beta_features);
  const std::int64_t t = at / s.beta_features % s.steps, feature = at % s.beta_features;
  const std::int64_t begin = s.beta_features == 1 ? 0 : feature;
  const std::int64_t end = s.beta_features == 1 ? s.kv_heads : feature + 1;
  double sum = 0;
  for (std::int64_t head = begin; head < end; ++head) {
    sum += by_head[(sample * s.kv_heads + head) * s.steps + t];
  }
  dbeta[at] = static_cast<float>(sum);
}

}  // namespace

void linear_attention(const LinearAttentionShape& shape, const LinearAttentionInputs& inputs,
                      float* y, float* present, double* states, StreamHandle stream) {
  launch_elements(forward_kernel, shape.all_heads() * shape.value, stream, shape, inputs, y,
                  present, states);
}

void linear_attention_grad(const LinearAttentionShape& shape, const LinearAttentionInputs& inputs,
                           const float* dy, const float* dpresent,
                           const LinearAttentionGradients& gradients, double* tape, double* dbeta,
                           StreamHandle stream) {
  launch(backward_kernel, shape.all_heads(), kThreads, 0, stream, shape, inputs, dy, dpresent,
         gradients, tape, dbeta);
  if (gradients.beta != nullptr) {
    launch_elements(beta_kernel, shape.batch * shape.steps * shape.beta_features, stream, shape,
                    dbeta, gradients.beta);
  }
}

}  // namespace temper::cuda
