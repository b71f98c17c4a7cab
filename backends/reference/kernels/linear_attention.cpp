// LinearAttention and its gradient, one head of one sample after the other, in double. Formulas:
// graph/ops/linear_attention.cpp. The gradient keeps the state of every sqrt(length)th step and
// computes the steps between two of them again, so its memory grows with the root of the length.
#include <algorithm>
#include <cmath>
#include <string>

#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

enum Input : std::size_t { kQuery, kKey, kValue, kPast, kDecay, kBeta, kInputs };

struct Sizes {
  std::int64_t batch, steps, heads, kv_heads, key, value;
  std::int64_t decay_features, beta_features;  // 0: there is none
  double scale;
  std::size_t inputs, outputs;  // that the op has, there or not

  explicit Sizes(const OpQuery& query) {
    const Shape& q = query.inputs[kQuery].shape;
    batch = q[0];
    steps = q[1];
    heads = query.attrs->get_int("q_num_heads", 1);
    kv_heads = query.attrs->get_int("kv_num_heads", 1);
    key = q[2] / heads;
    value = query.inputs[kValue].shape[2] / kv_heads;
    decay_features = has_input(query, kDecay) ? query.inputs[kDecay].shape[2] : 0;
    beta_features = has_input(query, kBeta) ? query.inputs[kBeta].shape[2] : 0;
    scale = query.attrs->get_double("scale", 1);
    inputs = query.inputs.size();
    outputs = query.outputs.size();
  }
  std::int64_t state() const { return key * value; }
  std::int64_t chunk() const {
    return std::max<std::int64_t>(
        1, static_cast<std::int64_t>(std::ceil(std::sqrt(static_cast<double>(steps)))));
  }
};

// One head of keys of one sample.
template <class T>
struct Head {
  const Sizes& s;
  const KernelArgs& args;
  std::int64_t sample, head;

  std::int64_t row(std::int64_t t, std::int64_t features) const {
    return (sample * s.steps + t) * features;
  }
  const T* input(std::size_t i) const {
    return i < s.inputs ? static_cast<const T*>(args.inputs[i]) : nullptr;
  }
  const T* query(std::int64_t t, std::int64_t q) const { return input(kQuery) + query_at(t, q); }
  std::int64_t query_at(std::int64_t t, std::int64_t q) const {
    return row(t, s.heads * s.key) + (head * (s.heads / s.kv_heads) + q) * s.key;
  }
  std::int64_t output_at(std::int64_t t, std::int64_t q) const {
    return row(t, s.heads * s.value) + (head * (s.heads / s.kv_heads) + q) * s.value;
  }
  std::int64_t key_at(std::int64_t t) const { return row(t, s.kv_heads * s.key) + head * s.key; }
  std::int64_t value_at(std::int64_t t) const {
    return row(t, s.kv_heads * s.value) + head * s.value;
  }
  std::int64_t state_at() const { return (sample * s.kv_heads + head) * s.state(); }
  // Of row i of the state.
  std::int64_t decay_at(std::int64_t t, std::int64_t i) const {
    const bool by_key = s.decay_features != s.kv_heads;
    return row(t, s.decay_features) + (by_key ? head * s.key + i : head);
  }
  std::int64_t beta_at(std::int64_t t) const {
    return row(t, s.beta_features) + (s.beta_features == 1 ? 0 : head);
  }

