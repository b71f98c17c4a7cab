// Images of a batch one by one, in place where they are f32.
#include "training/data/pictures/image_pipeline.h"

#include <algorithm>
#include <utility>

#include "training/data/pictures/augment.h"
#include "training/data/pictures/picture_preparation.h"

namespace temper::training {
namespace {

constexpr std::int64_t kMostChannels = 4;  // more is taken for channels that come last

bool has_images_shape(const Field& field) {
  return !field.is_target && is_float(field.dtype) && field.row_shape.rank() == 3;
}

std::vector<double> stored_numbers(const JsonValue& list, std::string_view what) {
  std::vector<double> values;
  for (const JsonValue& value : list.as_array(what)) {
    values.push_back(value.as_double(what));
  }
  return values;
}

}  // namespace

ImagePipeline::ImagePipeline(std::unique_ptr<Dataset> data, const DataOptions& options)
    : DatasetOver(std::move(data)), settings_(options.settings), augment_(options.augment) {
  find_parts();
  const bool any = std::any_of(parts_.begin(), parts_.end(), [](auto& p) { return p.is_image; });
  const bool asked = !settings_.mean.empty() || !settings_.std.empty() || augment_.is_on();
  TEMPER_CHECK(any || !asked, ErrorCode::kInvalidArgument,
               augment_.is_on() ? "[augment] changes" : "data.mean and data.std are of",
               " images, inputs with rows [channels, height, width]; there is none in ",
               below().where(0, 0));
  TEMPER_CHECK(!augment_.resized_crop || below().decodes(), ErrorCode::kInvalidArgument,
               "augment.resized_crop cuts parts out of picture files, but ", below().where(0, 0),
               " is none; augment.crop_padding moves pictures of one size");
  for (const Part& part : parts_) {
    if (part.is_image && asked) {
      check(part);
    }
  }
  check_stored(options.preprocessing);
}

// What was done to bytes is not done to numbers once more.
void ImagePipeline::check_stored(const JsonValue& preprocessing) const {
  const JsonValue* images = preprocessing.is_object() ? preprocessing.find("images") : nullptr;
  const JsonValue* bytes = images == nullptr ? nullptr : images->find("bytes");
  const bool changes = !settings_.mean.empty() || !settings_.std.empty();
  if (bytes == nullptr || !bytes->as_bool("images.bytes") || !changes || were_bytes()) {
    return;
  }
  fail(ErrorCode::kInvalidData, below().where(0, 0),
       " is not uint8, and the model was trained on 8-bit pictures that were normalised, which "
       "would be done to numbers that may be prepared already: write data.mean=[] data.std=[] "
       "where they are, or the numbers to normalise them by");
}

void ImagePipeline::find_parts() {
  const std::vector<Field>& all = fields();
  for (std::size_t f = 0; f < all.size(); ++f) {
    if (has_images_shape(all[f])) {
      const Shape& row = all[f].row_shape;
      parts_.push_back({f, true, row[0], row[1], row[2], static_cast<float>(all[f].white)});
    }
  }
  const std::size_t images = parts_.size();
  for (std::size_t f = 0; f < all.size() && images > 0; ++f) {
    const Shape& row = all[f].row_shape;
    const int rank = row.rank();
    if (all[f].is_target && (rank == 2 || rank == 3) && row[rank - 2] == parts_[0].height &&
        row[rank - 1] == parts_[0].width) {
      parts_.push_back({f, false, rank == 3 ? row[0] : 1, row[rank - 2], row[rank - 1], 0});
    }
  }
}

void ImagePipeline::check(const Part& image) const {
  const Field& field = fields()[image.field];
  const AugmentSettings& augment = augment_;
  TEMPER_CHECK(image.channels <= kMostChannels || image.width > kMostChannels,
               ErrorCode::kInvalidArgument, "input '", field.name, "' has rows of shape ",
               field.row_shape, "; images need their channels first: [channels, height, width]");
  for (const auto& [key, values] :
       {std::pair("data.mean", &settings_.mean), std::pair("data.std", &settings_.std)}) {
    const auto given = static_cast<std::int64_t>(values->size());
    TEMPER_CHECK(given <= 1 || given == image.channels, ErrorCode::kInvalidArgument, key, " has ",
                 given, " values; input '", field.name, "' ", field.row_shape, " has ",
                 image.channels, " channels: give one value for each, or one for all");
  }
  TEMPER_CHECK(!augment.jitters_colour() || image.white > 0, ErrorCode::kInvalidArgument, "input '",
               field.name, "' comes from ", below().where(image.field, 0),
               ", which is not uint8: augment.brightness, contrast, saturation and hue need 8-bit "
               "images, of which it is known what white is");
  TEMPER_CHECK(!augment.jitters_colour() || image.channels == 1 || image.channels == 3,
               ErrorCode::kInvalidArgument, "input '", field.name, "' has ", image.channels,
               " channels; colours can be changed of 1 (grey) or 3 (red, green, blue)");
  TEMPER_CHECK(augment.padding_mode != "reflect" ||
                   augment.crop_padding < std::min(image.height, image.width),
               ErrorCode::kInvalidArgument, "augment.crop_padding is ", augment.crop_padding,
               "; to reflect images of ", image.height, " x ", image.width,
               " pixels it must be less than their side");
}

template <class Change>
void ImagePipeline::for_each_image(std::int64_t rows, std::span<Tensor> out, bool with_masks,
                                   Change&& change) const {
  std::vector<float> converted;
  for (const Part& part : parts_) {
    if (!part.is_image && !with_masks) {
      continue;
    }
    Tensor& tensor = out[part.field];
    ImageView image{nullptr, part.channels, part.height, part.width};
    for (std::int64_t row = 0; row < rows; ++row) {
      visit_any(tensor.dtype(), [&]<class T>() {
        T* values = static_cast<T*>(tensor.data()) + row * image.count();
        if constexpr (std::is_same_v<T, float>) {
          image.pixels = values;
          change(row, part, image);
        } else {
          converted.resize(static_cast<std::size_t>(image.count()));
          std::transform(values, values + image.count(), converted.begin(),
                         [](T value) { return convert_element<float>(value); });
          image.pixels = converted.data();
          change(row, part, image);
          std::transform(converted.begin(), converted.end(), values,
                         [](float value) { return convert_element<T>(value); });
        }
      });
    }
  }
}

void ImagePipeline::read(std::span<const std::int64_t> rows, std::span<Tensor> out) const {
  below().read(rows, out);
  normalise_all(static_cast<std::int64_t>(rows.size()), out);
}

void ImagePipeline::normalise_all(std::int64_t rows, std::span<Tensor> out) const {
  if (!settings_.mean.empty() || !settings_.std.empty()) {
    for_each_image(rows, out, false, [&](std::int64_t, const Part&, ImageView image) {
      normalise(image, settings_.mean, settings_.std);
    });
  }
}

void ImagePipeline::read_training(std::span<const std::int64_t> rows, std::int64_t epoch,
                                  std::span<Tensor> out) const {
  const AugmentSettings& augment = augment_;
  below().read_training(rows, epoch, out);
  if (!augment.is_on()) {
    normalise_all(static_cast<std::int64_t>(rows.size()), out);
    return;
  }
  std::vector<float> scratch;
  const bool bilinear = augment.interpolation == "bilinear";
  for_each_image(
      static_cast<std::int64_t>(rows.size()), out, true,
      [&](std::int64_t row, const Part& part, ImageView image) {
        scratch.resize(static_cast<std::size_t>(image.count()));
        const SampleAugmentation sample(augment, static_cast<std::uint64_t>(settings_.seed), epoch,
                                        rows[static_cast<std::size_t>(row)]);
        const Field& field = fields()[part.field];
        const bool is_class = !part.is_image && (field.is_mask || is_integer(field.dtype));
        sample.move(image, bilinear && !is_class,
                    part.is_image ? 0.0f : static_cast<float>(augment.mask_fill), scratch);
        if (!part.is_image) {
          return;
        }
        if (augment.jitters_colour()) {
          sample.recolour(image, part.white);
        }
        if (augment.noise > 0) {
          sample.add_noise(image, part.white);
        }
        normalise(image, settings_.mean, settings_.std);
        sample.erase_part(image);
      });
}

bool ImagePipeline::were_bytes() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.is_image && part.white > 0; });
}

