// After Pillow's libImaging/Resample.c and Geometry.c (MIT-CMU licence, https://python-pillow.org):
// the same double arithmetic for the weights, the same rounding of them to 22 bits.
#include "training/data/pictures/image_resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

constexpr int kPrecisionBits = 32 - 8 - 2;

struct Filter {
  double support;
  double (*weight)(double);
};

double bilinear_weight(double x) {
  const double distance = std::fabs(x);
  return distance < 1.0 ? 1.0 - distance : 0.0;
}

// Keys' cubic with a = -0.5.
double bicubic_weight(double x) {
  constexpr double a = -0.5;
  const double distance = std::fabs(x);
  if (distance < 1.0) {
    return ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1;
  }
  if (distance < 2.0) {
    return (((distance - 5) * distance + 8) * distance - 4) * a;
  }
  return 0.0;
}

Filter filter_of(Resampling how) {
  return how == Resampling::kBicubic ? Filter{2.0, &bicubic_weight} : Filter{1.0, &bilinear_weight};
}

// The source pixels of one result pixel and their weights.
struct Taps {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights;
};

// For results begin..begin+count-1 of `out` that are made from `in` pixels.
std::vector<Taps> taps_of(std::int64_t in, std::int64_t out, std::int64_t begin, std::int64_t count,
                          const Filter& filter) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double support = filter.support * stretch;
  std::vector<Taps> all(static_cast<std::size_t>(count));
  std::vector<double> weights;
  for (std::int64_t i = 0; i < count; ++i) {
    Taps& taps = all[static_cast<std::size_t>(i)];
    const double center = (static_cast<double>(begin + i) + 0.5) * scale;
    taps.first = std::max<std::int64_t>(static_cast<std::int64_t>(center - support + 0.5), 0);
    const std::int64_t end = std::min(static_cast<std::int64_t>(center + support + 0.5), in);
    weights.clear();
    double sum = 0;
    for (std::int64_t x = taps.first; x < end; ++x) {
      weights.push_back(filter.weight((static_cast<double>(x) - center + 0.5) * (1.0 / stretch)));
      sum += weights.back();
    }
    for (const double weight : weights) {
      const double share = sum != 0.0 ? weight / sum : weight;
      const double fixed = share * static_cast<double>(1 << kPrecisionBits);
      taps.weights.push_back(static_cast<std::int32_t>(share < 0 ? fixed - 0.5 : fixed + 0.5));
    }
  }
  return all;
}

constexpr std::int32_t kHalf = 1 << (kPrecisionBits - 1);

std::uint8_t clipped(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kPrecisionBits, 0, 255));
}

Picture blank(std::int64_t height, std::int64_t width, std::int64_t channels) {
  Picture made{height, width, channels, {}};
  made.pixels.resize(static_cast<std::size_t>(height * width * channels));
  return made;
}

const std::uint8_t* row_of(const Picture& picture, std::int64_t y) {
  return picture.pixels.data() + static_cast<std::size_t>(y) * picture.row_bytes();
}

// Rows top..top+height-1 from column `left` on, each result pixel by its taps.
template <int kChannels>
Picture resize_rows(const Picture& picture, std::int64_t top, std::int64_t height,
                    std::int64_t left, const std::vector<Taps>& all) {
  Picture made = blank(height, static_cast<std::int64_t>(all.size()), kChannels);
  std::uint8_t* to = made.pixels.data();
  for (std::int64_t y = 0; y < height; ++y) {
    const std::uint8_t* row = row_of(picture, top + y) + left * kChannels;
    for (const Taps& taps : all) {
      std::int32_t sums[kChannels];
      std::fill_n(sums, kChannels, kHalf);
      const std::uint8_t* from = row + taps.first * kChannels;
      for (const std::int32_t weight : taps.weights) {
        for (int c = 0; c < kChannels; ++c) {
          sums[c] += weight * from[c];
        }
        from += kChannels;
      }
      for (int c = 0; c < kChannels; ++c) {
        *to++ = clipped(sums[c]);
      }
    }
  }
  return made;
}