  void first_state(double* state) const {
    const T* past = input(kPast);
    for (std::int64_t i = 0; i < s.state(); ++i) {
      state[i] = past == nullptr ? 0 : static_cast<double>(past[state_at() + i]);
    }
  }
  // P, in the state's place.
  void decay(std::int64_t t, double* state) const {
    for (std::int64_t i = 0; s.decay_features > 0 && i < s.key; ++i) {
      const double factor = std::exp(static_cast<double>(input(kDecay)[decay_at(t, i)]));
      for (std::int64_t j = 0; j < s.value; ++j) {
        state[i * s.value + j] *= factor;
      }
    }
  }
  // u of P; `missing`: v - P^T k, of which it is beta times.
  void written(std::int64_t t, const double* p, double* missing, double* u) const {
    const T* k = input(kKey) + key_at(t);
    const T* v = input(kValue) + value_at(t);
    for (std::int64_t j = 0; j < s.value; ++j) {
      double held = 0;
      for (std::int64_t i = 0; s.beta_features > 0 && i < s.key; ++i) {
        held += p[i * s.value + j] * static_cast<double>(k[i]);
      }
      missing[j] = static_cast<double>(v[j]) - held;
      u[j] = missing[j] * (s.beta_features > 0 ? static_cast<double>(input(kBeta)[beta_at(t)]) : 1);
    }
  }
  void write(std::int64_t t, const double* u, double* state) const {
    const T* k = input(kKey) + key_at(t);
    for (std::int64_t i = 0; i < s.key; ++i) {
      for (std::int64_t j = 0; j < s.value; ++j) {
        state[i * s.value + j] += static_cast<double>(k[i]) * u[j];
      }
    }
  }
  void step(std::int64_t t, double* state, double* missing, double* u) const {
    decay(t, state);
    written(t, state, missing, u);
    write(t, u, state);
  }
};

template <class T>
void run_forward(const Sizes& s, const KernelArgs& args) {
  auto* state = static_cast<double*>(args.workspace);
  double* missing = state + s.state();
  double* u = missing + s.value;
  auto* y = static_cast<T*>(args.outputs[0]);
  auto* present = s.outputs > 1 ? static_cast<T*>(args.outputs[1]) : nullptr;
  for (std::int64_t n = 0; n < s.batch * s.kv_heads; ++n) {
    const Head<T> head{s, args, n / s.kv_heads, n % s.kv_heads};
    head.first_state(state);
    for (std::int64_t t = 0; t < s.steps; ++t) {
      head.step(t, state, missing, u);
      for (std::int64_t q = 0; y != nullptr && q < s.heads / s.kv_heads; ++q) {
        const T* query = head.query(t, q);
        for (std::int64_t j = 0; j < s.value; ++j) {
          double sum = 0;
          for (std::int64_t i = 0; i < s.key; ++i) {
            sum += static_cast<double>(query[i]) * state[i * s.value + j];
          }
          y[head.output_at(t, q) + j] = static_cast<T>(s.scale * sum);
        }
      }
    }
    for (std::int64_t i = 0; present != nullptr && i < s.state(); ++i) {
      present[head.state_at() + i] = static_cast<T>(state[i]);
    }
  }
}

// Doubles of the gradient's workspace.
struct Tape {
  std::int64_t chunk, chunks;
  double *starts, *states, *decayed, *ds, *missing, *u, *du, *dbeta;

  Tape(const Sizes& s, double* first) : chunk(s.chunk()), chunks((s.steps + chunk - 1) / chunk) {
    double* at = first;
    const auto take = [&](std::int64_t count) {
      double* taken = at;
      at = at == nullptr ? nullptr : at + count;
      total += count;
      return taken;
    };
    starts = take((chunks + 1) * s.state());
    states = take((chunk + 1) * s.state());
    decayed = take(s.state());
    ds = take(s.state());
    missing = take(s.value);
    u = take(s.value);
    du = take(s.value);
    dbeta = take(s.batch * s.steps);
  }
  std::int64_t total = 0;
};

template <class T>
class Backward {
 public:
  Backward(const Sizes& s, const KernelArgs& args)
      : s_(s), args_(args), tape_(s, static_cast<double*>(args.workspace)) {}

