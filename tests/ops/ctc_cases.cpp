// Cases of CtcLoss: its definition, the sum over every alignment, one by one.
#include <cmath>
#include <limits>

#include "tests/ops/closed_form.h"
#include "tests/ops/families.h"

namespace temper::op_suite {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// An alignment without its repetitions and blanks.
std::vector<std::int64_t> collapsed(const std::vector<std::int64_t>& path, std::int64_t blank) {
  std::vector<std::int64_t> labels;
  for (std::size_t t = 0; t < path.size(); ++t) {
    if (path[t] != blank && (t == 0 || path[t] != path[t - 1])) {
      labels.push_back(path[t]);
    }
  }
  return labels;
}

struct Summed {
  double loss = 0;
  std::vector<double> gradient;  // [T, C]
};

struct SampleOf {
  const HostTensor& scores;  // [N, T, C]
  std::int64_t n, frames;
  std::vector<std::int64_t> labels;
};

std::vector<double> probabilities(const SampleOf& sample) {
  const std::int64_t classes = sample.scores.shape[2];
  std::vector<double> made;
  for (std::int64_t t = 0; t < sample.frames; ++t) {
    double sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) {
      sum += std::exp(at(sample.scores, {sample.n, t, c}));
    }
    for (std::int64_t c = 0; c < classes; ++c) {
      made.push_back(std::exp(at(sample.scores, {sample.n, t, c})) / sum);
    }
  }
  return made;
}

Summed sum_of_alignments(const SampleOf& sample, std::int64_t blank, bool zero_infinity) {
  const auto frames = static_cast<std::size_t>(sample.frames);
  const auto classes = static_cast<std::size_t>(sample.scores.shape[2]);
  const std::vector<double> p = probabilities(sample);
  std::vector<double> emitted(frames * classes, 0.0);
  double total = 0;
  std::vector<std::int64_t> path(frames, 0);
  for (bool more = true; more;) {
    double probability = 1;
    for (std::size_t t = 0; t < frames; ++t) {
      probability *= p[t * classes + static_cast<std::size_t>(path[t])];
    }
    if (collapsed(path, blank) == sample.labels) {
      total += probability;
      for (std::size_t t = 0; t < frames; ++t) {
        emitted[t * classes + static_cast<std::size_t>(path[t])] += probability;
      }
    }
    std::size_t t = 0;
    while (t < frames && ++path[t] == static_cast<std::int64_t>(classes)) {
      path[t++] = 0;
    }
    more = t < frames;
  }
  Summed made;
  const bool impossible = total == 0;
  made.loss = impossible && zero_infinity ? 0 : -std::log(total);
  for (std::size_t i = 0; i < emitted.size(); ++i) {
    made.gradient.push_back(impossible ? (zero_infinity ? 0 : kNaN) : p[i] - emitted[i] / total);
  }
  made.gradient.resize(static_cast<std::size_t>(sample.scores.shape[1]) * classes, 0.0);
  return made;
}

std::vector<Summed> definition(const std::vector<HostTensor>& in, const Attrs& attrs) {
  const HostTensor& scores = in[0];
  const HostTensor& target = in[1];
  std::vector<Summed> made;
  for (std::int64_t n = 0; n < scores.shape[0]; ++n) {
    const bool given = in.size() > 2 && !in[2].values.empty();
    SampleOf sample{scores, n, scores.shape[1], {}};
    sample.frames = given ? static_cast<std::int64_t>(in[2][n]) : sample.frames;
    for (std::int64_t i = 0; i < target.shape[1] && at(target, {n, i}) >= 0; ++i) {
      sample.labels.push_back(static_cast<std::int64_t>(at(target, {n, i})));
    }
    made.push_back(sum_of_alignments(sample, attrs.get_int("blank", 0),
                                     attrs.get_int("zero_infinity", 0) != 0));
  }
  return made;
}

