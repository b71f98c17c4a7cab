// The formulas of the optimizers that take a parameter as a flat list of numbers; each names the
// kernel that it is.
#pragma once

#include <limits>

#include "graph/ops/standard_updates.h"

namespace temper::graph {

// What SgdMomentumUpdate of sgd.h and LarsUpdate do with a gradient: p -= rate g, or rate times
// the momentum.
inline void write_momentum(WrittenUpdate& u) {
  const double own = u.number("momentum");
  if (u.has("momentum_buffer") && (own != 0 || u.is_scheduled())) {
    const Term momentum = u.narrow(u.scheduled_or(own));
    Term& buffer = u.state("momentum_buffer");
    const Term kept = buffer * momentum + u.g * (1 - u.number("dampening"));
    const Term moved = choose(u.step.first, u.g, kept);
    const Term way = u.number("nesterov") != 0 ? u.g + momentum * moved : moved;
    if (u.is_scheduled()) {  // a momentum of 0 leaves the buffer alone
      const Term none = momentum.apply("Equal", {momentum.like(0)});
      buffer = choose(none, buffer, moved);
      u.g = choose(none, u.g, way);
    } else {
      buffer = moved;
      u.g = way;
    }
  }
  u.p = u.p - u.narrow(u.step.rate) * u.g;
}

// SgdUpdate and SgdMomentumUpdate of sgd.h
inline void write_sgd(WrittenUpdate& u) {
  u.apply_rule();
  write_momentum(u);
}

// m += (1 - beta1)(g - m), as AdamMoments of adam.h. Gives beta1 in double.
inline Term write_first_moment(WrittenUpdate& u) {
  const double own = u.number("beta1");
  const Term beta1 = u.scheduled_or(own);
  Term& m = u.state("exp_avg");
  m = u.is_scheduled() ? lerp(m, u.g, u.narrow(1 - beta1)) : lerp(m, u.g, 1 - own);
  return beta1;
}

// v = beta v + (1 - beta) g^2
inline void write_mean_square(WrittenUpdate& u, Term& v, double beta) {
  v = v * beta + (1 - beta) * u.g * u.g;
}

// 1 - beta^t, in double
inline Term correction(const WrittenUpdate& u, Term beta) { return 1 - pow(beta, u.step.count); }

// AdamUpdate and AdamAmsgradUpdate of adam.h
inline void write_adam(WrittenUpdate& u) {
  u.apply_rule(u.number("decoupled") != 0);
  const double beta2 = u.number("beta2");
  const Term beta1 = write_first_moment(u);
  Term& v = u.state("exp_avg_sq");
  write_mean_square(u, v, beta2);
  const Term step_size = u.narrow(u.step.rate / correction(u, beta1));
  const Term inverse_root = u.narrow(1 / sqrt(correction(u, u.wide(beta2))));
  Term spread = v;
  if (u.has("max_exp_avg_sq")) {
    Term& largest = u.state("max_exp_avg_sq");
    largest = larger(largest, v);
    spread = u.number("amsgrad") != 0 ? largest : v;
  }
  u.p = u.p - step_size * u.state("exp_avg") / (sqrt(spread) * inverse_root + u.number("eps"));
}

// RmspropRule of rmsprop.h
inline void write_rmsprop(WrittenUpdate& u) {
  u.apply_rule();
  const double alpha = u.number("alpha");
  Term& s = u.state("square_avg");
  write_mean_square(u, s, alpha);
  Term spread = s;
  if (u.has("grad_avg")) {
    Term& a = u.state("grad_avg");
    a = lerp(a, u.g, 1 - alpha);
    spread = u.number("centered") != 0 ? s - a * a : s;
  }
  const Term average = sqrt(spread) + u.number("eps");
  const Term rate = u.narrow(u.step.rate);
  const Term plain = u.p - rate * u.g / average;
  const double own = u.number("momentum");
  if (!u.has("momentum_buffer") || (own == 0 && !u.is_scheduled())) {
    u.p = plain;
    return;
  }
  Term& buffer = u.state("momentum_buffer");
  const Term momentum = u.narrow(u.scheduled_or(own));
  const Term moved = buffer * momentum + u.g / average;
  const Term by_momentum = u.p - rate * moved;
  if (u.is_scheduled()) {
    const Term some = momentum > 0;
    buffer = choose(some, moved, buffer);
    u.p = choose(some, by_momentum, plain);
  } else {
    buffer = moved;
    u.p = by_momentum;
  }
}

// RadamUpdate of adam_variants.h
inline void write_radam(WrittenUpdate& u) {
  u.apply_rule(u.number("decoupled") != 0);
  const double beta2 = u.number("beta2"), rho_inf = 2 / (1 - beta2) - 1;
  const Term t = u.step.count;
  const Term power = pow(beta2, t), correction2 = 1 - power;
  const Term rho = rho_inf - 2 * t * power / correction2;
  const Term rectified = rho > 5;
  const Term rect = choose(
      rectified, sqrt((rho - 4) * (rho - 2) * rho_inf / (((rho_inf - 4) * (rho_inf - 2)) * rho)),
      u.wide(1));
  const Term beta1 = write_first_moment(u);
  Term& v = u.state("exp_avg_sq");
  write_mean_square(u, v, beta2);
  const Term plain = u.state("exp_avg") / u.narrow(correction(u, beta1)) * u.narrow(u.step.rate);
  const Term adapted =
      plain * (u.narrow(sqrt(correction2)) / (sqrt(v) + u.number("eps"))) * u.narrow(rect);
  u.p = u.p - choose(rectified, adapted, plain);
}

// NadamUpdate of adam_variants.h
inline void write_nadam(WrittenUpdate& u) {
  u.apply_rule(u.number("decoupled") != 0);
  const double beta2 = u.number("beta2"), decay = u.number("momentum_decay");
  const Term t = u.step.count;
  const Term beta1 = write_first_moment(u);
  const Term mu = beta1 * (1 - 0.5 * pow(0.96, t * decay));
  const Term next = beta1 * (1 - 0.5 * pow(0.96, (t + 1) * decay));
  const Term product = u.moved_memory(mu);
  Term& v = u.state("exp_avg_sq");
  write_mean_square(u, v, beta2);
  const Term under = sqrt(v / u.narrow(correction(u, u.wide(beta2)))) + u.number("eps");
  const Term of_gradient = u.narrow(-u.step.rate * (1 - mu) / (1 - product));
  const Term of_moment = u.narrow(-u.step.rate * next / (1 - product * next));
  u.p = u.p + of_gradient * u.g / under;
  u.p = u.p + of_moment * u.state("exp_avg") / under;
}

// AdamaxUpdate of adam_variants.h
inline void write_adamax(WrittenUpdate& u) {
  u.apply_rule();
  const Term beta1 = write_first_moment(u);
  Term& largest = u.state("exp_inf");
  largest = larger(largest * u.number("beta2"), abs(u.g) + u.number("eps"));
  u.p = u.p - u.narrow(u.step.rate / correction(u, beta1)) * u.state("exp_avg") / largest;
}

// AdagradUpdate of adaptive.h
inline void write_adagrad(WrittenUpdate& u) {
  u.apply_rule();
  const Term rate = u.narrow(u.step.rate / (1 + (u.step.count - 1) * u.number("lr_decay")));
  Term& sum = u.state("sum");
  sum = sum + u.g * u.g;
  u.p = u.p - rate * u.g / (sqrt(sum) + u.number("eps"));
}

// AdadeltaUpdate of adaptive.h
inline void write_adadelta(WrittenUpdate& u) {
  u.apply_rule();
  const double rho = u.number("rho"), eps = u.number("eps");
  Term& s = u.state("square_avg");
  Term& a = u.state("acc_delta");
  write_mean_square(u, s, rho);
  const Term delta = sqrt(a + eps) / sqrt(s + eps) * u.g;
  a = a * rho + (1 - rho) * delta * delta;
  u.p = u.p - u.narrow(u.step.rate) * delta;
}

// LionUpdate of adaptive.h
inline void write_lion(WrittenUpdate& u) {
  u.apply_rule(true);
  const double beta2 = u.number("beta2");
  const Term beta1 = u.scheduled_or(u.number("beta1"));
  Term& m = u.state("exp_avg");
  const Term mixed = m * u.narrow(beta1) + u.g * u.narrow(1 - beta1);
  u.p = u.p - u.narrow(u.step.rate) * mixed.apply("Sign");
  m = m * beta2 + (1 - beta2) * u.g;
}

// LambUpdate of trust_ratio.h
inline void write_lamb(WrittenUpdate& u) {
  u.scale_gradient();
  const double beta2 = u.number("beta2");
  const Term beta1 = u.scheduled_or(u.number("beta1"));
  Term& m = u.state("exp_avg");
  Term& v = u.state("exp_avg_sq");
  m = m * u.narrow(beta1) + u.narrow(1 - beta1) * u.g;
  write_mean_square(u, v, beta2);
  const Term under = sqrt(v / u.narrow(correction(u, u.wide(beta2)))) + u.number("eps");
  const Term direction =
      m / u.narrow(correction(u, beta1)) / under + u.number("weight_decay") * u.p;
  const Term of_p = sum_of_squares(u.p), of_r = sum_of_squares(direction);
  const Term both = (of_p > 0).apply("And", {of_r > 0});
  const Term factor = choose(both, u.step.rate * sqrt(of_p) / sqrt(of_r), u.step.rate);
  u.p = u.p - u.narrow(factor) * direction;
}

// LarsUpdate of trust_ratio.h
inline void write_lars(WrittenUpdate& u) {
  u.scale_gradient();
  const double decay = u.number("weight_decay");
  const Term p = sqrt(sum_of_squares(u.p)), g = sqrt(sum_of_squares(u.g));
  const Term both = (p > 0).apply("And", {g > 0});
  const Term local = choose(
      both, u.number("trust_coefficient") * p / (g + decay * p + u.number("eps")), u.wide(1));
  u.g = (u.g + decay * u.p) * u.narrow(local);
  write_momentum(u);
}

// AdafactorStep of adafactor.h
struct WrittenAdafactor {
  Term rest;      // of the new squares, in the parameter's type
  Term smallest;  // eps1

