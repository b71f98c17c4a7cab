// The ctc loss and its gradient: the forward and backward recursions over the states blank, label
// 1, blank, label 2, ..., blank, in logarithms and in double. A sample takes T (S + C) operations.
// Shared by the backends that run on the host: Host gives threads() and run(), over samples.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>

#include "runtime/backend/kernel.h"
#include "runtime/base/dtype_visit.h"

namespace temper::ctc {

inline constexpr double kNever = -std::numeric_limits<double>::infinity();  // log 0
inline constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

struct CtcPlan {
  std::int64_t batch = 0, frames = 0, classes = 0;  // scores [batch, frames, classes]
  std::int64_t labels = 0;                          // of a sample, at most
  std::int64_t blank = 0;
  bool zero_infinity = false;

  std::int64_t states() const { return 2 * labels + 1; }
};

inline CtcPlan plan_ctc(const Attrs& attrs, const Shape& scores, const Shape& labels) {
  return {scores[0],
          scores[1],
          scores[2],
          labels[1],
          attrs.get_int("blank", 0),
          attrs.get_int("zero_infinity", 0) != 0};
}

inline double log_add(double a, double b) {
  if (a < b) {
    std::swap(a, b);
  }
  return b == kNever ? a : a + std::log1p(std::exp(b - a));
}

// One sample: its scores, its labels up to the first below 0, and its frames.
template <class T, class L>
class Sample {
 public:
  Sample(const CtcPlan& plan, const T* scores, const L* labels, const L* lengths, std::int64_t n)
      : plan_(plan),
        scores_(scores + n * plan.frames * plan.classes),
        labels_(labels + n * plan.labels),
        frames_(lengths == nullptr ? plan.frames : static_cast<std::int64_t>(lengths[n])) {
    const L* end = labels_ + plan.labels;
    const L* padding = std::find_if(labels_, end, [](L label) { return label < 0; });
    count_ = padding - labels_;
    const bool fit = std::all_of(labels_, padding, [&](L label) {
      return label < plan.classes && static_cast<std::int64_t>(label) != plan.blank;
    });
    is_valid_ = fit && frames_ >= 0 && frames_ <= plan.frames &&
                std::all_of(padding, end, [](L label) { return label < 0; });
  }

  // False: a label that is no class, the blank or behind the padding, or a length out of range.
  bool is_valid() const { return is_valid_; }
  std::int64_t frames() const { return frames_; }
  std::int64_t states() const { return 2 * count_ + 1; }
  std::int64_t class_of(std::int64_t state) const {
    return state % 2 == 0 ? plan_.blank : static_cast<std::int64_t>(labels_[state / 2]);
  }
  // Whether an alignment may come to this state from two before it: between equal labels there
  // must be a blank.
  bool may_skip(std::int64_t state) const {
    return state % 2 == 1 && state >= 3 && labels_[state / 2] != labels_[state / 2 - 1];
  }

  double score(std::int64_t t, std::int64_t c) const {
    return static_cast<double>(scores_[t * plan_.classes + c]);
  }
  // log sum_c exp(score)
  double log_sum(std::int64_t t) const {
    double largest = kNever;
    for (std::int64_t c = 0; c < plan_.classes; ++c) {
      largest = std::max(largest, score(t, c));
    }
    double sum = 0;
    for (std::int64_t c = 0; c < plan_.classes; ++c) {
      sum += std::exp(score(t, c) - largest);
    }
    return largest + std::log(sum);
  }

  // The states' probabilities in frame t from those in the frame before (null: t is the first).
  void advance(std::int64_t t, double log_sum, const double* before, double* now) const {
    for (std::int64_t s = 0; s < states(); ++s) {
      double reached = kNever;
      if (before == nullptr) {
        reached = s < 2 ? 0 : kNever;
      } else {
        reached = before[s];
        reached = s >= 1 ? log_add(reached, before[s - 1]) : reached;
        reached = may_skip(s) ? log_add(reached, before[s - 2]) : reached;
      }
      now[s] = reached + score(t, class_of(s)) - log_sum;
    }
  }

