#include "backends/reference/recurrence.h"

#include <algorithm>

namespace temper::reference {
namespace {

constexpr std::int64_t kInput = 0, kOutput = 1, kForget = 2, kCell = 3;  // LSTM's gates
constexpr std::int64_t kUpdate = 0, kReset = 1, kNew = 2;                // GRU's

double dot(const double* a, const double* b, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += a[i] * b[i];
  }
  return sum;
}

// w x + bias of x, one gate row
double from_x(const RecurrencePlan& plan, const CellWeights& weights, const double* x,
              std::int64_t j) {
  return dot(weights.w + j * plan.inputs, x, plan.inputs) + weights.bias(j);
}

// r h + bias of the state, one gate row
double from_h(const RecurrencePlan& plan, const CellWeights& weights, const double* h,
              std::int64_t j) {
  return dot(weights.r + j * plan.hidden, h, plan.hidden) + weights.bias(plan.gate_rows() + j);
}

void activate(const RecurrencePlan& plan, const CellActivation& f, const CellRecord& now,
              std::int64_t j, double before) {
  now.before[j] = before;
  now.gate[j] = f.value(plan.clipped(before));
}

double gate_slope(const RecurrencePlan& plan, const CellActivation& f, const CellRecord& now,
                  std::int64_t j) {
  return plan.clip_slope(now.before[j]) * f.slope(plan.clipped(now.before[j]));
}

void lstm_forward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                  const double* x, const CellRecord& last, const CellRecord& now) {
  const std::int64_t hidden = plan.hidden;
  const CellActivation& f = plan.function(d, 0);
  const auto peephole = [&](std::int64_t gate, std::int64_t k) {
    return weights.p == nullptr ? 0 : weights.p[gate * hidden + k];
  };
  const auto sum = [&](std::int64_t j) {
    return from_x(plan, weights, x, j) + from_h(plan, weights, last.h, j);
  };
  for (std::int64_t k = 0; k < hidden; ++k) {
    const std::int64_t i = kInput * hidden + k, o = kOutput * hidden + k;
    const std::int64_t forget = kForget * hidden + k, c = kCell * hidden + k;
    activate(plan, f, now, i, sum(i) + peephole(kInput, k) * last.extra[k]);
    activate(plan, f, now, forget, sum(forget) + peephole(kForget, k) * last.extra[k]);
    if (plan.input_forget) {
      now.gate[forget] = 1 - now.gate[i];
    }
    activate(plan, plan.function(d, 1), now, c, sum(c));
    now.extra[k] = now.gate[forget] * last.extra[k] + now.gate[i] * now.gate[c];
    activate(plan, f, now, o, sum(o) + peephole(kOutput, k) * now.extra[k]);
    now.h[k] = now.gate[o] * plan.function(d, 2).value(now.extra[k]);
  }
}

void gru_forward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                 const double* x, const CellRecord& last, const CellRecord& now) {
  const std::int64_t hidden = plan.hidden;
  for (std::int64_t j = 0; j < 2 * hidden; ++j) {
    activate(plan, plan.function(d, 0), now, j,
             from_x(plan, weights, x, j) + from_h(plan, weights, last.h, j));
  }
  const double* reset = now.gate + kReset * hidden;
  for (std::int64_t k = 0; k < hidden; ++k) {  // the state that the new gate sees
    now.h[k] = plan.linear_before_reset ? last.h[k] : reset[k] * last.h[k];
  }
  for (std::int64_t k = 0; k < hidden; ++k) {
    const std::int64_t j = kNew * hidden + k;
    now.extra[k] = from_h(plan, weights, now.h, j);
    const double state = plan.linear_before_reset ? reset[k] * now.extra[k] : now.extra[k];
    activate(plan, plan.function(d, 1), now, j, from_x(plan, weights, x, j) + state);
  }
  for (std::int64_t k = 0; k < hidden; ++k) {
    const double z = now.gate[kUpdate * hidden + k];
    now.h[k] = (1 - z) * now.gate[kNew * hidden + k] + z * last.h[k];
  }
}

void rnn_forward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                 const double* x, const CellRecord& last, const CellRecord& now) {
  for (std::int64_t k = 0; k < plan.hidden; ++k) {
    activate(plan, plan.function(d, 0), now, k,
             from_x(plan, weights, x, k) + from_h(plan, weights, last.h, k));
    now.h[k] = now.gate[k];
    now.extra[k] = 0;
  }
}

