// How training images are changed at random: the settings of [augment], with the names, defaults
// and arithmetic of torchvision.transforms.v2.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace temper::training {

struct AugmentSettings {
  double horizontal_flip = 0;  // probability
  double vertical_flip = 0;
  std::int64_t crop_padding = 0;          // pixels put around before a crop of the old size
  std::string padding_mode = "constant";  // "constant" | "edge" | "reflect"
  double rotation = 0;                    // degrees: an angle from -rotation to rotation
  std::string interpolation = "nearest";  // of rotations: "nearest" | "bilinear"
  std::int64_t mask_fill = 0;             // class of a mask's pixels that come from outside
  double brightness = 0;                  // factor from 1 - x to 1 + x
  double contrast = 0;
  double saturation = 0;
  double hue = 0;      // shift from -x to x of the colour circle, at most 0.5
  double erasing = 0;  // probability that a rectangle becomes 0 after normalisation
  std::vector<double> erasing_scale = {0.02, 0.33};  // its share of the area
  std::vector<double> erasing_ratio = {0.3, 3.3};    // height by width
  double noise = 0;                                  // deviation, before normalisation

  // A part of the picture, of any size and shape in these bounds, resized to the model's input.
  bool resized_crop = false;
  std::vector<double> resized_crop_scale = {0.08, 1};           // its share of the area
  std::vector<double> resized_crop_ratio = {3.0 / 4, 4.0 / 3};  // width by height

  double mixup = 0;   // alpha of Beta(alpha, alpha): samples of a batch are blended in pairs
  double cutmix = 0;  // the same for rectangles that come from another sample

  bool mixes() const { return mixup > 0 || cutmix > 0; }
  bool jitters_colour() const {
    return brightness > 0 || contrast > 0 || saturation > 0 || hue > 0;
  }
  // Whether single images are changed.
  bool is_on() const {
    return horizontal_flip > 0 || vertical_flip > 0 || crop_padding > 0 || rotation > 0 ||
           jitters_colour() || erasing > 0 || noise > 0 || resized_crop;
  }
};

}  // namespace temper::training