  // The probability of an end in the last label or the blank behind it; before the first frame
  // only no labels at all are an end.
  double ended(const double* last) const {
    if (frames_ == 0) {
      return count_ == 0 ? 0 : kNever;
    }
    return count_ == 0 ? last[0] : log_add(last[states() - 1], last[states() - 2]);
  }

 private:
  const CtcPlan& plan_;
  const T* scores_;
  const L* labels_;
  std::int64_t frames_;
  std::int64_t count_ = 0;
  bool is_valid_ = false;
};

// rows: two of plan.states()
template <class T, class L>
double sample_loss(const CtcPlan& plan, const Sample<T, L>& sample, double* rows) {
  if (!sample.is_valid()) {
    return kNotANumber;
  }
  const double* before = nullptr;
  for (std::int64_t t = 0; t < sample.frames(); ++t) {
    double* now = rows + t % 2 * plan.states();
    sample.advance(t, sample.log_sum(t), before, now);
    before = now;
  }
  const double loss = -sample.ended(before);
  return plan.zero_infinity && loss == -kNever ? 0 : loss;
}

// Doubles of a sample's gradient: log sums, a row of states for every frame, two more, shares.
struct GradWorkspace {
  double* log_sums;
  double* forward;
  double* backward;
  double* shares;

  GradWorkspace(const CtcPlan& plan, void* memory)
      : log_sums(static_cast<double*>(memory)),
        forward(log_sums + plan.frames),
        backward(forward + plan.frames * plan.states()),
        shares(backward + 2 * plan.states()) {}
  static std::size_t bytes(const CtcPlan& plan) {
    return static_cast<std::size_t>(plan.frames * (1 + plan.states()) + 2 * plan.states() +
                                    plan.classes) *
           sizeof(double);
  }
};

// The probability of what follows each state of frame t, from that in the frame behind it.
template <class T, class L>
void retreat(const Sample<T, L>& sample, std::int64_t t, double log_sum, const double* behind,
             double* now) {
  const std::int64_t states = sample.states();
  const auto through = [&](std::int64_t s) {
    return behind[s] + sample.score(t + 1, sample.class_of(s)) - log_sum;
  };
  for (std::int64_t s = 0; s < states; ++s) {
    double left = through(s);
    left = s + 1 < states ? log_add(left, through(s + 1)) : left;
    left = s + 2 < states && sample.may_skip(s + 2) ? log_add(left, through(s + 2)) : left;
    now[s] = left;
  }
}

template <class T, class L>
void sample_gradient(const CtcPlan& plan, const Sample<T, L>& sample, double dloss,
                     const GradWorkspace& work, T* dscores) {
  const std::int64_t all = plan.frames * plan.classes;
  if (!sample.is_valid()) {
    std::fill(dscores, dscores + all, static_cast<T>(kNotANumber));
    return;
  }
  std::fill(dscores, dscores + all, T(0));
  const double* before = nullptr;
  for (std::int64_t t = 0; t < sample.frames(); ++t) {
    double* now = work.forward + t * plan.states();
    work.log_sums[t] = sample.log_sum(t);
    sample.advance(t, work.log_sums[t], before, now);
    before = now;
  }
  const double total = sample.ended(before);
  if (total == kNever) {  // no alignment
    const double value = plan.zero_infinity ? 0 : kNotANumber;
    std::fill(dscores, dscores + sample.frames() * plan.classes, static_cast<T>(value));
    return;
  }
  const std::int64_t states = sample.states();
  const double* behind = nullptr;
  for (std::int64_t t = sample.frames() - 1; t >= 0; --t) {
    double* now = work.backward + t % 2 * plan.states();
    if (behind == nullptr) {
      std::fill(now, now + states, kNever);
      std::fill(now + std::max<std::int64_t>(states - 2, 0), now + states, 0.0);
    } else {
      retreat(sample, t, work.log_sums[t + 1], behind, now);
    }
    std::fill(work.shares, work.shares + plan.classes, 0.0);
    for (std::int64_t s = 0; s < states; ++s) {
      work.shares[sample.class_of(s)] +=
          std::exp(work.forward[t * plan.states() + s] + now[s] - total);
    }
    for (std::int64_t c = 0; c < plan.classes; ++c) {
      const double probability = std::exp(sample.score(t, c) - work.log_sums[t]);
      dscores[t * plan.classes + c] = static_cast<T>(dloss * (probability - work.shares[c]));
    }
    behind = now;
  }
}

// Calls f<T, L>() for the float type and the label type.
template <class F>
std::unique_ptr<Kernel> visit_types(DType type, DType labels, F f) {
  return visit_float(type, [&]<class T>() -> std::unique_ptr<Kernel> {
    return labels == DType::kInt32 ? f.template operator()<T, std::int32_t>()
                                   : f.template operator()<T, std::int64_t>();
  });
}

inline double operations(const CtcPlan& plan) {
  constexpr double kPerLogarithm = 50;
  return kPerLogarithm * static_cast<double>(plan.batch) * static_cast<double>(plan.frames) *
         static_cast<double>(plan.states() + plan.classes);
}

inline bool has_lengths(const OpQuery& query, std::size_t i) {
  return i < query.inputs.size() && query.inputs[i].present();
}

template <class Host>
std::unique_ptr<Kernel> prepare_loss(const OpQuery& query) {
  const CtcPlan plan = plan_ctc(*query.attrs, query.inputs[0].shape, query.inputs[1].shape);
  const bool given = has_lengths(query, 2);
  const int threads = Host::threads(query.threads, operations(plan));
  const auto each = static_cast<std::size_t>(2 * plan.states());
  return visit_types(
      query.inputs[0].dtype, query.inputs[1].dtype,
      [&]<class T, class L>() -> std::unique_ptr<Kernel> {
        auto kernel = make_kernel([=](const KernelArgs& args) {
          Host::run(threads, plan.batch, [&](std::int64_t n, int thread) {
            const Sample<T, L> sample(plan, static_cast<const T*>(args.inputs[0]),
                                      static_cast<const L*>(args.inputs[1]),
                                      given ? static_cast<const L*>(args.inputs[2]) : nullptr, n);
            double* rows =
                static_cast<double*>(args.workspace) + static_cast<std::size_t>(thread) * each;
            static_cast<T*>(args.outputs[0])[n] = static_cast<T>(sample_loss(plan, sample, rows));
          });
        });
        kernel->workspace_bytes = static_cast<std::size_t>(threads) * each * sizeof(double);
        return kernel;
      });
}

template <class Host>
std::unique_ptr<Kernel> prepare_gradient(const OpQuery& query) {
  const CtcPlan plan = plan_ctc(*query.attrs, query.inputs[0].shape, query.inputs[1].shape);
  const bool given = has_lengths(query, 2);
  const int threads = Host::threads(query.threads, operations(plan));
  const std::size_t each = GradWorkspace::bytes(plan);
  return visit_types(
      query.inputs[0].dtype, query.inputs[1].dtype,
      [&]<class T, class L>() -> std::unique_ptr<Kernel> {
        auto kernel = make_kernel([=](const KernelArgs& args) {
          Host::run(threads, plan.batch, [&](std::int64_t n, int thread) {
            const Sample<T, L> sample(plan, static_cast<const T*>(args.inputs[0]),
                                      static_cast<const L*>(args.inputs[1]),
                                      given ? static_cast<const L*>(args.inputs[2]) : nullptr, n);
            const GradWorkspace work(plan, static_cast<std::byte*>(args.workspace) +
                                               static_cast<std::size_t>(thread) * each);
            sample_gradient(plan, sample,
                            static_cast<double>(static_cast<const T*>(args.inputs[3])[n]), work,
                            static_cast<T*>(args.outputs[0]) + n * plan.frames * plan.classes);
          });
        });
        kernel->workspace_bytes = static_cast<std::size_t>(threads) * each;
        return kernel;
      });
}

}  // namespace temper::ctc
