// Sizes as torchvision computes them: Resize with one number, CenterCrop.
#include "training/data/pictures/picture_preparation.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string_view>

#include "runtime/base/error.h"
#include "training/settings/data_formats.h"

namespace temper::training {
namespace {

std::string side_text(std::int64_t side) { return side < 0 ? "?" : concat(side); }

std::string text_of(PixelSize size) { return concat(size.height, " x ", size.width); }

// `side` times the ratio of two sides, cut off as Python's int() does.
std::int64_t in_proportion(std::int64_t side, std::int64_t longer, std::int64_t shorter) {
  return static_cast<std::int64_t>(static_cast<double>(side * longer) /
                                   static_cast<double>(shorter));
}

bool are_channels(std::int64_t dim) { return dim == 1 || dim == 3; }

// Halves to the even number, as Python's round().
std::int64_t margin(std::int64_t outer, std::int64_t inner) {
  return static_cast<std::int64_t>(std::nearbyint(static_cast<double>(outer - inner) / 2));
}

}  // namespace

PicturePreparation::PicturePreparation(const DataOptions& options)
    : resize_(options.settings.resize),
      how_(resampling(options.settings.interpolation)),
      interpolation_(options.settings.interpolation),
      turns_(options.settings.exif_orientation) {
  const WantedField input = options.inputs.empty() ? WantedField{} : options.inputs.front();
  std::vector<std::int64_t> dims = input.row_dims;
  if (input.row_shape.has_value()) {
    dims.assign(input.row_shape->begin(), input.row_shape->end());
  }
  if (dims.empty()) {
    dims = {-1, -1, -1};
  }
  const std::string name = concat("the model's input '", input.name, "'");
  TEMPER_CHECK(dims.size() == 3, ErrorCode::kInvalidArgument, name, " has ", dims.size() + 1,
               " dimensions; pictures are [N, channels, height, width]");
  channels_last_ = are_channels(dims[2]) && !are_channels(dims[0]);
  if (channels_last_) {
    dims = {dims[2], dims[0], dims[1]};
  }
  channels_ = dims[0] < 0 ? 3 : dims[0];
  TEMPER_CHECK(are_channels(channels_), ErrorCode::kInvalidArgument, name, " is [N, ",
               side_text(dims[0]), ", ", side_text(dims[1]), ", ", side_text(dims[2]),
               "]; pictures are [N, channels, height, width] with 1 channel (grey) or 3 (colour), "
               "or [N, height, width, channels]");
  settle_size(options, dims, name);
}

void PicturePreparation::settle_size(const DataOptions& options,
                                     const std::vector<std::int64_t>& dims,
                                     const std::string& name) {
  std::vector<std::int64_t> crop = options.settings.crop;
  if (crop.size() == 1) {
    crop.push_back(crop.front());
  }
  // A crop that is not said is the model's size, else what data.resize makes of every picture.
  if (crop.empty()) {
    crop = {dims[1], dims[2]};
    for (std::size_t i = 0; i < 2 && resize_.size() == 2; ++i) {
      crop[i] = crop[i] < 0 ? resize_[i] : crop[i];
    }
  }
  TEMPER_CHECK(crop[0] > 0 && crop[1] > 0, ErrorCode::kInvalidArgument, name,
               " leaves the height and width of pictures open; write data.crop = [height, width] "
               "(and data.resize = N for the shorter side before the crop)");
  crop_ = {crop[0], crop[1]};
  size_ = crop_;
  if (is_inside_model(options.preprocessing) && !resize_.empty()) {
    size_ = resize_.size() == 2
                ? PixelSize{resize_[0], resize_[1]}
                : PixelSize{std::max(resize_[0], crop_.height), std::max(resize_[0], crop_.width)};
  }
  for (const auto& [dim, side] : {std::pair(dims[1], size_.height), {dims[2], size_.width}}) {
    TEMPER_CHECK(dim < 0 || dim == side, ErrorCode::kInvalidArgument,
                 "data.crop gives pictures of ", text_of(size_), ", but ", name, " takes ",
                 side_text(dims[1]), " x ", side_text(dims[2]));
  }
  check_resize();
}

void PicturePreparation::check_resize() const {
  const PixelSize made = resize_.size() == 2   ? PixelSize{resize_[0], resize_[1]}
                         : resize_.size() == 1 ? PixelSize{std::max(resize_[0], crop_.height),
                                                           std::max(resize_[0], crop_.width)}
                                               : crop_;
  const bool shorter_fits =
      resize_.size() != 1 || resize_[0] >= std::min(crop_.height, crop_.width);
  TEMPER_CHECK(made.height >= crop_.height && made.width >= crop_.width && shorter_fits,
               ErrorCode::kInvalidArgument, "data.resize makes pictures smaller than the ",
               text_of(crop_), " that are cut out of them; write data.resize = ",
               std::max(crop_.height, crop_.width), " or more");
}

Shape PicturePreparation::row_shape() const {
  return channels_last_ ? Shape{size_.height, size_.width, channels_}
                        : Shape{channels_, size_.height, size_.width};
}

PixelSize PicturePreparation::resized(PixelSize picture, const std::string& where) const {
  PixelSize made;
  if (resize_.size() == 2) {
    made = {resize_[0], resize_[1]};
  } else if (resize_.size() == 1) {
    const std::int64_t side = resize_[0];
    made = picture.height <= picture.width
               ? PixelSize{side, in_proportion(side, picture.width, picture.height)}
               : PixelSize{in_proportion(side, picture.height, picture.width), side};
  } else if (crop_.height * picture.width >= crop_.width * picture.height) {
    made = {crop_.height,
            std::max(crop_.width, in_proportion(crop_.height, picture.width, picture.height))};
  } else {
    made = {std::max(crop_.height, in_proportion(crop_.width, picture.height, picture.width)),
            crop_.width};
  }
  TEMPER_CHECK(made.height >= crop_.height && made.width >= crop_.width, ErrorCode::kInvalidData,
               where, " is ", text_of(picture), " pixels, ", text_of(made),
               " after data.resize: less than the ", text_of(crop_),
               " that are cut out; leave data.resize out, or make it larger");
  return made;
}

Picture PicturePreparation::prepare(const Picture& picture, Resampling how,
                                    const std::string& where) const {
  const PixelSize whole = size_of(picture);
  const PixelSize made = resized(whole, where);
  const auto start = [](std::int64_t outer, std::int64_t inner, std::int64_t delivered) {
    return margin(outer, inner) - margin(delivered, inner);
  };
  const PixelBox window = {start(made.height, crop_.height, size_.height),
                           start(made.width, crop_.width, size_.width), size_};
  return resize(picture, {0, 0, whole}, made, how, window);
}

void PicturePreparation::store(JsonValue& images) const {
  images.set("resize", JsonValue::array_of(resize_));
  images.set("crop", JsonValue::array_of(std::vector<std::int64_t>{crop_.height, crop_.width}));
  images.set("interpolation", interpolation_);
  images.set("exif_orientation", turns_);
}

bool is_inside_model(const JsonValue& preprocessing) {
  const JsonValue* images = preprocessing.is_object() ? preprocessing.find("images") : nullptr;
  const JsonValue* inside = images == nullptr ? nullptr : images->find("inside");
  return inside != nullptr && inside->as_bool("images.inside");
}

void use_stored_preparation(const JsonValue& images, DataOptions& options) {
  const auto sides = [&](const char* key) {
    std::vector<std::int64_t> values;
    for (const JsonValue& value : images.at(key).as_array(key)) {
      values.push_back(value.as_int(key));
      TEMPER_CHECK(values.back() >= 1 && values.back() <= kMostSide, ErrorCode::kInvalidData,
                   "images.", key, " of the stored preparation has ", values.back(),
                   "; a side of a picture is from 1 to ", kMostSide);
    }
    TEMPER_CHECK(values.size() <= 2, ErrorCode::kInvalidData, "images.", key,
                 " of the stored preparation has ", values.size(), " values, not 2 or fewer");
    return values;
  };
  options.settings.resize = sides("resize");
  options.settings.crop = sides("crop");
  options.settings.interpolation = images.at("interpolation").as_string("images.interpolation");
  TEMPER_CHECK(std::find(std::begin(kResamplings), std::end(kResamplings),
                         options.settings.interpolation) != std::end(kResamplings),
               ErrorCode::kInvalidData, "images.interpolation of the stored preparation is '",
               options.settings.interpolation, "'");
  const JsonValue* turns = images.find("exif_orientation");
  options.settings.exif_orientation = turns != nullptr && turns->as_bool("images.exif_orientation");
  if (const JsonValue* classes = images.find("classes")) {
    options.classes.clear();
    for (const JsonValue& name : classes->as_array("images.classes")) {
      options.classes.push_back(name.as_string("images.classes"));
    }
  }
}

PixelValues divided_by(double divisor) {
  PixelValues values;
  for (std::size_t value = 0; value < values.size(); ++value) {
    values[value] = static_cast<float>(value) / static_cast<float>(divisor);
  }
  return values;
}

void write_picture(const Picture& picture, const PixelValues& values, Tensor& out, std::int64_t row,
                   bool channels_last) {
  const std::int64_t plane = picture.height * picture.width;
  const std::int64_t channels = picture.channels;
  TEMPER_ASSERT(out.layout().plain && out.shape()[0] > row &&
                out.shape().count(1, out.shape().rank()) == plane * channels);
  visit_any(out.dtype(), [&]<class T>() {
    std::array<T, 256> converted;
    std::transform(values.begin(), values.end(), converted.begin(),
                   [](float value) { return convert_element<T>(value); });
    T* to = static_cast<T*>(out.data()) + row * plane * channels;
    if (channels_last) {
      std::transform(picture.pixels.begin(), picture.pixels.end(), to,
                     [&](std::uint8_t value) { return converted[value]; });
      return;
    }
    for (std::int64_t c = 0; c < channels; ++c) {
      const std::uint8_t* from = picture.pixels.data() + c;
      for (std::int64_t i = 0; i < plane; ++i, from += channels) {
        *to++ = converted[*from];
      }
    }
  });
}

}  // namespace temper::training
