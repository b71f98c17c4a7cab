// The file with its preparation inside, against Temper's own preparation in front of the one
// without.
#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/onnx/deploy/quantize_static.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "training/analysis/embedding.h"
#include "training/data/pictures/image_pipeline.h"
#include "training/data/pictures/picture_preparation.h"

namespace temper::training {
namespace {

constexpr std::int64_t kSamples = 2;
constexpr std::int64_t kOpenSide = 32;  // of pictures whose size nothing says
constexpr double kTolerance = 1e-5;     // of the largest value

// Waves and noise, as photographs have both; away from black and white, where values are cut off.
Picture made_up_picture(PixelSize size, std::int64_t channels, std::uint64_t seed) {
  Picture made{size.height, size.width, channels, {}};
  std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (std::int64_t y = 0; y < size.height; ++y) {
    for (std::int64_t x = 0; x < size.width; ++x) {
      for (std::int64_t c = 0; c < channels; ++c) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        const double wave = std::sin(static_cast<double>(x) / 9 + static_cast<double>(y) / 13 +
                                     static_cast<double>(c + static_cast<std::int64_t>(seed)));
        const double noise = static_cast<double>(state >> 40) / static_cast<double>(1 << 24) - 0.5;
        made.pixels.push_back(
            static_cast<std::uint8_t>(std::clamp(128 + 50 * wave + 40 * noise, 0.0, 255.0)));
      }
    }
  }
  return made;
}

const graph::OnnxValueInfo& input_named(const std::vector<graph::OnnxValueInfo>& inputs,
                                        const std::string& name) {
  const auto found =
      std::find_if(inputs.begin(), inputs.end(),
                   [&](const graph::OnnxValueInfo& input) { return input.name == name; });
  TEMPER_ASSERT(found != inputs.end(), name);
  return *found;
}

}  // namespace

Embedding::Samples Embedding::pictures(const graph::OnnxModel& before, bool of_any_size) const {
  const std::vector<graph::OnnxValueInfo> inputs = before.inputs();
  const std::vector<graph::Dim>& dims = input_named(inputs, prepared_.input).dims;
  const std::int64_t channels = dims[1].value < 0 ? 3 : dims[1].value;
  const auto side = [&](std::size_t axis) {
    return dims[axis].value < 0 ? kOpenSide : dims[axis].value;
  };
  DataOptions options;
  use_stored_images(preparation_, options);
  PixelSize size{side(2), side(3)};
  if (picture_.resizes) {
    WantedField input;
    input.name = prepared_.input;
    input.row_dims = {channels, -1, -1};
    options.inputs = {input};
    options.preprocessing = {};
    DataOptions raw = options;
    raw.preprocessing = JsonValue::object();
    JsonValue images = JsonValue::object();
    images.set("inside", true);
    raw.preprocessing.set("images", std::move(images));
    size = PicturePreparation(raw).size();
  }
  if (of_any_size) {
    size = {2 * size.height + 3, (3 * size.width) / 2 + 5};
  }
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
  Shape prepared{kSamples};
  for (std::int64_t i = 0; i < kSamples; ++i) {
    const Picture picture = made_up_picture(size, channels, static_cast<std::uint64_t>(i) + 1);
    const Picture seen = picture_.resizes
                             ? PicturePreparation(options).prepare(picture, "a made-up picture")
                             : picture;
    if (i == 0) {
      prepared = Shape{kSamples, channels, seen.height, seen.width};
    }
    Tensor row(DType::kFloat32, Shape{1, channels, seen.height, seen.width});
    write_picture(seen, divided_by(picture_.divisor), row, 0);
    normalise({static_cast<float*>(row.data()), channels, seen.height, seen.width}, picture_.mean,
              picture_.std);
    const std::vector<float> values = row.values<float>();
    floats.insert(floats.end(), values.begin(), values.end());
    Tensor whole(DType::kUInt8, Shape{1, channels, size.height, size.width});
    write_picture(picture, divided_by(1), whole, 0, picture_.channels_last);
    const std::vector<std::uint8_t> raw = whole.values<std::uint8_t>();
    bytes.insert(bytes.end(), raw.begin(), raw.end());
  }
  const Shape raw = picture_.channels_last ? Shape{kSamples, size.height, size.width, channels}
                                           : Shape{kSamples, channels, size.height, size.width};
  Samples made;
  made.raw[prepared_.input] = Tensor::from<std::uint8_t>(DType::kUInt8, raw, bytes);
  made.prepared[prepared_.input] = Tensor::from<float>(DType::kFloat32, prepared, floats);
  if (of_any_size) {
    double least = 1;  // the smallest deviation
    for (const double deviation : picture_.std) {
      least = std::min(least, deviation);
    }
    // Pillow rounds between both directions, nodes once; cubic weights are not all positive.
    const double levels = picture_.interpolation == "bicubic" ? 2.01 : 1.01;
    made.rounding = levels / picture_.divisor / least;
  }
  return made;
}

