// Changes of one image, in place: flips, shifts, rotation, colour. Channels come first; the
// arithmetic is that of torchvision.transforms.v2.functional on float tensors.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace temper::training {

struct ImageView {
  float* pixels = nullptr;
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;

  std::int64_t plane() const { return height * width; }
  std::int64_t count() const { return channels * plane(); }
};

enum class PaddingMode { kConstant, kEdge, kReflect };
// REQUIRES: one of "constant", "edge", "reflect".
PaddingMode padding_mode(std::string_view name);

void flip_horizontally(ImageView image);
void flip_vertically(ImageView image);

// Moves the window by (down, right), as a crop of a padded image does. `scratch` has image.count()
// elements; so below.
// REQUIRES: for kReflect |down| < height and |right| < width.
void shift(ImageView image, std::int64_t down, std::int64_t right, PaddingMode mode, float fill,
           std::span<float> scratch);

// Counter-clockwise around the centre; what comes from outside is `fill`.
void rotate(ImageView image, double degrees, bool bilinear, float fill, std::span<float> scratch);

// `white` is the largest value; results are clamped to 0..white. Saturation and hue leave an image
// of one channel as it is. REQUIRES: 1 or 3 channels.
void adjust_brightness(ImageView image, float factor, float white);
void adjust_contrast(ImageView image, float factor, float white);
void adjust_saturation(ImageView image, float factor, float white);
// Shifts the hue by `turn` of the colour circle.
void adjust_hue(ImageView image, float turn, float white);

// (x - mean) / std for each channel. One value serves all channels; none stands for 0 and 1.
void normalise(ImageView image, std::span<const double> mean, std::span<const double> std);

// To 0.
void erase(ImageView image, std::int64_t top, std::int64_t left, std::int64_t height,
           std::int64_t width);

}  // namespace temper::training
