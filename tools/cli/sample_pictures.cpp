#include "tools/cli/sample_pictures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "runtime/base/concat.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "tools/charts/picture_sheet.h"

namespace temper::cli {
namespace {

// The values drawn black and white: the range generators end in (sigmoid, tanh), or what there is.
std::pair<double, double> range_of(const std::vector<double>& values) {
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  if (*low >= 0 && *high <= 1) {
    return {0, 1};
  }
  return *low >= -1 && *high <= 1 ? std::pair{-1.0, 1.0} : std::pair{*low, *high};
}

charts::Picture picture_of(const double* values, const Shape& shape,
                           std::pair<double, double> range) {
  charts::Picture picture;
  picture.channels = static_cast<int>(shape[1]);
  picture.height = static_cast<int>(shape[2]);
  picture.width = static_cast<int>(shape[3]);
  const std::int64_t plane = shape[2] * shape[3];
  const double span = std::max(range.second - range.first, 1e-12);
  for (std::int64_t pixel = 0; pixel < plane; ++pixel) {
    for (std::int64_t channel = 0; channel < shape[1]; ++channel) {
      const double share = (values[channel * plane + pixel] - range.first) / span;
      picture.pixels.push_back(
          static_cast<std::uint8_t>(std::lround(255 * std::clamp(share, 0.0, 1.0))));
    }
  }
  return picture;
}

}  // namespace

training::DrawnPicture draw_pictures(const std::string& title, const Tensor& samples,
                                     const std::vector<std::string>& captions, int columns) {
  const Shape& shape = samples.shape();
  if (shape.rank() != 4 || (shape[1] != 1 && shape[1] != 3) || !charts::why_no_charts().empty()) {
    return {};
  }
  const std::vector<double> values = samples.values<double>();
  const std::pair<double, double> range = range_of(values);
  const std::int64_t elements = shape.count(1, 4);
  charts::PictureSheet sheet;
  sheet.title = title;
  sheet.columns = columns;
  for (std::int64_t i = 0; i < shape[0]; ++i) {
    sheet.pictures.push_back(picture_of(values.data() + i * elements, shape, range));
    if (!captions.empty()) {
      sheet.pictures.back().caption = captions[static_cast<std::size_t>(i)];
    }
  }
  if (captions.empty()) {
    sheet.scale = std::max(1, static_cast<int>(48 / std::max(shape[2], shape[3])));
  }
  charts::Png png = charts::picture_sheet_png(sheet);
  return {png.width, png.height, std::move(png.bytes)};
}

training::DrawnPicture draw_samples(std::int64_t step, const Tensor& samples,
                                    std::int64_t columns) {
  return draw_pictures(concat("Samples after step ", step), samples, {}, static_cast<int>(columns));
}

std::string write_samples(const std::string& run_directory, std::int64_t step,
                          const training::DrawnPicture& picture) {
  const std::string folder = join_path(run_directory, "samples");
  make_directories(folder);
  char name[48];
  std::snprintf(name, sizeof name, "step-%08lld.png", static_cast<long long>(step));
  const std::string path = join_path(folder, name);
  write_file_atomically(path, picture.png);
  return path;
}

}  // namespace temper::cli
