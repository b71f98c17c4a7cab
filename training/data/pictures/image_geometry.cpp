// Where each pixel comes from: flips, shifts, rotation.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "runtime/base/error.h"
#include "training/data/pictures/image_ops.h"

namespace temper::training {
namespace {

// The place in 0..size-1 that a place outside stands for; -1: none.
std::int64_t padded_place(std::int64_t place, std::int64_t size, PaddingMode mode) {
  if (place >= 0 && place < size) {
    return place;
  }
  switch (mode) {
    case PaddingMode::kConstant:
      return -1;
    case PaddingMode::kEdge:
      return std::clamp<std::int64_t>(place, 0, size - 1);
    case PaddingMode::kReflect:  // without repeating the edge
      return place < 0 ? -place : 2 * (size - 1) - place;
  }
  return -1;
}

bool inside(const ImageView& image, std::int64_t y, std::int64_t x) {
  return y >= 0 && y < image.height && x >= 0 && x < image.width;
}

// As PyTorch's grid_sample with zeros around and torchvision's mask of what lies inside: a pixel is
// sample * share + (1 - share) * fill.
float sample_bilinear(const ImageView& image, const float* plane, double y, double x, float fill) {
  const auto top = static_cast<std::int64_t>(std::floor(y));
  const auto left = static_cast<std::int64_t>(std::floor(x));
  const double down = y - static_cast<double>(top);
  const double right = x - static_cast<double>(left);
  double sum = 0;
  double share = 0;
  for (int corner = 0; corner < 4; ++corner) {
    const std::int64_t cy = top + corner / 2;
    const std::int64_t cx = left + corner % 2;
    const double weight =
        (corner / 2 == 0 ? 1 - down : down) * (corner % 2 == 0 ? 1 - right : right);
    if (inside(image, cy, cx)) {
      sum += weight * static_cast<double>(plane[cy * image.width + cx]);
      share += weight;
    }
  }
  return static_cast<float>(sum * share + (1 - share) * static_cast<double>(fill));
}

}  // namespace

PaddingMode padding_mode(std::string_view name) {
  if (name == "edge") {
    return PaddingMode::kEdge;
  }
  TEMPER_ASSERT(name == "constant" || name == "reflect", name);
  return name == "reflect" ? PaddingMode::kReflect : PaddingMode::kConstant;
}

void flip_horizontally(ImageView image) {
  for (std::int64_t row = 0; row < image.channels * image.height; ++row) {
    float* line = image.pixels + row * image.width;
    std::reverse(line, line + image.width);
  }
}

void flip_vertically(ImageView image) {
  for (std::int64_t c = 0; c < image.channels; ++c) {
    float* plane = image.pixels + c * image.plane();
    for (std::int64_t y = 0; y < image.height / 2; ++y) {
      float* line = plane + y * image.width;
      std::swap_ranges(line, line + image.width, plane + (image.height - 1 - y) * image.width);
    }
  }
}

void shift(ImageView image, std::int64_t down, std::int64_t right, PaddingMode mode, float fill,
           std::span<float> scratch) {
  if (down == 0 && right == 0) {
    return;
  }
  std::copy_n(image.pixels, image.count(), scratch.data());
  for (std::int64_t c = 0; c < image.channels; ++c) {
    const float* from = scratch.data() + c * image.plane();
    float* to = image.pixels + c * image.plane();
    for (std::int64_t y = 0; y < image.height; ++y) {
      const std::int64_t source_y = padded_place(y + down, image.height, mode);
      for (std::int64_t x = 0; x < image.width; ++x) {
        const std::int64_t source_x = padded_place(x + right, image.width, mode);
        *to++ = source_y < 0 || source_x < 0 ? fill : from[source_y * image.width + source_x];
      }
    }
  }
}

void rotate(ImageView image, double degrees, bool bilinear, float fill, std::span<float> scratch) {
  std::copy_n(image.pixels, image.count(), scratch.data());
  const double angle = -degrees * std::numbers::pi / 180;
  const double cosine = std::cos(angle);
  const double sine = std::sin(angle);
  const double middle_y = 0.5 * static_cast<double>(image.height - 1);
  const double middle_x = 0.5 * static_cast<double>(image.width - 1);
  for (std::int64_t y = 0; y < image.height; ++y) {
    for (std::int64_t x = 0; x < image.width; ++x) {
      const double dy = static_cast<double>(y) - middle_y;
      const double dx = static_cast<double>(x) - middle_x;
      const double from_y = cosine * dy - sine * dx + middle_y;
      const double from_x = cosine * dx + sine * dy + middle_x;
      const auto near_y = static_cast<std::int64_t>(std::nearbyint(from_y));
      const auto near_x = static_cast<std::int64_t>(std::nearbyint(from_x));
      for (std::int64_t c = 0; c < image.channels; ++c) {
        const float* plane = scratch.data() + c * image.plane();
        float& pixel = image.pixels[c * image.plane() + y * image.width + x];
        if (bilinear) {
          pixel = sample_bilinear(image, plane, from_y, from_x, fill);
        } else {
          pixel = inside(image, near_y, near_x) ? plane[near_y * image.width + near_x] : fill;
        }
      }
    }
  }
}

void erase(ImageView image, std::int64_t top, std::int64_t left, std::int64_t height,
           std::int64_t width) {
  TEMPER_ASSERT(top >= 0 && left >= 0 && top + height <= image.height &&
                left + width <= image.width);
  for (std::int64_t c = 0; c < image.channels; ++c) {
    for (std::int64_t y = top; y < top + height; ++y) {
      std::fill_n(image.pixels + c * image.plane() + y * image.width + left, width, 0.0f);
    }
  }
}

}  // namespace temper::training