JsonValue ImagePipeline::preprocessing() const {
  JsonValue all = below().preprocessing();
  all = all.is_object() ? all : JsonValue::object();
  const JsonValue* own = all.find("images");
  JsonValue images = own == nullptr ? JsonValue::object() : *own;
  images.set("scale", settings_.scale);
  images.set("mean", JsonValue::array_of(settings_.mean));
  images.set("std", JsonValue::array_of(settings_.std));
  images.set("bytes", were_bytes());
  all.set("images", images);
  return all;
}

void use_stored_images(const JsonValue& preprocessing, DataOptions& options) {
  const JsonValue* images = preprocessing.is_object() ? preprocessing.find("images") : nullptr;
  if (images == nullptr) {
    return;
  }
  if (images->find("crop") != nullptr) {
    use_stored_preparation(*images, options);
  }
  if (is_inside_model(preprocessing)) {
    options.settings.scale = false;
    options.settings.mean.clear();
    options.settings.std.clear();
    return;
  }
  options.settings.scale = images->at("scale").as_bool("images.scale");
  options.settings.mean = stored_numbers(images->at("mean"), "images.mean");
  options.settings.std = stored_numbers(images->at("std"), "images.std");
  for (const double deviation : options.settings.std) {
    TEMPER_CHECK(deviation > 0, ErrorCode::kInvalidData, "images.std of the stored preparation is ",
                 deviation, "; it must be positive");
  }
}

}  // namespace temper::training
