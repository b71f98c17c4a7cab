// Brightness, contrast, saturation, hue, and normalisation.
#include <algorithm>
#include <cmath>

#include "runtime/base/error.h"
#include "training/data/pictures/image_ops.h"

namespace temper::training {
namespace {

struct Colour {
  float red;
  float green;
  float blue;
};

Colour colour_at(const ImageView& image, std::int64_t pixel) {
  const std::int64_t plane = image.plane();
  return {image.pixels[pixel], image.pixels[plane + pixel], image.pixels[2 * plane + pixel]};
}

float grey(const Colour& c) { return 0.2989f * c.red + 0.587f * c.green + 0.114f * c.blue; }

float blend(float value, float other, float factor, float white) {
  return std::clamp(factor * value + (1 - factor) * other, 0.0f, white);
}

// The remainder of division by 1, from 0 to 1 for negative numbers too.
float fraction(float value) { return value - std::floor(value); }

Colour shift_hue(const Colour& c, float turn) {
  const float most = std::max({c.red, c.green, c.blue});
  const float range = most - std::min({c.red, c.green, c.blue});
  if (range <= 0) {
    return c;
  }
  const float r = (most - c.red) / range;
  const float g = (most - c.green) / range;
  const float b = (most - c.blue) / range;
  const float sixths = most == c.red ? b - g : most == c.green ? 2 + r - b : 4 + g - r;
  const float hue = fraction(fraction(sixths / 6 + 1) + turn) * 6;
  const float saturation = range / most;
  const float step = std::floor(hue);
  const float f = hue - step;
  const float p = most * (1 - saturation);
  const float q = most * (1 - saturation * f);
  const float t = most * (1 - saturation * (1 - f));
  switch (static_cast<int>(step) % 6) {
    case 0:
      return {most, t, p};
    case 1:
      return {q, most, p};
    case 2:
      return {p, most, t};
    case 3:
      return {p, q, most};
    case 4:
      return {t, p, most};
    default:
      return {most, p, q};
  }
}

}  // namespace

void adjust_brightness(ImageView image, float factor, float white) {
  for (std::int64_t i = 0; i < image.count(); ++i) {
    image.pixels[i] = std::clamp(image.pixels[i] * factor, 0.0f, white);
  }
}

void adjust_contrast(ImageView image, float factor, float white) {
  double sum = 0;
  for (std::int64_t i = 0; i < image.plane(); ++i) {
    sum += static_cast<double>(image.channels == 3 ? grey(colour_at(image, i)) : image.pixels[i]);
  }
  const auto mean = static_cast<float>(sum / static_cast<double>(image.plane()));
  for (std::int64_t i = 0; i < image.count(); ++i) {
    image.pixels[i] = blend(image.pixels[i], mean, factor, white);
  }
}

void adjust_saturation(ImageView image, float factor, float white) {
  TEMPER_ASSERT(image.channels == 1 || image.channels == 3);
  for (std::int64_t i = 0; image.channels == 3 && i < image.plane(); ++i) {
    const float level = grey(colour_at(image, i));
    for (std::int64_t c = 0; c < 3; ++c) {
      float& value = image.pixels[c * image.plane() + i];
      value = blend(value, level, factor, white);
    }
  }
}

void adjust_hue(ImageView image, float turn, float white) {
  TEMPER_ASSERT(image.channels == 1 || image.channels == 3);
  for (std::int64_t i = 0; image.channels == 3 && i < image.plane(); ++i) {
    const Colour shifted = shift_hue(colour_at(image, i), turn);
    image.pixels[i] = std::clamp(shifted.red, 0.0f, white);
    image.pixels[image.plane() + i] = std::clamp(shifted.green, 0.0f, white);
    image.pixels[2 * image.plane() + i] = std::clamp(shifted.blue, 0.0f, white);
  }
}

void normalise(ImageView image, std::span<const double> mean, std::span<const double> std) {
  const auto value_of = [](std::span<const double> values, std::int64_t channel, float absent) {
    const auto place = values.size() == 1 ? 0 : static_cast<std::size_t>(channel);
    return values.empty() ? absent : static_cast<float>(values[place]);
  };
  for (std::int64_t c = 0; c < image.channels; ++c) {
    const float middle = value_of(mean, c, 0);
    const float deviation = value_of(std, c, 1);
    float* plane = image.pixels + c * image.plane();
    for (std::int64_t i = 0; i < image.plane(); ++i) {
      plane[i] = (plane[i] - middle) / deviation;
    }
  }
}

}  // namespace temper::training
