#include "backends/cpu/cell_loops.h"

#include "backends/common/activations.h"
#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/vector_math.h"

// Rows never overlap unless they are the same one, and then each element is read before it is
// written.
namespace temper::cpu {
namespace {

[[gnu::always_inline]] inline float sigmoid_of(float x) {
  return functors::Sigmoid<VectorMath>{}(x);
}

// A choice inside the loop would keep it from becoming vector code.
template <bool kResetBehind>
[[gnu::always_inline]] inline void gru_step_of(std::int64_t hidden, float* z, const float* state,
                                               const float* h, float* next_h) {
  const float *zz = z, *zr = z + hidden;
  float* zn = z + 2 * hidden;
#pragma GCC ivdep
  for (std::int64_t k = 0; k < hidden; ++k) {
    const float n = tanh_of(zn[k] + (kResetBehind ? zr[k] * state[k] : state[k]));
    zn[k] = n;
    next_h[k] = (1.0f - zz[k]) * n + zz[k] * h[k];
  }
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void lstm_step(std::int64_t hidden, float* z, const float* c, float* next_c, float* next_h) {
  float *zi = z, *zo = z + hidden, *zf = z + 2 * hidden, *zg = z + 3 * hidden;
#pragma GCC ivdep
  for (std::int64_t k = 0; k < hidden; ++k) {
    const float i = sigmoid_of(zi[k]), o = sigmoid_of(zo[k]);
    const float f = sigmoid_of(zf[k]), g = tanh_of(zg[k]);
    const float state = f * c[k] + i * g;
    zi[k] = i;
    zo[k] = o;
    zf[k] = f;
    zg[k] = g;
    next_c[k] = state;
    next_h[k] = o * tanh_of(state);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void lstm_step_back(std::int64_t hidden, const float* gates, const float* c, const float* dh,
                    float* dz, float* dc) {
  const float *gi = gates, *go = gates + hidden, *gf = gates + 2 * hidden, *gg = gates + 3 * hidden;
  float *zi = dz, *zo = dz + hidden, *zf = dz + 2 * hidden, *zg = dz + 3 * hidden;
#pragma GCC ivdep
  for (std::int64_t k = 0; k < hidden; ++k) {
    const float i = gi[k], o = go[k], f = gf[k], g = gg[k];
    const float out = tanh_of(f * c[k] + i * g);
    const float dstate = dc[k] + dh[k] * o * (1.0f - out * out);
    zo[k] = dh[k] * out * (o * (1.0f - o));
    zi[k] = dstate * g * (i * (1.0f - i));
    zf[k] = dstate * c[k] * (f * (1.0f - f));
    zg[k] = dstate * i * (1.0f - g * g);
    dc[k] = dstate * f;
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void gru_gates(std::int64_t hidden, float* z) {
#pragma GCC ivdep
  for (std::int64_t k = 0; k < 2 * hidden; ++k) {
    z[k] = sigmoid_of(z[k]);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void add_row(std::int64_t n, const float* x, float* y) {
#pragma GCC ivdep
  for (std::int64_t k = 0; k < n; ++k) {
    y[k] = y[k] + x[k];
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void multiply_rows(std::int64_t n, const float* a, const float* b, float* y) {
#pragma GCC ivdep
  for (std::int64_t k = 0; k < n; ++k) {
    y[k] = a[k] * b[k];
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void gru_step(std::int64_t hidden, bool reset_behind, float* z, const float* state, const float* h,
              float* next_h) {
  if (reset_behind) {
    gru_step_of<true>(hidden, z, state, h, next_h);
  } else {
    gru_step_of<false>(hidden, z, state, h, next_h);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void gru_step_back(std::int64_t hidden, const float* gates, const float* h, float* dz, float* dh) {
  const float *gz = gates, *gn = gates + 2 * hidden;
  float *zz = dz, *zn = dz + 2 * hidden;
#pragma GCC ivdep
  for (std::int64_t k = 0; k < hidden; ++k) {
    const float gate = gz[k], n = gn[k];
    zz[k] = dh[k] * (h[k] - n) * (gate * (1.0f - gate));
    zn[k] = dh[k] * (1.0f - gate) * (1.0f - n * n);
    dh[k] = dh[k] * gate;
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void gru_reset_back(std::int64_t hidden, const float* reset, const float* state, const float* dn,
                    float* dr, float* dstate) {
#pragma GCC ivdep
  for (std::int64_t k = 0; k < hidden; ++k) {
    const float r = reset[k], part = state[k];
    dstate[k] = dn[k] * r;
    dr[k] = dn[k] * part * (r * (1.0f - r));
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void gru_seen_back(std::int64_t hidden, const float* reset, const float* h, const float* dseen,
                   float* dr, float* dh) {
#pragma GCC ivdep
  for (std::int64_t k = 0; k < hidden; ++k) {
    const float r = reset[k];
    dh[k] = dh[k] + dseen[k] * r;
    dr[k] = dseen[k] * h[k] * (r * (1.0f - r));
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void rnn_step(std::int64_t hidden, bool relu, const float* z, float* h) {
#pragma GCC ivdep
  for (std::int64_t k = 0; k < hidden; ++k) {
    h[k] = relu ? (z[k] > 0.0f || z[k] != z[k] ? z[k] : 0.0f) : tanh_of(z[k]);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void rnn_step_back(std::int64_t hidden, bool relu, const float* h, const float* dh, float* z) {
#pragma GCC ivdep
  for (std::int64_t k = 0; k < hidden; ++k) {
    z[k] = relu ? (h[k] > 0.0f ? dh[k] : 0.0f) : dh[k] * (1.0f - h[k] * h[k]);
  }
}

}  // namespace temper::cpu