Embedding::Samples Embedding::rows(const graph::OnnxModel& /*before*/) const {
  const std::size_t columns = columns_.mean.size();
  std::vector<float> raw, prepared;
  for (std::int64_t i = 0; i < kSamples; ++i) {
    for (std::size_t c = 0; c < columns; ++c) {
      const double far = 2 * std::sin(static_cast<double>(c) + 3 * static_cast<double>(i) + 1);
      raw.push_back(static_cast<float>(columns_.mean[c] + far * columns_.deviation[c]));
      prepared.push_back(static_cast<float>((static_cast<double>(raw.back()) - columns_.mean[c]) /
                                            columns_.deviation[c]));
    }
  }
  const Shape shape{kSamples, static_cast<std::int64_t>(columns)};
  Samples made;
  made.raw[prepared_.input] = Tensor::from<float>(DType::kFloat32, shape, raw);
  made.prepared[prepared_.input] = Tensor::from<float>(DType::kFloat32, shape, prepared);
  return made;
}

// What the model reads, of these samples.
void Embedding::check_input(const graph::OnnxModel& after, const Samples& samples,
                            TrialRunner& runner, std::vector<TrialOutput>& checked) const {
  graph::ModelEdit watched(after);
  graph::give_values(watched, {prepared_.inner});
  const TrialResult seen = runner.run(watched.model(), samples.raw);
  TrialOutput row = compare_results({{prepared_.inner}, {samples.prepared.at(prepared_.input)}},
                                    seen, "as the file prepares it")
                        .front();
  const double allowed = samples.rounding > 0 ? samples.rounding : kTolerance * row.before;
  TEMPER_CHECK(row.difference <= allowed, ErrorCode::kUnsupported, "input '", prepared_.input,
               "' as the file prepares it differs by ", digits_text(row.difference, 4),
               " from what Temper prepares, more than ", digits_text(allowed, 4),
               ", which rounding can explain. Nothing was written");
  checked.push_back(std::move(row));
}

// What the answers are, by their definition.
TrialResult Embedding::expected(TrialResult before) const {
  if (!options_.answers) {
    return before;
  }
  const Tensor scores = before.values.front();
  const Shape& shape = scores.shape();
  const std::int64_t classes = shape[1], inner = shape.count(2, shape.rank());
  std::vector<double> p = scores.values<double>();
  const auto each = [&](std::int64_t n, std::int64_t i, auto&& visit) {
    for (std::int64_t c = 0; c < classes; ++c) {
      visit(c, p[static_cast<std::size_t>((n * classes + c) * inner + i)]);
    }
  };
  std::vector<std::int64_t> decided;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    for (std::int64_t i = 0; i < inner; ++i) {
      double most = -HUGE_VAL, sum = 0;
      std::int64_t best = 0;
      each(n, i, [&](std::int64_t c, double value) {
        best = value > most ? c : best;
        most = std::max(most, value);
      });
      each(n, i, [&](std::int64_t, double& value) {
        if (answers_.scores == graph::Answers::Scores::kLogits && answers_.one_class) {
          value = std::exp(value - most);
          sum += value;
        } else if (answers_.scores == graph::Answers::Scores::kLogits) {
          value = 1 / (1 + std::exp(-value));
        } else if (answers_.scores == graph::Answers::Scores::kLogProbabilities) {
          value = std::exp(value);
        }
      });
      each(n, i, [&](std::int64_t, double& value) { value = sum > 0 ? value / sum : value; });
      decided.push_back(best);
    }
  }
  before.names.front() = "probabilities";
  before.values.front() = Tensor::from<double>(scores.dtype(), shape, p);
  Shape without = shape;
  if (answers_.one_class) {
    without = Shape{shape[0]};
    for (int axis = 2; axis < shape.rank(); ++axis) {
      without.push_back(shape[axis]);
    }
  } else {
    decided.clear();
    for (const double value : p) {
      decided.push_back(value >= answers_.threshold ? 1 : 0);
    }
  }
  before.names.emplace_back(answers_.one_class ? "class" : "labels");
  before.values.push_back(Tensor::from<std::int64_t>(DType::kInt64, without, decided));
  return before;
}

std::vector<TrialOutput> Embedding::check(const graph::OnnxModel& before,
                                          const graph::OnnxModel& after,
                                          TrialRunner& runner) const {
  std::vector<TrialOutput> checked;
  Samples samples;
  if (options_.preprocessing) {
    samples = is_table_ ? rows(before) : pictures(before, false);
    check_input(after, samples, runner, checked);
    if (picture_.resizes) {
      check_input(after, pictures(before, true), runner, checked);
    }
  }
  const auto rows = compare_results(expected(runner.run(before, samples.prepared)),
                                    runner.run(after, samples.raw), "with its preparation inside");
  for (const TrialOutput& row : rows) {
    TEMPER_CHECK(row.difference <= kTolerance * std::max(row.before, 1e-30),
                 ErrorCode::kUnsupported, "output '", row.name, "' differs by ",
                 digits_text(row.difference, 4), " where the largest value is ",
                 digits_text(row.before, 4),
                 ", which rounding does not explain. Nothing was written");
    checked.push_back(row);
  }
  return checked;
}

}  // namespace temper::training