  void run() {
    std::fill_n(tape_.dbeta, s_.batch * s_.steps, 0.0);
    for (std::int64_t n = 0; n < s_.batch * s_.kv_heads; ++n) {
      const Head<T> head{s_, args_, n / s_.kv_heads, n % s_.kv_heads};
      run_head(head);
    }
    if (s_.beta_features == 1 && output(kBeta) != nullptr) {
      std::transform(tape_.dbeta, tape_.dbeta + s_.batch * s_.steps, output(kBeta),
                     [](double x) { return static_cast<T>(x); });
    }
  }

 private:
  T* output(std::size_t i) const {
    return i < s_.outputs ? static_cast<T*>(args_.outputs[i]) : nullptr;
  }
  const T* given(std::size_t i) const {
    return i < s_.inputs ? static_cast<const T*>(args_.inputs[i]) : nullptr;
  }

  void run_head(const Head<T>& head) {
    head.first_state(tape_.starts);
    for (std::int64_t c = 0; c < tape_.chunks; ++c) {
      double* state = tape_.starts + (c + 1) * s_.state();
      std::copy_n(state - s_.state(), s_.state(), state);
      for (std::int64_t t = c * tape_.chunk; t < std::min(s_.steps, (c + 1) * tape_.chunk); ++t) {
        head.step(t, state, tape_.missing, tape_.u);
      }
    }
    const T* dlast = given(kInputs + 1);
    for (std::int64_t i = 0; i < s_.state(); ++i) {
      tape_.ds[i] = dlast == nullptr ? 0 : static_cast<double>(dlast[head.state_at() + i]);
    }
    for (std::int64_t c = tape_.chunks; c-- > 0;) {
      const std::int64_t begin = c * tape_.chunk, end = std::min(s_.steps, begin + tape_.chunk);
      std::copy_n(tape_.starts + c * s_.state(), s_.state(), tape_.states);
      for (std::int64_t t = begin; t < end; ++t) {
        double* state = tape_.states + (t - begin + 1) * s_.state();
        std::copy_n(state - s_.state(), s_.state(), state);
        head.step(t, state, tape_.missing, tape_.u);
      }
      for (std::int64_t t = end; t-- > begin;) {
        step_back(head, t, tape_.states + (t - begin) * s_.state());
      }
    }
    if (T* dpast = output(kPast); dpast != nullptr) {
      for (std::int64_t i = 0; i < s_.state(); ++i) {
        dpast[head.state_at() + i] = static_cast<T>(tape_.ds[i]);
      }
    }
  }

  // `before`: the state the step began with; behind it in memory the one it left.
  void step_back(const Head<T>& head, std::int64_t t, const double* before) {
    const double* after = before + s_.state();
    read_back(head, t, after);
    double* p = tape_.decayed;
    std::copy_n(before, s_.state(), p);
    head.decay(t, p);
    head.written(t, p, tape_.missing, tape_.u);
    const T* k = head.input(kKey) + head.key_at(t);
    for (std::int64_t j = 0; j < s_.value; ++j) {
      double sum = 0;
      for (std::int64_t i = 0; i < s_.key; ++i) {
        sum += tape_.ds[i * s_.value + j] * static_cast<double>(k[i]);
      }
      tape_.du[j] = sum;
    }
    write_back(head, t, p);
    decay_back(head, t, p);
  }

  // The queries' part: dq, and what they add to dS.
  void read_back(const Head<T>& head, std::int64_t t, const double* after) {
    const T* dy = given(kInputs);
    T* dq = output(kQuery);
    for (std::int64_t q = 0; q < s_.heads / s_.kv_heads; ++q) {
      const T* row = dy == nullptr ? nullptr : dy + head.output_at(t, q);
      const T* query = head.query(t, q);
      for (std::int64_t i = 0; i < s_.key; ++i) {
        double sum = 0;
        for (std::int64_t j = 0; row != nullptr && j < s_.value; ++j) {
          const double d = s_.scale * static_cast<double>(row[j]);
          sum += after[i * s_.value + j] * d;
          tape_.ds[i * s_.value + j] += static_cast<double>(query[i]) * d;
        }
        if (dq != nullptr) {
          dq[head.query_at(t, q) + i] = static_cast<T>(sum);
        }
      }
    }
  }