void add_both(std::vector<OpCase>& cases, const OpCase& loss) {
  const Attrs attrs = loss.attrs;
  OpCase forward = loss;
  forward.expected = [attrs](const std::vector<HostTensor>& in) {
    const std::vector<Summed> made = definition(in, attrs);
    return std::vector{generate(Shape{in[0].shape[0]}, [&](const auto& index) {
      return made[static_cast<std::size_t>(index[0])].loss;
    })};
  };
  cases.push_back(forward);
  OpCase gradient = loss;
  gradient.op = "CtcLossGrad";
  gradient.differentiate.clear();
  if (gradient.inputs.size() < 3) {
    gradient.inputs.push_back(missing());
  }
  gradient.inputs.push_back(random(Shape{loss.inputs[0].shape[0]}));
  gradient.expected = [attrs](const std::vector<HostTensor>& in) {
    const std::vector<Summed> made = definition(in, attrs);
    return std::vector{generate(in[0].shape, [&](const auto& index) {
      const auto place = static_cast<std::size_t>(index[1] * in[0].shape[2] + index[2]);
      return in[3][index[0]] * made[static_cast<std::size_t>(index[0])].gradient[place];
    })};
  };
  cases.push_back(gradient);
}

}  // namespace

std::vector<OpCase> ctc_cases() {
  std::vector<OpCase> cases;
  const auto labels = [](const Shape& shape, std::vector<double> numbers) {
    return values(shape, std::move(numbers)).of(DType::kInt64);
  };
  // a repetition, a repeated label, one label, none
  const OpInput ragged = labels({4, 3}, {1, 2, 1, 2, 2, -1, 1, -1, -1, -100, -1, -7});
  add_both(cases, {.op = "CtcLoss", .inputs = {random({4, 5, 3}), ragged}, .differentiate = {0}});
  add_both(cases, {.op = "CtcLoss",
                   .inputs = {random({4, 5, 3}), ragged, labels({4}, {5, 3, 1, 2})},
                   .differentiate = {0},
                   .label = "lengths"});
  add_both(cases, {.op = "CtcLoss",
                   .attrs = {{"blank", std::int64_t{2}}},
                   .inputs = {random({2, 4, 3}), labels({2, 2}, {0, 0, 1, 0})},
                   .differentiate = {0},
                   .label = "blank_last"});
  // two equal labels need three frames
  const OpInput too_long = labels({2, 2}, {1, 1, 2, 1});
  add_both(cases,
           {.op = "CtcLoss", .inputs = {random({2, 2, 3}), too_long}, .label = "impossible"});
  add_both(cases, {.op = "CtcLoss",
                   .attrs = {{"zero_infinity", std::int64_t{1}}},
                   .inputs = {random({2, 2, 3}), too_long},
                   .differentiate = {0},
                   .label = "zero_infinity"});
  add_both(cases, {.op = "CtcLoss",
                   .attrs = {{"zero_infinity", std::int64_t{1}}},
                   .inputs = {random({2, 2, 3}), labels({2, 1}, {-1, 1}), labels({2}, {0, 0})},
                   .differentiate = {0},
                   .label = "no_frames"});
  OpCase narrow{.op = "CtcLoss",
                .inputs = {random({2, 4, 3}), values({2, 2}, {1, 2, 2, -1}).of(DType::kInt32)},
                .label = "i32_labels"};
  add_both(cases, narrow);
  OpCase bad{.op = "CtcLoss",
             .inputs = {random({4, 4, 3}), labels({4, 2}, {1, 3, 0, 1, -1, 1, 1, 2})},
             .label = "bad_labels"};
  bad.expected = [](const std::vector<HostTensor>& in) {
    const SampleOf good{in[0], 3, 4, {1, 2}};
    return std::vector{HostTensor{{4}, {kNaN, kNaN, kNaN, sum_of_alignments(good, 0, false).loss}}};
  };
  cases.push_back(bad);
  // Long enough for several threads, too long for the definition.
  constexpr std::int64_t kBatch = 9, kLabels = 20;
  std::vector<double> numbers;
  for (std::int64_t i = 0; i < kBatch * kLabels; ++i) {
    const bool is_label = i % kLabels < kLabels - i / kLabels;
    numbers.push_back(is_label ? static_cast<double>(1 + i * i % 7) : -1);
  }
  const OpInput many = labels({kBatch, kLabels}, numbers);
  cases.push_back({.op = "CtcLoss", .inputs = {random({kBatch, 200, 8}), many}, .label = "long"});
  cases.push_back({.op = "CtcLossGrad",
                   .inputs = {random({kBatch, 200, 8}), many, missing(), random({kBatch})},
                   .label = "long"});
  return cases;
}

}  // namespace temper::op_suite
