// Each draw has a place of its own in the sample's random stream: switching one change on leaves
// the draws of the others as they are.
#include "training/data/pictures/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

namespace temper::training {
namespace {

enum Place : std::uint64_t {
  kHorizontal,
  kVertical,
  kDown,
  kRight,
  kAngle,
  kOrder,                 // three
  kFactors = kOrder + 3,  // four
  kErase = kFactors + 4,
  kErasePlaces,       // two for each attempt, then two for the corner
  kResizedCrop = 40,  // two for each attempt, then two for the corner
  kNoise = 64,        // two for each pair of values
};
constexpr int kEraseAttempts = 10;
constexpr int kCropAttempts = 10;
constexpr std::uint64_t kAugmentation = 0x6175676d656e74;  // apart from the model's random nodes

}  // namespace

SampleAugmentation::SampleAugmentation(const AugmentSettings& settings, std::uint64_t seed,
                                       std::int64_t epoch, std::int64_t row)
    : settings_(settings),
      stream_(seed ^ kAugmentation,
              static_cast<std::uint64_t>(epoch) << 40 ^ static_cast<std::uint64_t>(row)) {}

double SampleAugmentation::uniform(std::uint64_t position) const {
  return static_cast<double>(philox_uniform(stream_.word(position)));
}

double SampleAugmentation::between(std::uint64_t position, double low, double high) const {
  return low + (high - low) * uniform(position);
}

std::int64_t SampleAugmentation::below(std::uint64_t position, std::int64_t count) const {
  return static_cast<std::int64_t>(uniform(position) * static_cast<double>(count));
}

PixelBox SampleAugmentation::part_of(PixelSize picture) const {
  const auto rounded = [](double value) {
    return static_cast<std::int64_t>(std::nearbyint(value));
  };
  const auto& scale = settings_.resized_crop_scale;
  const auto& ratio = settings_.resized_crop_ratio;
  const auto height = static_cast<double>(picture.height);
  const auto width = static_cast<double>(picture.width);
  std::uint64_t place = kResizedCrop;
  for (int attempt = 0; attempt < kCropAttempts; ++attempt, place += 2) {
    const double area = height * width * between(place, scale[0], scale[1]);
    const double shape = std::exp(between(place + 1, std::log(ratio[0]), std::log(ratio[1])));
    const PixelSize part = {rounded(std::sqrt(area / shape)), rounded(std::sqrt(area * shape))};
    if (part.height > 0 && part.height <= picture.height && part.width > 0 &&
        part.width <= picture.width) {
      constexpr std::uint64_t kCorner = kResizedCrop + 2 * kCropAttempts;
      return {below(kCorner, picture.height - part.height + 1),
              below(kCorner + 1, picture.width - part.width + 1), part};
    }
  }
  // No draw fits: the middle, in the nearest shape that is allowed.
  PixelSize part = picture;
  if (width / height < ratio[0]) {
    part.height = rounded(width / ratio[0]);
  } else if (width / height > ratio[1]) {
    part.width = rounded(height * ratio[1]);
  }
  part = {std::clamp<std::int64_t>(part.height, 1, picture.height),
          std::clamp<std::int64_t>(part.width, 1, picture.width)};
  return {(picture.height - part.height) / 2, (picture.width - part.width) / 2, part};
}

void SampleAugmentation::move(ImageView image, bool bilinear, float fill,
                              std::span<float> scratch) const {
  if (uniform(kHorizontal) < settings_.horizontal_flip) {
    flip_horizontally(image);
  }
  if (uniform(kVertical) < settings_.vertical_flip) {
    flip_vertically(image);
  }
  if (settings_.crop_padding > 0) {
    const std::int64_t places = 2 * settings_.crop_padding + 1;
    shift(image, below(kDown, places) - settings_.crop_padding,
          below(kRight, places) - settings_.crop_padding, padding_mode(settings_.padding_mode),
          fill, scratch);
  }
  if (settings_.rotation > 0) {
    rotate(image, between(kAngle, -settings_.rotation, settings_.rotation), bilinear, fill,
           scratch);
  }
}

void SampleAugmentation::recolour(ImageView image, float white) const {
  std::array<int, 4> order = {0, 1, 2, 3};
  for (int last = 3; last > 0; --last) {
    const auto other = below(kOrder + static_cast<std::uint64_t>(3 - last), last + 1);
    std::swap(order[static_cast<std::size_t>(last)], order[static_cast<std::size_t>(other)]);
  }
  const auto factor = [&](int which, double strength) {
    return static_cast<float>(between(kFactors + static_cast<std::uint64_t>(which),
                                      std::max(0.0, 1 - strength), 1 + strength));
  };
  for (const int which : order) {
    if (which == 0 && settings_.brightness > 0) {
      adjust_brightness(image, factor(which, settings_.brightness), white);
    } else if (which == 1 && settings_.contrast > 0) {
      adjust_contrast(image, factor(which, settings_.contrast), white);
    } else if (which == 2 && settings_.saturation > 0) {
      adjust_saturation(image, factor(which, settings_.saturation), white);
    } else if (which == 3 && settings_.hue > 0) {
      adjust_hue(image, static_cast<float>(between(kFactors + 3, -settings_.hue, settings_.hue)),
                 white);
    }
  }
}

// Box and Muller: two normal numbers from two uniform ones.
void SampleAugmentation::add_noise(ImageView image, float white) const {
  const auto deviation = static_cast<float>(settings_.noise);
  for (std::int64_t i = 0; i < image.count(); i += 2) {
    const auto place = static_cast<std::uint64_t>(kNoise) + static_cast<std::uint64_t>(i);
    const double radius = std::sqrt(-2 * std::log(1 - uniform(place)));
    const double angle = 2 * std::numbers::pi * uniform(place + 1);
    image.pixels[i] += deviation * static_cast<float>(radius * std::cos(angle));
    if (i + 1 < image.count()) {
      image.pixels[i + 1] += deviation * static_cast<float>(radius * std::sin(angle));
    }
  }
  for (std::int64_t i = 0; white > 0 && i < image.count(); ++i) {
    image.pixels[i] = std::clamp(image.pixels[i], 0.0f, white);
  }
}

// A rectangle that does not fit is drawn anew, ten times at most, as torchvision does.
void SampleAugmentation::erase_part(ImageView image) const {
  if (!(uniform(kErase) < settings_.erasing)) {
    return;
  }
  const auto area = static_cast<double>(image.plane());
  std::uint64_t place = kErasePlaces;
  for (int attempt = 0; attempt < kEraseAttempts; ++attempt, place += 2) {
    const double erased =
        area * between(place, settings_.erasing_scale[0], settings_.erasing_scale[1]);
    const double ratio = std::exp(between(place + 1, std::log(settings_.erasing_ratio[0]),
                                          std::log(settings_.erasing_ratio[1])));
    const auto height = static_cast<std::int64_t>(std::nearbyint(std::sqrt(erased * ratio)));
    const auto width = static_cast<std::int64_t>(std::nearbyint(std::sqrt(erased / ratio)));
    if (height < image.height && width < image.width) {
      constexpr std::uint64_t kCorner = kErasePlaces + 2 * kEraseAttempts;
      erase(image, below(kCorner, image.height - height + 1),
            below(kCorner + 1, image.width - width + 1), height, width);
      return;
    }
  }
}

}  // namespace temper::training