// `offset`: the picture's row of the taps' row 0.
Picture resize_columns(const Picture& picture, std::int64_t offset, const std::vector<Taps>& all) {
  Picture made = blank(static_cast<std::int64_t>(all.size()), picture.width, picture.channels);
  std::uint8_t* to = made.pixels.data();
  const std::size_t count = picture.row_bytes();
  std::vector<std::int32_t> sums(count);
  for (const Taps& taps : all) {
    std::fill(sums.begin(), sums.end(), kHalf);
    std::int64_t y = taps.first + offset;
    for (const std::int32_t weight : taps.weights) {
      const std::uint8_t* from = row_of(picture, y++);
      for (std::size_t i = 0; i < count; ++i) {
        sums[i] += weight * from[i];
      }
    }
    to = std::transform(sums.begin(), sums.end(), to, clipped);
  }
  return made;
}

Picture cropped(const Picture& picture, const PixelBox& box) {
  Picture made = blank(box.size.height, box.size.width, picture.channels);
  std::uint8_t* to = made.pixels.data();
  for (std::int64_t y = 0; y < box.size.height; ++y) {
    to = std::copy_n(row_of(picture, box.top + y) + box.left * picture.channels, made.row_bytes(),
                     to);
  }
  return made;
}

// Pillow adds the step up from result to result, so its rounding is part of the answer.
std::vector<std::int64_t> nearest_places(std::int64_t in, std::int64_t out, std::int64_t begin,
                                         std::int64_t count) {
  const double step = static_cast<double>(in) / static_cast<double>(out);
  double place = step * 0.5;
  std::vector<std::int64_t> places;
  for (std::int64_t i = 0; i < begin + count; ++i, place += step) {
    if (i >= begin) {
      places.push_back(std::min(static_cast<std::int64_t>(place), in - 1));
    }
  }
  return places;
}

Picture nearest(const Picture& picture, const PixelBox& part, PixelSize size,
                const PixelBox& window) {
  const auto rows = nearest_places(part.size.height, size.height, window.top, window.size.height);
  const auto columns = nearest_places(part.size.width, size.width, window.left, window.size.width);
  Picture made = blank(window.size.height, window.size.width, picture.channels);
  std::uint8_t* to = made.pixels.data();
  for (const std::int64_t y : rows) {
    const std::uint8_t* row = row_of(picture, part.top + y) + part.left * picture.channels;
    for (const std::int64_t x : columns) {
      to = std::copy_n(row + x * picture.channels, picture.channels, to);
    }
  }
  return made;
}

}  // namespace

Resampling resampling(std::string_view name) {
  TEMPER_ASSERT(name == "nearest" || name == "bilinear" || name == "bicubic", name);
  return name == "nearest"   ? Resampling::kNearest
         : name == "bicubic" ? Resampling::kBicubic
                             : Resampling::kBilinear;
}

Picture resize(const Picture& picture, const PixelBox& part, PixelSize size, Resampling how,
               const PixelBox& window) {
  TEMPER_ASSERT(part.top >= 0 && part.left >= 0 && part.size.height > 0 && part.size.width > 0 &&
                part.top + part.size.height <= picture.height &&
                part.left + part.size.width <= picture.width);
  TEMPER_ASSERT(window.top >= 0 && window.left >= 0 && window.size.height > 0 &&
                window.size.width > 0 && window.top + window.size.height <= size.height &&
                window.left + window.size.width <= size.width);
  const bool same_width = size.width == part.size.width;
  const bool same_height = size.height == part.size.height;
  if (same_width && same_height) {
    return cropped(picture, {part.top + window.top, part.left + window.left, window.size});
  }
  if (how == Resampling::kNearest) {
    return nearest(picture, part, size, window);
  }
  const Filter filter = filter_of(how);
  std::vector<Taps> rows;
  PixelBox needed{part.top + window.top, part.left + window.left, window.size};  // of the picture
  if (!same_height) {
    rows = taps_of(part.size.height, size.height, window.top, window.size.height, filter);
    const Taps& last = rows.back();
    needed.top = part.top + rows.front().first;
    needed.size.height =
        last.first + static_cast<std::int64_t>(last.weights.size()) - rows.front().first;
  }
  Picture narrow;
  if (same_width) {
    narrow = cropped(picture, needed);
  } else {
    const std::vector<Taps> columns =
        taps_of(part.size.width, size.width, window.left, window.size.width, filter);
    narrow = (picture.channels == 1 ? &resize_rows<1> : &resize_rows<3>)(picture, needed.top,
                                                                         needed.size.height,
                                                                         part.left, columns);
  }
  return same_height ? std::move(narrow) : resize_columns(narrow, -rows.front().first, rows);
}

}  // namespace temper::training
