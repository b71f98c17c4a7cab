// One step of a recurrent cell for one sample, f32, with ONNX's default activations. The formulas
// stand in graph/ops/recurrent.cpp. Gates lie one behind the other, `hidden` values each.
#pragma once

#include <cstdint>

namespace temper::cpu {

// z: the sums of i, o, f, g; replaced by the gates. c: the state before.
void lstm_step(std::int64_t hidden, float* z, const float* c, float* next_c, float* next_h);
// dz: the gradients of the gates' sums; may be `gates`. dh: of the step's output. dc: of the state
// behind the step, replaced by that of the state before.
void lstm_step_back(std::int64_t hidden, const float* gates, const float* c, const float* dh,
                    float* dz, float* dc);

// z: the sums of z and r, replaced by the gates.
void gru_gates(std::int64_t hidden, float* z);
// y += x
void add_row(std::int64_t n, const float* x, float* y);
// y = a * b
void multiply_rows(std::int64_t n, const float* a, const float* b, float* y);
// z: the gates z and r, then the sum of n without the state's part; replaced by n. `state`: the
// state's part of n's sum, times r where `reset_behind`.
void gru_step(std::int64_t hidden, bool reset_behind, float* z, const float* state, const float* h,
              float* next_h);
// dz: the gradients of the sums of z and n, in their places; may be `gates`. dh is replaced by the
// part that passes by.
void gru_step_back(std::int64_t hidden, const float* gates, const float* h, float* dz, float* dh);
// `reset`: the gate r. With linear_before_reset: state is the state's part of n's sum, dn the
// gradient of n's sum; dr, dstate = those of r's sum and of the state's part.
void gru_reset_back(std::int64_t hidden, const float* reset, const float* state, const float* dn,
                    float* dr, float* dstate);
// Without: dseen is the gradient of r * h; dr = that of r's sum, dh += its share.
void gru_seen_back(std::int64_t hidden, const float* reset, const float* h, const float* dseen,
                   float* dr, float* dh);

// h = tanh(z) or relu(z), and z = dh times the slope, from h.
void rnn_step(std::int64_t hidden, bool relu, const float* z, float* h);
void rnn_step_back(std::int64_t hidden, bool relu, const float* h, const float* dh, float* z);

}  // namespace temper::cpu
