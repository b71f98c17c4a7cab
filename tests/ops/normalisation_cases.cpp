// Cases of the normalisations without running statistics: LayerNormalization, RMSNormalization,
// RowNorm, GroupNormalization, InstanceNormalization, MeanVarianceNormalization,
// LpNormalization, LRN.
#include <algorithm>
#include <cmath>
#include <map>

#include "runtime/base/concat.h"
#include "tests/ops/closed_form.h"
#include "tests/ops/reduction_cases.h"

namespace temper::op_suite {
namespace {

constexpr double kEpsilon = 1e-3;
using Index = std::vector<std::int64_t>;
// Which group of elements, normalised together, an element belongs to.
using Group = std::function<Index(const Index&)>;

struct Statistics {
  double count = 0, mean = 0, variance = 0, mean_square = 0;
};

std::map<Index, Statistics> statistics(const HostTensor& x, const Group& group) {
  std::map<Index, Statistics> found;
  const auto each = [&](const auto& f) {
    for (std::int64_t i = 0; i < x.count(); ++i) {
      f(found[group(coordinates(x.shape, i))], x[i]);
    }
  };
  each([](Statistics& s, double) { ++s.count; });
  each([](Statistics& s, double v) { s.mean += v / s.count; });
  each([](Statistics& s, double v) {
    s.variance += (v - s.mean) * (v - s.mean) / s.count;
    s.mean_square += v * v / s.count;
  });
  return found;
}

// One number per group, in the groups' order.
HostTensor per_group(const std::map<Index, Statistics>& found, const Shape& shape,
                     double (*number)(const Statistics&)) {
  HostTensor out{shape, {}};
  for (const auto& [group, s] : found) {
    out.values.push_back(number(s));
  }
  return out;
}

Group by_first_axes(std::int64_t axes) {
  return [axes](const Index& i) { return Index(i.begin(), i.begin() + axes); };
}

ClosedForm layer_norm(std::int64_t axis) {
  return [axis](const std::vector<HostTensor>& in) {
    const auto found = statistics(in[0], by_first_axes(axis));
    const HostTensor y = generate(in[0].shape, [&](const Index& i) {
      const Statistics& s = found.at(by_first_axes(axis)(i));
      const double bias = in.size() > 2 ? at(in[2], i) : 0;
      return (at(in[0], i) - s.mean) / std::sqrt(s.variance + kEpsilon) * at(in[1], i) + bias;
    });
    Shape kept = in[0].shape;
    for (int a = static_cast<int>(axis); a < kept.rank(); ++a) {
      kept[a] = 1;
    }
    const HostTensor mean = per_group(found, kept, [](const Statistics& s) { return s.mean; });
    const HostTensor inverse = per_group(
        found, kept, [](const Statistics& s) { return 1 / std::sqrt(s.variance + kEpsilon); });
    return std::vector{y, mean, inverse};
  };
}

// The first output only.
ClosedForm first_of(ClosedForm form) {
  return [form = std::move(form)](const std::vector<HostTensor>& in) {
    return std::vector{form(in).front()};
  };
}

Shape from_axis(const Shape& x, std::int64_t axis) {
  Shape shape;
  for (int a = static_cast<int>(axis); a < x.rank(); ++a) {
    shape.push_back(x[a]);
  }
  return shape;
}

void add_layer_norm(std::vector<OpCase>& cases) {
  const std::vector<std::pair<Shape, std::int64_t>> rows = {
      {{2, 3, 4}, 0}, {{2, 3, 4}, 1}, {{2, 3, 4}, 2}, {{5}, 0}, {{0, 4}, 1}, {{3, 2, 2, 5}, 3}};
  for (const auto& [x, axis] : rows) {
    const Shape scale = from_axis(x, axis);
    const Attrs attrs{{"axis", axis}, {"epsilon", kEpsilon}};
    cases.push_back({.op = "LayerNormalization",
                     .attrs = attrs,
                     .inputs = {random(x), random(scale), random(scale)},
                     .differentiate = {0, 1, 2},
                     .expected = first_of(layer_norm(axis))});
    cases.push_back({.op = "LayerNormalization",
                     .attrs = attrs,
                     .inputs = {random(x), random(scale)},
                     .outputs = 3,
                     .expected = layer_norm(axis),
                     .label = "statistics"});
  }
  // Statistics in double, so that their gradient can be seen.
  cases.push_back({.op = "LayerNormalization",
                   .attrs = {{"epsilon", kEpsilon}, {"stash_type", std::int64_t{11}}},
                   .inputs = {random({2, 3, 4}), random({4}), random({1})},
                   .outputs = 3,
                   .differentiate = {0, 1, 2},
                   .expected = layer_norm(2),
                   .dtypes = {DType::kFloat64},
                   .label = "double"});
  cases.push_back({.op = "LayerNormalization",
                   .attrs = {{"axis", std::int64_t{-2}}, {"epsilon", kEpsilon}},
                   .inputs = {random({2, 3, 4}), random({3, 1}), random({})},
                   .differentiate = {0, 1, 2},
                   .expected = first_of(layer_norm(1)),
                   .label = "broadcast"});
}

ClosedForm rms_norm(std::int64_t axis) {
  return [axis](const std::vector<HostTensor>& in) {
    const auto found = statistics(in[0], by_first_axes(axis));
    return std::vector{generate(in[0].shape, [&](const Index& i) {
      const Statistics& s = found.at(by_first_axes(axis)(i));
      return at(in[0], i) / std::sqrt(s.mean_square + kEpsilon) * at(in[1], i);
    })};
  };
}

// Rows longer and shorter than the vector loops' stretches, with what may be left out.
void add_row_norm(std::vector<OpCase>& cases) {
  const std::vector<std::pair<Shape, std::int64_t>> rows = {
      {{2, 3, 4}, 1}, {{3, 37}, 1}, {{2, 600}, 1}, {{70, 5}, 1}, {{0, 4}, 1}, {{6}, 0}};
  for (const auto& [x, axis] : rows) {
    const Attrs attrs{{"axis", axis}, {"epsilon", kEpsilon}};
    const OpInput part = random(from_axis(x, axis));
    const bool small = x.element_count() < 500;
    const std::vector<int> all = small ? std::vector{0, 1, 2} : std::vector<int>{};
    cases.push_back({.op = "RowNorm",
                     .attrs = attrs,
                     .inputs = {random(x), part, part},
                     .differentiate = all,
                     .expected = first_of(layer_norm(axis))});
    cases.push_back({.op = "RowNorm",
                     .attrs = attrs,
                     .inputs = {random(x), part, part},
                     .outputs = 3,
                     .differentiate = all,
                     .expected =
                         [axis](const std::vector<HostTensor>& in) {
                           return layer_norm(axis)({in[0], in[1], in[2]});
                         },
                     .dtypes = {DType::kFloat64},
                     .label = "statistics"});
    cases.push_back({.op = "RowNorm",
                     .attrs = attrs,
                     .inputs = {random(x), part},
                     .outputs = 3,
                     .expected = layer_norm(axis),
                     .label = "no_bias"});
    Attrs rms = attrs;
    rms.set("centred", std::int64_t{0});
    cases.push_back({.op = "RowNorm",
                     .attrs = rms,
                     .inputs = {random(x), part},
                     .differentiate = small ? std::vector{0, 1} : std::vector<int>{},
                     .expected = rms_norm(axis),
                     .label = "rms"});
    cases.push_back({.op = "RowNorm",
                     .attrs = rms,
                     .inputs = {random(x)},
                     .differentiate = small ? std::vector{0} : std::vector<int>{},
                     .label = "no_scale"});
    for (const Attrs& form : {attrs, rms}) {
      cases.push_back({.op = "RowNormGrad",
                       .attrs = form,
                       .inputs = {random(x), part, part, random(x)},
                       .outputs = 3});
      Shape kept = x;
      for (int i = static_cast<int>(axis); i < x.rank(); ++i) {
        kept[i] = 1;
      }
      cases.push_back({.op = "RowNormGrad",
                       .attrs = form,
                       .inputs = {random(x), part, missing(), random(x), random(kept, -20, 20),
                                  random(kept, -20, 20)},
                       .outputs = 2,
                       .dtypes = {DType::kFloat32},
                       .label = "statistics"});
      cases.push_back({.op = "RowNormGrad",
                       .attrs = form,
                       .inputs = {random(x), missing(), missing(), random(x)},
                       .label = "no_scale"});
    }
  }
}

void add_rms_norm(std::vector<OpCase>& cases) {
  const std::vector<std::pair<Shape, std::int64_t>> rows = {
      {{2, 3, 4}, 0}, {{2, 3, 4}, 1}, {{2, 3, 4}, 2}, {{5}, 0}, {{0, 4}, 1}};
  for (const auto& [x, axis] : rows) {
    cases.push_back({.op = "RMSNormalization",
                     .attrs = {{"axis", axis - x.rank()}, {"epsilon", kEpsilon}},
                     .inputs = {random(x), random(from_axis(x, axis))},
                     .differentiate = {0, 1},
                     .expected = rms_norm(axis)});
  }
  cases.push_back({.op = "RMSNormalization",
                   .attrs = {{"epsilon", kEpsilon}},
                   .inputs = {random({2, 3}), random({3}).of(DType::kFloat64)},
                   .expected = rms_norm(1),
                   .dtypes = {DType::kFloat32},
                   .label = "type_of_scale"});
}

// Groups of `size` channels of each sample; scale and bias of channel c stand at of(c).
ClosedForm group_norm(std::int64_t size, std::int64_t channels_per_scale) {
  return [=](const std::vector<HostTensor>& in) {
    const Group group = [size](const Index& i) { return Index{i[0], i[1] / size}; };
    const auto found = statistics(in[0], group);
    return std::vector{generate(in[0].shape, [&](const Index& i) {
      const Statistics& s = found.at(group(i));
      const std::int64_t at_scale = i[1] / channels_per_scale;
      return (at(in[0], i) - s.mean) / std::sqrt(s.variance + kEpsilon) * in[1][at_scale] +
             in[2][at_scale];
    })};
  };
}

void add_group_norm(std::vector<OpCase>& cases) {
  for (const Shape& x : {Shape{2, 4, 3}, Shape{2, 4}, Shape{1, 4, 2, 3}, Shape{0, 4, 2}}) {
    for (const std::int64_t groups : {1, 2, 4}) {
      if (groups == 4 && x.rank() == 2) {
        continue;  // one number per group: always 0
      }
      for (const bool per_group : {false, true}) {
        const Shape scale{per_group ? groups : 4};
        cases.push_back({.op = "GroupNormalization",
                         .attrs = {{"num_groups", groups},
                                   {"epsilon", kEpsilon},
                                   {"scale_per_group", std::int64_t{per_group}}},
                         .inputs = {random(x), random(scale), random(scale)},
                         .differentiate = {0, 1, 2},
                         .expected = group_norm(4 / groups, per_group ? 4 / groups : 1)});
      }
    }
  }
  for (const Shape& x : {Shape{2, 3, 4}, Shape{2, 2, 2, 3}, Shape{1, 2, 2, 2, 2}}) {
    const Shape scale{x[1]};
    cases.push_back({.op = "InstanceNormalization",
                     .attrs = {{"epsilon", kEpsilon}},
                     .inputs = {random(x), random(scale), random(scale)},
                     .differentiate = {0, 1, 2},
                     .expected = group_norm(1, 1)});
  }
}

ClosedForm mean_variance(const std::vector<int>& kept) {
  return [kept](const std::vector<HostTensor>& in) {
    const Group group = [&](const Index& i) {
      Index key;
      for (const int axis : kept) {
        key.push_back(i[static_cast<std::size_t>(axis)]);
      }
      return key;
    };
    const auto found = statistics(in[0], group);
    return std::vector{generate(in[0].shape, [&](const Index& i) {
      const Statistics& s = found.at(group(i));
      return (at(in[0], i) - s.mean) / (std::sqrt(s.variance) + 1e-9);
    })};
  };
}

void add_mean_variance(std::vector<OpCase>& cases) {
  cases.push_back({.op = "MeanVarianceNormalization",
                   .inputs = {random({2, 3, 2, 2})},
                   .differentiate = {0},
                   .expected = mean_variance({1}),
                   .label = "default_axes"});
  cases.push_back({.op = "MeanVarianceNormalization",
                   .attrs = {{"axes", std::vector<std::int64_t>{-1}}},
                   .inputs = {random({3, 5})},
                   .differentiate = {0},
                   .expected = mean_variance({0})});
}

ClosedForm lp_norm(int axis, int p) {
  return [=](const std::vector<HostTensor>& in) {
    return std::vector{generate(in[0].shape, [&](const Index& i) {
      double sum = 0;
      Index other = i;
      for (std::int64_t k = 0; k < in[0].shape[axis]; ++k) {
        other[static_cast<std::size_t>(axis)] = k;
        sum += std::pow(std::abs(at(in[0], other)), p);
      }
      return sum == 0 ? 0 : at(in[0], i) / std::pow(sum, 1.0 / p);
    })};
  };
}

void add_lp_norm(std::vector<OpCase>& cases) {
  for (const int p : {1, 2}) {
    for (const std::int64_t axis : {0, 1, 2}) {
      cases.push_back({.op = "LpNormalization",
                       .attrs = {{"axis", axis - 3}, {"p", std::int64_t{p}}},
                       .inputs = {random({2, 3, 4}).away_from({0})},
                       .differentiate = {0},
                       .expected = lp_norm(static_cast<int>(axis), p)});
    }
    cases.push_back({.op = "LpNormalization",
                     .attrs = {{"p", std::int64_t{p}}},
                     .inputs = {values({2, 2}, {0, 0, 3, -4})},
                     .expected = lp_norm(1, p),
                     .label = "zero"});
  }
}

ClosedForm lrn(std::int64_t size) {
  return [size](const std::vector<HostTensor>& in) {
    const HostTensor& x = in[0];
    return std::vector{generate(x.shape, [&](const Index& i) {
      double sum = 0;
      Index other = i;
      const std::int64_t first = std::max<std::int64_t>(0, i[1] - (size - 1) / 2);
      const std::int64_t last = std::min(x.shape[1] - 1, i[1] + size / 2);
      for (other[1] = first; other[1] <= last; ++other[1]) {
        sum += at(x, other) * at(x, other);
      }
      return at(x, i) / std::pow(2 + 0.3 / static_cast<double>(size) * sum, 0.6);
    })};
  };
}

void add_lrn(std::vector<OpCase>& cases) {
  for (const Shape& x : {Shape{2, 5, 3, 2}, Shape{2, 4}, Shape{1, 3, 2}, Shape{0, 3, 2}}) {
    for (const std::int64_t size : {1, 2, 3, 7}) {
      cases.push_back({.op = "LRN",
                       .attrs = {{"size", size}, {"alpha", 0.3}, {"beta", 0.6}, {"bias", 2.0}},
                       .inputs = {random(x)},
                       .differentiate = {0},
                       .expected = lrn(size),
                       .label = concat("size", size)});
    }
  }
}

}  // namespace

void add_normalisation_cases(std::vector<OpCase>& cases) {
  add_layer_norm(cases);
  add_rms_norm(cases);
  add_row_norm(cases);
  add_group_norm(cases);
  add_mean_variance(cases);
  add_lp_norm(cases);
  add_lrn(cases);
}

}  // namespace temper::op_suite