  explicit WrittenAdafactor(const WrittenUpdate& u)
      : rest(u.narrow(pow(u.step.count, u.wide(u.number("beta2_decay"))))) {
    const double eps1 = u.number("eps1");
    const double epsilon = u.p.type() == DType::kFloat64
                               ? std::numeric_limits<double>::epsilon()
                               : static_cast<double>(std::numeric_limits<float>::epsilon());
    smallest = u.p.like(eps1 < 0 ? epsilon : eps1);
  }
  // The step itself, by the gradient and its mean square.
  void move(WrittenUpdate& u, Term v) const {
    const Term direction = u.g / sqrt(larger(v, smallest * smallest));
    const auto count = static_cast<double>(u.p.shape().element_count());
    const Term of_p = sqrt(sum_of_squares(u.p) / count);
    const Term of_u = sqrt(sum_of_squares(direction) / count);
    const Term rate = smaller(u.step.rate, 1 / sqrt(u.step.count));
    const Term alpha = larger(of_p, u.number("eps2")) * rate;
    const Term factor = u.narrow(alpha / larger(of_u / u.number("d"), 1));
    u.p = u.p * u.shrink() - factor * direction;
  }
};

// AdafactorVectorUpdate of adafactor.h
inline void write_adafactor_vector(WrittenUpdate& u) {
  u.scale_gradient();
  const WrittenAdafactor step(u);
  Term& v = u.state("variance");
  v = lerp(v, u.g * u.g, step.rest);
  step.move(u, v);
}

}  // namespace temper::graph
