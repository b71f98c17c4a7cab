// Op cases: random numbers, windows and Fourier transforms.
#include "tests/ops/signal_cases.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "backends/common/philox.h"
#include "tests/ops/shape_case.h"

namespace temper::op_suite {
namespace {

using Complex = std::complex<double>;

const std::vector<DType> kFloat = {DType::kFloat32};

double uniform_number(std::uint64_t seed, std::uint64_t id, std::uint64_t i) {
  return philox_uniform(PhiloxStream(seed, id).word(i));
}

double normal_number(std::uint64_t seed, std::uint64_t id, std::uint64_t i) {
  const PhiloxStream stream(seed, id);
  const double u = (stream.word(2 * i) + 1.0) / 4294967296.0;
  const double v = stream.word(2 * i + 1) / 4294967296.0;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

// y[i] = f(i), counted from element `first` of the stream
ClosedForm drawn(const Shape& shape, std::uint64_t first, std::function<double(std::uint64_t)> f) {
  return [=](const std::vector<HostTensor>&) {
    HostTensor y{shape, {}};
    for (std::int64_t i = 0; i < shape.element_count(); ++i) {
      y.values.push_back(f(first + static_cast<std::uint64_t>(i)));
    }
    return std::vector{y};
  };
}

OpCase in(std::vector<DType> dtypes, std::string label, OpCase made) {
  made.dtypes = std::move(dtypes);
  made.label = std::move(label);
  return made;
}

void add_random(std::vector<OpCase>& cases) {
  const Attrs stream = {{"seed", std::int64_t{7}}, {"random_id", std::int64_t{3}}};
  const auto with = [&](std::initializer_list<std::pair<const char*, AttrValue>> more) {
    Attrs attrs = stream;
    for (const auto& [name, value] : more) {
      attrs.set(name, value);
    }
    return attrs;
  };
  const auto normal = [](std::uint64_t i) { return 2 + 0.5 * normal_number(7, 3, i); };
  const auto uniform = [](std::uint64_t i) { return -1 + 4 * uniform_number(7, 3, i); };
  const OpInput position = values({}, {5}).of(DType::kInt64);
  const Attrs of_normal = with({{"mean", 2.0}, {"scale", 0.5}});
  const Attrs of_uniform = with({{"low", -1.0}, {"high", 3.0}});
  for (const DType dtype : {DType::kFloat32, DType::kFloat64}) {
    const std::string name(to_string(dtype));
    const auto fixed = [&](Attrs attrs) {
      attrs.set("shape", Ints{2, 3});
      attrs.set("dtype", name);
      return attrs;
    };
    cases.push_back(in({dtype}, name,
                       shape_case("RandomNormal", fixed(of_normal), {}, drawn({2, 3}, 0, normal))));
    cases.push_back(
        in({dtype}, name + "later",
           shape_case("RandomNormal", fixed(of_normal), {position}, drawn({2, 3}, 30, normal))));
    cases.push_back(
        in({dtype}, name,
           shape_case("RandomUniform", fixed(of_uniform), {}, drawn({2, 3}, 0, uniform))));
    cases.push_back(
        in({dtype}, name,
           shape_case("RandomNormalLike", of_normal, {random({2, 3})}, drawn({2, 3}, 0, normal))));
    cases.push_back(in({dtype}, name,
                       shape_case("RandomUniformLike", of_uniform, {random({2, 3}), position},
                                  drawn({2, 3}, 15, uniform))));
  }
  cases.push_back(in(
      kFloats, "",
      shape_case("Bernoulli", stream, {random({2, 3}, 0, 1)}, [](const std::vector<HostTensor>& x) {
        HostTensor y = x[0];
        for (std::size_t i = 0; i < 6; ++i) {
          y.values[i] = uniform_number(7, 3, i) < y.values[i] ? 1 : 0;
        }
        return std::vector{y};
      })));
  cases.push_back(in({DType::kFloat32}, "certain",
                     shape_case("Bernoulli", with({{"dtype", std::string("i32")}}),
                                {values({4}, {0, 1, 1, 0})}, given({4}, {0, 1, 1, 0}))));
  // Only one class has a probability.
  cases.push_back(in(kFloats, "certain",
                     shape_case("Multinomial", with({{"sample_size", std::int64_t{3}}}),
                                {values({2, 3}, {-900, 0, -900, 5, -900, -900})},
                                given({2, 3}, {1, 1, 1, 0, 0, 0}))));
  cases.push_back(in(
      {DType::kFloat32, DType::kFloat64}, "even",
      shape_case("Multinomial",
                 with({{"sample_size", std::int64_t{9}}, {"dtype", std::string("i64")}}),
                 {values({1, 4}, {1, 1, 1, 1}), position}, drawn({1, 9}, 45, [](std::uint64_t i) {
                   return std::floor(4 * uniform_number(7, 3, i));
                 }))));
}

void add_windows(std::vector<OpCase>& cases) {
  const auto window = [&](const char* op, std::int64_t periodic, std::int64_t size, double a,
                          double b, double c) {
    const double parts = static_cast<double>(periodic != 0 ? size : size - 1);
    cases.push_back(
        in(kFloat, "size" + std::to_string(size),
           shape_case(op, {{"periodic", periodic}}, {ints({size})},
                      drawn({size}, 0, [=](std::uint64_t n) {
                        const double t = 2 * std::numbers::pi * static_cast<double>(n) / parts;
                        return size == 1 ? 1 : a - b * std::cos(t) + c * std::cos(2 * t);
                      }))));
  };
  for (const std::int64_t size : {0, 1, 2, 7, 10}) {
    for (const std::int64_t periodic : {0, 1}) {
      window("HannWindow", periodic, size, 0.5, 0.5, 0);
      window("HammingWindow", periodic, size, 25.0 / 46, 21.0 / 46, 0);
      window("BlackmanWindow", periodic, size, 0.42, 0.5, 0.08);
    }
  }
  // ONNX's own example has more; here two bands whose edges are known.
  cases.push_back(in(kFloat, "",
                     shape_case("MelWeightMatrix",
                                {{"num_mel_bins", std::int64_t{1}},
                                 {"dft_length", std::int64_t{8}},
                                 {"sample_rate", std::int64_t{9}},
                                 {"lower_edge_hertz", 0.0},
                                 {"upper_edge_hertz", 4.5},
                                 {"output_datatype", std::string("f64")}},
                                {}, given({5, 1}, {0, 1, 0.0, 0, 0}))));
}

// y_k = sum over m of x_m e^(turn i 2 pi k m / length) for lines [rows, n, parts] along axis 1
std::vector<HostTensor> transformed(const HostTensor& x, std::int64_t length, std::int64_t bins,
                                    double turn) {
  HostTensor y{{x.shape[0], bins, 2}, {}};
  for (std::int64_t row = 0; row < x.shape[0]; ++row) {
    for (std::int64_t k = 0; k < bins; ++k) {
      Complex sum = 0;
      for (std::int64_t m = 0; m < std::min(x.shape[1], length); ++m) {
        const double real = at(x, {row, m, 0});
        const Complex value(real, x.shape[2] == 2 ? at(x, {row, m, 1}) : 0);
        sum += value * std::polar(1.0, turn * 2 * std::numbers::pi * static_cast<double>(k * m) /
                                           static_cast<double>(length));
      }
      sum /= turn > 0 ? static_cast<double>(length) : 1;
      y.values.insert(y.values.end(), {sum.real(), sum.imag()});
    }
  }
  return {y};
}

void add_transforms(std::vector<OpCase>& cases) {
  const auto add = [&](Attrs attrs, const Shape& x, std::int64_t length, std::int64_t bins,
                       double turn) {
    attrs.set("axis", std::int64_t{1});
    attrs.set("dft_length", length);
    cases.push_back(differentiable(
        shape_case("DFT", attrs, {random(x)}, [=](const std::vector<HostTensor>& in) {
          return transformed(in[0], length, bins, turn);
        })));
  };
  const Attrs one_side = {{"onesided", kOne}};
  const Attrs inverse = {{"inverse", kOne}};
  add({}, {2, 5, 1}, 5, 5, -1);
  add({}, {2, 6, 2}, 6, 6, -1);
  add({}, {1, 4, 2}, 7, 7, -1);
  add({}, {1, 6, 1}, 4, 4, -1);
  add(one_side, {2, 6, 1}, 6, 4, -1);
  add(one_side, {2, 5, 1}, 5, 3, -1);
  add(inverse, {2, 5, 2}, 5, 5, 1);
  add(inverse, {1, 3, 1}, 4, 4, 1);
  // Real numbers back from one side: of constants 1 the first is 1, the others are 0.
  Attrs real = inverse;
  real.set("onesided", kOne);
  real.set("axis", std::int64_t{-2});
  cases.push_back(differentiable(shape_case("DFT", real, {values({4, 2}, {1, 0, 1, 0, 1, 0, 1, 0})},
                                            given({6, 1}, {1, 0, 0, 0, 0, 0}))));
  real.set("dft_length", std::int64_t{5});
  cases.push_back(differentiable(shape_case("DFT", real, {values({3, 2}, {1, 0, 1, 0, 1, 0})},
                                            given({5, 1}, {1, 0, 0, 0, 0}))));
  const Attrs grad = {{"axis", std::int64_t{0}}, {"input_shape", Ints{2, 1}}};
  cases.push_back(differentiable(
      shape_case("DFTGrad", grad, {random({2, 2})}, [](const std::vector<HostTensor>& dy) {
        return std::vector{HostTensor{{2, 1}, {dy[0][0] + dy[0][2], dy[0][0] - dy[0][2]}}};
      })));
  // Frames of 4 by steps of 2.
  const auto framed = [](const std::vector<HostTensor>& x) {
    HostTensor frames{{6, 4, 1}, {}};
    for (std::int64_t row = 0; row < 2; ++row) {
      for (std::int64_t i = 0; i < 12; ++i) {
        frames.values.push_back(at(x[0], {row, i / 4 * 2 + i % 4, 0}) *
                                (x.size() > 2 ? x[2][i % 4] : 1));
      }
    }
    std::vector<HostTensor> y = transformed(frames, 4, 3, -1);
    y[0].shape = {2, 3, 3, 2};
    return y;
  };
  const Attrs steps = {{"frame_step", std::int64_t{2}}};
  Attrs lengths = steps;
  lengths.set("frame_length", std::int64_t{4});
  cases.push_back(differentiable(shape_case("STFT", lengths, {random({2, 9, 1})}, framed)));
  cases.push_back(differentiable(
      shape_case("STFT", steps, {random({2, 9, 1}), missing(), random({4})}, framed), {0, 2}));
}

}  // namespace

void add_signal_cases(std::vector<OpCase>& cases) {
  add_random(cases);
  add_windows(cases);
  add_transforms(cases);
}

}  // namespace temper::op_suite