// The rule of y = w x + b for one gate row: `dz` goes to dw, db and dx.
void add_from_x(const RecurrencePlan& plan, const CellWeights& weights, const double* x,
                std::int64_t j, double dz, double* dx, const CellGradients& to) {
  for (std::int64_t i = 0; i < plan.inputs; ++i) {
    to.dw[j * plan.inputs + i] += dz * x[i];
    dx[i] += dz * weights.w[j * plan.inputs + i];
  }
  to.db[j] += dz;
}

void add_from_h(const RecurrencePlan& plan, const CellWeights& weights, const double* h,
                std::int64_t j, double dz, double* dh, const CellGradients& to) {
  for (std::int64_t i = 0; i < plan.hidden; ++i) {
    to.dr[j * plan.hidden + i] += dz * h[i];
    dh[i] += dz * weights.r[j * plan.hidden + i];
  }
  to.db[plan.gate_rows() + j] += dz;
}

// dh is taken and then holds the gradient of the state before.
void lstm_backward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                   const double* x, const CellRecord& last, const CellRecord& now, double* dh,
                   double* dc, double* dx, const CellGradients& to) {
  const std::int64_t hidden = plan.hidden;
  const CellActivation& f = plan.function(d, 0);
  double* dz = to.scratch;
  const auto through_peephole = [&](std::int64_t gate, std::int64_t k, double state) {
    const double slope = dz[gate * hidden + k];
    if (weights.p == nullptr) {
      return 0.0;
    }
    to.dp[gate * hidden + k] += slope * state;
    return slope * weights.p[gate * hidden + k];
  };
  for (std::int64_t k = 0; k < hidden; ++k) {
    const std::int64_t i = kInput * hidden + k, o = kOutput * hidden + k;
    const std::int64_t forget = kForget * hidden + k, c = kCell * hidden + k;
    const CellActivation& h = plan.function(d, 2);
    const double state = now.extra[k];
    dz[o] = dh[k] * h.value(state) * gate_slope(plan, f, now, o);
    double dstate = dc[k] + dh[k] * now.gate[o] * h.slope(state);
    dstate += through_peephole(kOutput, k, state);
    const double dforget = dstate * last.extra[k];
    const double dinput = dstate * now.gate[c] - (plan.input_forget ? dforget : 0);
    dz[i] = dinput * gate_slope(plan, f, now, i);
    dz[forget] = plan.input_forget ? 0 : dforget * gate_slope(plan, f, now, forget);
    dz[c] = dstate * now.gate[i] * gate_slope(plan, plan.function(d, 1), now, c);
    dc[k] = dstate * now.gate[forget];
    dc[k] += through_peephole(kInput, k, last.extra[k]);
    dc[k] += through_peephole(kForget, k, last.extra[k]);
  }
  std::fill(dh, dh + hidden, 0.0);
  for (std::int64_t j = 0; j < plan.gate_rows(); ++j) {
    add_from_x(plan, weights, x, j, dz[j], dx, to);
    add_from_h(plan, weights, last.h, j, dz[j], dh, to);
  }
}

void gru_backward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                  const double* x, const CellRecord& last, const CellRecord& now, double* dh,
                  double* dx, const CellGradients& to) {
  const std::int64_t hidden = plan.hidden;
  const CellActivation& f = plan.function(d, 0);
  double* dz = to.scratch;
  double* seen = dz + plan.gate_rows();  // the state that the new gate sees, and its gradient
  double* dseen = seen + hidden;
  const double* reset = now.gate + kReset * hidden;
  for (std::int64_t k = 0; k < hidden; ++k) {
    const std::int64_t z = kUpdate * hidden + k, n = kNew * hidden + k;
    dz[z] = dh[k] * (last.h[k] - now.gate[n]) * gate_slope(plan, f, now, z);
    dz[n] = dh[k] * (1 - now.gate[z]) * gate_slope(plan, plan.function(d, 1), now, n);
    dh[k] *= now.gate[z];
    seen[k] = plan.linear_before_reset ? last.h[k] : reset[k] * last.h[k];
    dseen[k] = 0;
  }
  for (std::int64_t k = 0; k < hidden; ++k) {
    const std::int64_t n = kNew * hidden + k;
    add_from_x(plan, weights, x, n, dz[n], dx, to);
    add_from_h(plan, weights, seen, n, plan.linear_before_reset ? dz[n] * reset[k] : dz[n], dseen,
               to);
  }
  for (std::int64_t k = 0; k < hidden; ++k) {
    const std::int64_t r = kReset * hidden + k;
    const double dreset =
        plan.linear_before_reset ? dz[kNew * hidden + k] * now.extra[k] : dseen[k] * last.h[k];
    dh[k] += plan.linear_before_reset ? dseen[k] : dseen[k] * reset[k];
    dz[r] = dreset * gate_slope(plan, f, now, r);
  }
  for (std::int64_t j = 0; j < 2 * hidden; ++j) {
    add_from_x(plan, weights, x, j, dz[j], dx, to);
    add_from_h(plan, weights, last.h, j, dz[j], dh, to);
  }
}

