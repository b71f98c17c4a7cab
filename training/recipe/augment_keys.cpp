// The keys of [augment].
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kPaddingModes[] = {"constant", "edge", "reflect"};
constexpr const char* kInterpolations[] = {"nearest", "bilinear"};

std::string half_turn(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return number >= 0 && number <= 180 ? "" : "must be degrees from 0 to 180";
}

std::string hue_shift(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return number >= 0 && number <= 0.5 ? "" : "must be from 0 to 0.5";
}

std::string some_pixels(const RecipeValue& value) {
  constexpr std::int64_t kMost = 4096;
  const std::int64_t number = std::get<std::int64_t>(value);
  return number >= 0 && number <= kMost ? "" : concat("must be from 0 to ", kMost);
}

std::string range_within(const RecipeValue& value, double most) {
  const auto& numbers = std::get<std::vector<double>>(value);
  return numbers.size() == 2 && numbers[0] > 0 && numbers[0] <= numbers[1] && numbers[1] <= most
             ? ""
             : concat("must be [low, high] with 0 < low <= high <= ", most);
}

std::string share_range(const RecipeValue& value) { return range_within(value, 1); }
std::string ratio_range(const RecipeValue& value) { return range_within(value, 1000); }

}  // namespace

std::vector<RecipeKey> augment_keys() {
  return {
      key(
          "augment.horizontal_flip", "probability that a training image is mirrored",
          [](Recipe& r) -> auto& { return r.augment.horizontal_flip; }, probability),
      key(
          "augment.vertical_flip", "probability that it is turned upside down",
          [](Recipe& r) -> auto& { return r.augment.vertical_flip; }, probability),
      key(
          "augment.crop_padding", "pixels put around it before a random crop of its old size",
          [](Recipe& r) -> auto& { return r.augment.crop_padding; }, some_pixels),
      key(
          "augment.padding_mode", "what these pixels are: 0, the edge's, or a reflection",
          [](Recipe& r) -> auto& { return r.augment.padding_mode; }, one_of<kPaddingModes, 3>)
          .when(with_more("augment.crop_padding")),
      key(
          "augment.rotation", "degrees: by an angle from minus this to this",
          [](Recipe& r) -> auto& { return r.augment.rotation; }, half_turn),
      key(
          "augment.interpolation", "of rotations",
          [](Recipe& r) -> auto& { return r.augment.interpolation; }, one_of<kInterpolations, 2>)
          .when(with_more("augment.rotation")),
      key("augment.mask_fill", "class of pixels that come into a mask from outside",
          [](Recipe& r) -> auto& { return r.augment.mask_fill; })
          .when(any_of({with_more("augment.crop_padding"), with_more("augment.rotation")})),
      key(
          "augment.brightness", "a factor from 1 - this to 1 + this",
          [](Recipe& r) -> auto& { return r.augment.brightness; }, not_negative),
      key(
          "augment.contrast", "a factor from 1 - this to 1 + this",
          [](Recipe& r) -> auto& { return r.augment.contrast; }, not_negative),
      key(
          "augment.saturation", "a factor from 1 - this to 1 + this",
          [](Recipe& r) -> auto& { return r.augment.saturation; }, not_negative),
      key(
          "augment.hue", "a turn of the colour circle from minus this to this, at most 0.5",
          [](Recipe& r) -> auto& { return r.augment.hue; }, hue_shift),
      key(
          "augment.erasing", "probability that a rectangle becomes 0, after normalisation",
          [](Recipe& r) -> auto& { return r.augment.erasing; }, probability),
      key(
          "augment.erasing_scale", "the rectangle's share of the area",
          [](Recipe& r) -> auto& { return r.augment.erasing_scale; }, share_range)
          .when(with_more("augment.erasing")),
      key(
          "augment.erasing_ratio", "the rectangle's height by its width",
          [](Recipe& r) -> auto& { return r.augment.erasing_ratio; }, ratio_range)
          .when(with_more("augment.erasing")),
      key(
          "augment.noise", "deviation of normal noise, before normalisation",
          [](Recipe& r) -> auto& { return r.augment.noise; }, not_negative),
      key("augment.resized_crop",
          "picture files: a part of random size and shape, resized to the model's input",
          [](Recipe& r) -> auto& { return r.augment.resized_crop; })
          .when(of_data({"images"})),
      key(
          "augment.resized_crop_scale", "the part's share of the area",
          [](Recipe& r) -> auto& { return r.augment.resized_crop_scale; }, share_range)
          .when(with("augment.resized_crop")),
      key(
          "augment.resized_crop_ratio", "the part's width by its height",
          [](Recipe& r) -> auto& { return r.augment.resized_crop_ratio; }, ratio_range)
          .when(with("augment.resized_crop")),
      key(
          "augment.mixup",
          "alpha of Beta(alpha, alpha): samples of a batch and their classes are blended in pairs",
          [](Recipe& r) -> auto& { return r.augment.mixup; }, not_negative)
          .of(Runs::kOneModel),
      key(
          "augment.cutmix",
          "as mixup, by a rectangle of the other image; with both, each batch takes one",
          [](Recipe& r) -> auto& { return r.augment.cutmix; }, not_negative)
          .of(Runs::kOneModel),
  };
}

}  // namespace temper::training
