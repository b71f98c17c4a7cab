#include "training/data/mixed_dataset.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "backends/common/philox.h"
#include "runtime/base/error.h"

namespace temper::training {
namespace {

constexpr std::uint64_t kMixing = 0x6d6978696e67;  // apart from the model's random nodes

// Uniform numbers one after another.
class Draws {
 public:
  Draws(std::uint64_t seed, std::int64_t epoch, std::int64_t row)
      : stream_(seed ^ kMixing,
                static_cast<std::uint64_t>(epoch) << 40 ^ static_cast<std::uint64_t>(row)) {}

  double uniform() { return static_cast<double>(philox_uniform(stream_.word(next_++))); }

  double normal() {  // Box and Muller 1958
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  // Marsaglia and Tsang 2000, "A simple method for generating gamma variables".
  double gamma(double alpha) {
    if (alpha < 1) {
      const double boost = std::pow(1 - uniform(), 1 / alpha);
      return gamma(alpha + 1) * boost;
    }
    const double d = alpha - 1.0 / 3;
    const double c = 1 / std::sqrt(9 * d);
    for (;;) {
      const double x = normal();
      const double v = std::pow(1 + c * x, 3);
      if (v > 0 && std::log(1 - uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) {
        return d * v;
      }
    }
  }

  double beta(double alpha) {
    const double a = gamma(alpha);
    const double b = gamma(alpha);
    return a + b > 0 ? a / (a + b) : 0.5;  // both vanish only for tiny alphas
  }

 private:
  PhiloxStream stream_;
  std::uint64_t next_ = 0;
};

bool is_image(const Field& field) { return field.row_shape.rank() == 3; }

// Calls blend(own, other, elements) for each sample and the one before it, as they were.
template <class Blend>
void with_previous(std::span<float> values, std::int64_t rows, Blend&& blend) {
  const std::int64_t elements = static_cast<std::int64_t>(values.size()) / rows;
  float* data = values.data();
  const std::vector<float> last(data + (rows - 1) * elements, data + rows * elements);
  for (std::int64_t row = rows - 1; row >= 0; --row) {
    blend(data + row * elements, row > 0 ? data + (row - 1) * elements : last.data(), elements);
  }
}

}  // namespace

BatchMix draw_mix(const MixOptions& options, std::int64_t epoch, std::int64_t first_row,
                  std::int64_t height, std::int64_t width) {
  Draws draws(options.seed, epoch, first_row);
  BatchMix mix;
  const bool both = options.mixup > 0 && options.cutmix > 0;
  mix.is_cut = both ? draws.uniform() < 0.5 : options.cutmix > 0;
  mix.share = draws.beta(mix.is_cut ? options.cutmix : options.mixup);
  if (!mix.is_cut) {
    return mix;
  }
  const auto middle_x = static_cast<std::int64_t>(draws.uniform() * static_cast<double>(width));
  const auto middle_y = static_cast<std::int64_t>(draws.uniform() * static_cast<double>(height));
  const double half = 0.5 * std::sqrt(1 - mix.share);
  const auto half_width = static_cast<std::int64_t>(half * static_cast<double>(width));
  const auto half_height = static_cast<std::int64_t>(half * static_cast<double>(height));
  mix.left = std::max<std::int64_t>(middle_x - half_width, 0);
  mix.right = std::min(middle_x + half_width, width);
  mix.top = std::max<std::int64_t>(middle_y - half_height, 0);
  mix.bottom = std::min(middle_y + half_height, height);
  const auto area = static_cast<double>((mix.bottom - mix.top) * (mix.right - mix.left));
  mix.share = 1 - area / static_cast<double>(height * width);
  return mix;
}

void blend_batch(std::span<float> values, std::int64_t rows, double share) {
  const auto own_share = static_cast<float>(share);
  with_previous(values, rows, [&](float* own, const float* other, std::int64_t elements) {
    for (std::int64_t i = 0; i < elements; ++i) {
      own[i] = own_share * own[i] + (1 - own_share) * other[i];
    }
  });
}

void cut_batch(std::span<float> values, std::int64_t rows, const BatchMix& mix, std::int64_t height,
               std::int64_t width) {
  with_previous(values, rows, [&](float* own, const float* other, std::int64_t elements) {
    for (std::int64_t plane = 0; plane < elements / (height * width); ++plane) {
      for (std::int64_t y = mix.top; y < mix.bottom; ++y) {
        const std::int64_t line = (plane * height + y) * width;
        std::copy(other + line + mix.left, other + line + mix.right, own + line + mix.left);
      }
    }
  });
}

MixedDataset::MixedDataset(std::unique_ptr<Dataset> data, const MixOptions& options)
    : DatasetOver(std::move(data)), options_(options), fields_(below().fields()) {
  bool found = false;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    Field& field = fields_[i];
    if (field.is_target && !found) {
      TEMPER_ASSERT(is_integer(field.dtype) && field.row_shape.rank() == 0);
      found = true;
      target_ = i;
      field.dtype = DType::kFloat32;
      field.row_shape = Shape{options_.classes};
    } else if (!field.is_target && field.dtype == DType::kFloat32) {
      inputs_.push_back(i);
      if (is_image(field)) {
        TEMPER_CHECK(options_.cutmix == 0 || height_ == 0 ||
                         (height_ == field.row_shape[1] && width_ == field.row_shape[2]),
                     ErrorCode::kInvalidArgument,
                     "augment.cutmix cuts all images of a sample alike, but their sizes differ");
        height_ = field.row_shape[1];
        width_ = field.row_shape[2];
      }
    }
  }
  TEMPER_CHECK(!inputs_.empty(), ErrorCode::kInvalidArgument,
               "augment.mixup blends float inputs; the data have none");
  TEMPER_CHECK(options_.cutmix == 0 || height_ > 0, ErrorCode::kInvalidArgument,
               "augment.cutmix cuts images, inputs with rows [channels, height, width]; the data "
               "have none");
}

// Reads with the labels in a tensor of their own, then writes them to `out` as probabilities.
template <class Read>
void MixedDataset::read_labels_apart(std::span<const std::int64_t> rows, std::span<Tensor> out,
                                     Read&& read) const {
  const auto count = static_cast<std::int64_t>(rows.size());
  const Tensor probabilities = out[target_];
  Tensor labels(below().fields()[target_].dtype, Shape{count});
  out[target_] = labels;
  read();
  out[target_] = probabilities;
  const std::span<float> values = out[target_].span<float>();
  std::fill(values.begin(), values.end(), 0.0F);
  const std::vector<std::int64_t> classes = labels.values<std::int64_t>();
  for (std::int64_t row = 0; row < count; ++row) {
    const std::int64_t label = classes[static_cast<std::size_t>(row)];
    TEMPER_CHECK(label >= 0 && label < options_.classes, ErrorCode::kInvalidData,
                 below().where(target_, rows[static_cast<std::size_t>(row)]), ": the label is ",
                 label, "; mixup and cutmix need a class from 0 to ", options_.classes - 1,
                 " of every sample");
    values[static_cast<std::size_t>(row * options_.classes + label)] = 1;
  }
}

void MixedDataset::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  read_labels_apart(rows, out, [&] { below().read(rows, out); });
}

void MixedDataset::read_training(std::span<const std::int64_t> rows, std::int64_t epoch,
                                 std::span<Tensor> out) const {
  read_labels_apart(rows, out, [&] { below().read_training(rows, epoch, out); });
  const auto count = static_cast<std::int64_t>(rows.size());
  const BatchMix mix = draw_mix(options_, epoch, rows.front(), height_, width_);
  for (const std::size_t input : inputs_) {
    if (!mix.is_cut) {
      blend_batch(out[input].span<float>(), count, mix.share);
    } else if (is_image(fields_[input])) {
      cut_batch(out[input].span<float>(), count, mix, height_, width_);
    }
  }
  blend_batch(out[target_].span<float>(), count, mix.share);
}

}  // namespace temper::training
