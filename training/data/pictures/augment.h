// The random changes of one training sample: a pure function of (seed, epoch, row), so neither the
// batch size nor threads nor a resumed run change what a sample looks like.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "backends/common/philox.h"
#include "training/data/pictures/image_ops.h"
#include "training/data/pictures/image_resize.h"
#include "training/settings/augment_settings.h"

namespace temper::training {

class SampleAugmentation {
 public:
  SampleAugmentation(const AugmentSettings& settings, std::uint64_t seed, std::int64_t epoch,
                     std::int64_t row);

  // augment.resized_crop: a part of a picture of this size, as torchvision's RandomResizedCrop.
  PixelBox part_of(PixelSize picture) const;
  // Flips, crop, rotation: the same for every image and mask of a sample. `scratch` has
  // image.count() elements.
  void move(ImageView image, bool bilinear, float fill, std::span<float> scratch) const;
  // Brightness, contrast, saturation and hue, in an order of the sample's own.
  void recolour(ImageView image, float white) const;
  // Adds noise; `white` > 0 clamps to 0..white.
  void add_noise(ImageView image, float white) const;
  void erase_part(ImageView image) const;

 private:
  double uniform(std::uint64_t position) const;
  double between(std::uint64_t position, double low, double high) const;
  // A whole number in 0..count-1.
  std::int64_t below(std::uint64_t position, std::int64_t count) const;

  const AugmentSettings& settings_;
  PhiloxStream stream_;
};

}  // namespace temper::training