  // dv, dbeta and dk; dS becomes dP.
  void write_back(const Head<T>& head, std::int64_t t, const double* p) {
    const bool delta = s_.beta_features > 0;
    const double beta = delta ? static_cast<double>(head.input(kBeta)[head.beta_at(t)]) : 1;
    double dbeta = 0;
    for (std::int64_t j = 0; j < s_.value; ++j) {
      dbeta += tape_.du[j] * tape_.missing[j];
      if (T* dv = output(kValue); dv != nullptr) {
        dv[head.value_at(t) + j] = static_cast<T>(beta * tape_.du[j]);
      }
    }
    if (delta && s_.beta_features == 1) {
      tape_.dbeta[head.sample * s_.steps + t] += dbeta;
    } else if (T* out = output(kBeta); delta && out != nullptr) {
      out[head.beta_at(t)] = static_cast<T>(dbeta);
    }
    const T* k = head.input(kKey) + head.key_at(t);
    for (std::int64_t i = 0; i < s_.key; ++i) {
      double dk = 0;
      for (std::int64_t j = 0; j < s_.value; ++j) {
        const std::int64_t at = i * s_.value + j;
        dk += tape_.ds[at] * tape_.u[j];
        if (delta) {
          dk -= beta * p[at] * tape_.du[j];
          tape_.ds[at] -= beta * static_cast<double>(k[i]) * tape_.du[j];
        }
      }
      if (T* out = output(kKey); out != nullptr) {
        out[head.key_at(t) + i] = static_cast<T>(dk);
      }
    }
  }

  // ddecay; dP becomes the gradient of the state before.
  void decay_back(const Head<T>& head, std::int64_t t, const double* p) {
    if (s_.decay_features == 0) {
      return;
    }
    T* out = output(kDecay);
    const bool by_key = s_.decay_features != s_.kv_heads;
    double sum = 0;
    for (std::int64_t i = 0; i < s_.key; ++i) {
      sum = by_key ? 0 : sum;
      const double factor = std::exp(static_cast<double>(head.input(kDecay)[head.decay_at(t, i)]));
      for (std::int64_t j = 0; j < s_.value; ++j) {
        const std::int64_t at = i * s_.value + j;
        sum += tape_.ds[at] * p[at];
        tape_.ds[at] *= factor;
      }
      if (out != nullptr && (by_key || i + 1 == s_.key)) {
        out[head.decay_at(t, i)] = static_cast<T>(sum);
      }
    }
  }

  const Sizes& s_;
  const KernelArgs& args_;
  Tape tape_;
};

std::unique_ptr<Kernel> prepare_forward(const OpQuery& query) {
  const Sizes s(query);
  auto kernel = visit_float(query.inputs[kQuery].dtype, [&]<class T>() {
    return make_kernel([s](const KernelArgs& args) { run_forward<T>(s, args); });
  });
  kernel->workspace_bytes = static_cast<std::size_t>(s.state() + 2 * s.value) * sizeof(double);
  return kernel;
}

std::unique_ptr<Kernel> prepare_backward(const OpQuery& query) {
  const Sizes s(query);
  auto kernel = visit_float(query.inputs[kQuery].dtype, [&]<class T>() {
    return make_kernel([s](const KernelArgs& args) { Backward<T>(s, args).run(); });
  });
  kernel->workspace_bytes = static_cast<std::size_t>(Tape(s, nullptr).total) * sizeof(double);
  return kernel;
}

Support supports(const OpQuery& query) { return one_float_type(query, {kQuery}); }

}  // namespace

void register_linear_attention(KernelTable& table) {
  table.add("LinearAttention", "reference", supports, prepare_forward);
  table.add("LinearAttentionGrad", "reference", supports, prepare_backward);
}

}  // namespace temper::reference