void rnn_backward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                  const double* x, const CellRecord& last, const CellRecord& now, double* dh,
                  double* dx, const CellGradients& to) {
  double* dz = to.scratch;
  for (std::int64_t k = 0; k < plan.hidden; ++k) {
    dz[k] = dh[k] * gate_slope(plan, plan.function(d, 0), now, k);
  }
  std::fill(dh, dh + plan.hidden, 0.0);
  for (std::int64_t k = 0; k < plan.hidden; ++k) {
    add_from_x(plan, weights, x, k, dz[k], dx, to);
    add_from_h(plan, weights, last.h, k, dz[k], dh, to);
  }
}

}  // namespace

RecurrencePlan plan_recurrence(const OpQuery& query, Cell cell) {
  const Attrs& attrs = *query.attrs;
  RecurrencePlan plan;
  plan.cell = cell;
  plan.gates = cell == Cell::kLstm ? 4 : cell == Cell::kGru ? 3 : 1;
  plan.batch_first = attrs.get_int("layout", 0) != 0;
  const Shape& x = query.inputs[0].shape;
  plan.steps = x[plan.batch_first ? 1 : 0];
  plan.batch = x[plan.batch_first ? 0 : 1];
  plan.inputs = x[2];
  plan.directions = query.inputs[1].shape[0];
  plan.hidden = query.inputs[2].shape[2];
  plan.x_elements = x.element_count();
  if (plan.batch == 0 || plan.hidden == 0) {  // nothing comes out of any step
    plan.steps = 0;
    plan.batch = 0;
  }
  plan.reversed = attrs.get_string("direction", "forward") == "reverse";
  plan.input_forget = attrs.get_int("input_forget", 0) != 0;
  plan.linear_before_reset = attrs.get_int("linear_before_reset", 0) != 0;
  plan.clip = attrs.get_double("clip", 0);
  const std::vector<std::int64_t> functions = attrs.get_ints("functions");
  const std::vector<double> alphas = attrs.get_doubles("alphas");
  const std::vector<double> betas = attrs.get_doubles("betas");
  for (std::size_t i = 0; i < functions.size(); ++i) {
    plan.functions.push_back(
        {static_cast<CellActivation::Kind>(functions[i]), alphas.at(i), betas.at(i)});
  }
  return plan;
}

void step_forward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                  const double* x, const CellRecord& last, const CellRecord& now) {
  switch (plan.cell) {
    case Cell::kLstm:
      return lstm_forward(plan, d, weights, x, last, now);
    case Cell::kGru:
      return gru_forward(plan, d, weights, x, last, now);
    case Cell::kRnn:
      return rnn_forward(plan, d, weights, x, last, now);
  }
}

void step_backward(const RecurrencePlan& plan, std::int64_t d, const CellWeights& weights,
                   const double* x, const CellRecord& last, const CellRecord& now, double* dh,
                   double* dc, double* dx, const CellGradients& to) {
  switch (plan.cell) {
    case Cell::kLstm:
      return lstm_backward(plan, d, weights, x, last, now, dh, dc, dx, to);
    case Cell::kGru:
      return gru_backward(plan, d, weights, x, last, now, dh, dx, to);
    case Cell::kRnn:
      return rnn_backward(plan, d, weights, x, last, now, dh, dx, to);
  }
}

}  // namespace temper::reference
