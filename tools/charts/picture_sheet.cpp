#include "tools/charts/picture_sheet.h"

#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "tools/charts/canvas.h"
#include "tools/charts/surface.h"

namespace temper::charts {
namespace {

constexpr double kMargin = 16;
constexpr double kCaptionSize = 13;
constexpr double kCaptionLine = 17;
constexpr double kTitleRow = 40;
constexpr double kLeastCaptionedWidth = 96;
constexpr double kSmallPicture = 96;

struct Sheet {
  Size cell;  // a picture's room without its caption
  double gap = 0;
  double top = 0;
  std::size_t columns = 0;
  std::size_t rows = 0;
  std::size_t caption_lines = 0;
  int scale = 1;
  Size page;

  double cell_height() const {
    return cell.height + (caption_lines == 0 ? 0 : 6 + kCaptionLine * double(caption_lines));
  }
};

std::vector<std::string> lines_of(const std::string& caption) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < caption.size();) {
    const std::size_t end = std::min(caption.find('\n', begin), caption.size());
    lines.push_back(caption.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

void check(const PictureSheet& sheet) {
  TEMPER_ASSERT(!sheet.pictures.empty(), "a picture sheet without pictures");
  for (const Picture& picture : sheet.pictures) {
    const bool sized = picture.height > 0 && picture.width > 0 && picture.height <= kMostPixels &&
                       picture.width <= kMostPixels &&
                       (picture.channels == 1 || picture.channels == 3);
    TEMPER_ASSERT(sized && picture.pixels.size() == static_cast<std::size_t>(picture.height) *
                                                        static_cast<std::size_t>(picture.width) *
                                                        static_cast<std::size_t>(picture.channels),
                  "picture '", picture.caption, "' of ", picture.height, " x ", picture.width,
                  " x ", picture.channels, " has ", picture.pixels.size(), " bytes");
  }
}

Sheet layout_of(const PictureSheet& pictures) {
  check(pictures);
  Sheet sheet;
  double height = 0;
  double width = 0;
  for (const Picture& picture : pictures.pictures) {
    height = std::max<double>(height, picture.height);
    width = std::max<double>(width, picture.width);
    sheet.caption_lines = std::max(sheet.caption_lines, lines_of(picture.caption).size());
  }
  const double side = std::max(height, width);
  sheet.scale = pictures.scale > 0 ? pictures.scale
                                   : std::max(1, static_cast<int>(std::ceil(kSmallPicture / side)));
  sheet.cell = {width * sheet.scale, height * sheet.scale};
  if (sheet.caption_lines > 0) {
    sheet.cell.width = std::max(sheet.cell.width, kLeastCaptionedWidth);
  }
  sheet.gap = sheet.caption_lines > 0 ? 14 : 4;
  sheet.top = kMargin + (pictures.title.empty() ? 0 : kTitleRow);
  const auto count = static_cast<double>(pictures.pictures.size());
  const double square = std::ceil(
      std::sqrt(count * (sheet.cell_height() + sheet.gap) / (sheet.cell.width + sheet.gap)));
  const double columns = pictures.columns > 0 ? pictures.columns : std::max(1.0, square);
  sheet.columns = static_cast<std::size_t>(std::min(columns, count));
  sheet.rows = (pictures.pictures.size() + sheet.columns - 1) / sheet.columns;
  const auto extent = [&](std::size_t n, double each) {
    return static_cast<double>(n) * (each + sheet.gap) - sheet.gap;
  };
  sheet.page = {2 * kMargin + extent(sheet.columns, sheet.cell.width),
                sheet.top + extent(sheet.rows, sheet.cell_height()) + kMargin};
  if (!pictures.title.empty()) {
    sheet.page.width = std::max(sheet.page.width, 320.0);
  }
  return sheet;
}

// One box per pixel would be slow; cairo paints a surface of the pixels, enlarged without
// smoothing.
void paint_picture(const Picture& picture, const Frame& box, cairo_t* cairo) {
  const int stride = cairo_format_stride_for_width(CAIRO_FORMAT_RGB24, picture.width);
  std::vector<unsigned char> rows(static_cast<std::size_t>(stride) *
                                  static_cast<std::size_t>(picture.height));
  const auto channels = static_cast<std::size_t>(picture.channels);
  std::size_t from = 0;
  for (int y = 0; y < picture.height; ++y) {
    auto* row =
        reinterpret_cast<std::uint32_t*>(rows.data() + std::size_t(y) * std::size_t(stride));
    for (int x = 0; x < picture.width; ++x, from += channels) {
      const std::uint32_t red = picture.pixels[from];
      const std::uint32_t green = picture.pixels[from + (channels == 3 ? 1 : 0)];
      const std::uint32_t blue = picture.pixels[from + (channels == 3 ? 2 : 0)];
      row[x] = red << 16 | green << 8 | blue;
    }
  }
  cairo_surface_t* surface = cairo_image_surface_create_for_data(
      rows.data(), CAIRO_FORMAT_RGB24, picture.width, picture.height, stride);
  cairo_save(cairo);
  cairo_translate(cairo, box.left, box.top);
  cairo_scale(cairo, box.width / picture.width, box.height / picture.height);
  cairo_set_source_surface(cairo, surface, 0, 0);
  cairo_pattern_set_filter(cairo_get_source(cairo), CAIRO_FILTER_NEAREST);
  cairo_rectangle(cairo, 0, 0, picture.width, picture.height);
  cairo_fill(cairo);
  cairo_restore(cairo);
  cairo_surface_destroy(surface);
}

void draw_sheet(const PictureSheet& pictures, const Sheet& sheet, cairo_t* cairo) {
  if (!pictures.title.empty()) {
    set_font(cairo, kTitleSize, true);
    set_color(cairo, kInk);
    show_text(cairo, fitting_text(cairo, pictures.title, sheet.page.width - 2 * kMargin), kMargin,
              kMargin + 18, 0);
  }
  for (std::size_t i = 0; i < pictures.pictures.size(); ++i) {
    const Picture& picture = pictures.pictures[i];
    const double left =
        kMargin + static_cast<double>(i % sheet.columns) * (sheet.cell.width + sheet.gap);
    const double top =
        sheet.top + static_cast<double>(i / sheet.columns) * (sheet.cell_height() + sheet.gap);
    const double width = picture.width * sheet.scale;
    const double height = picture.height * sheet.scale;
    paint_picture(picture,
                  {left + std::floor((sheet.cell.width - width) / 2),
                   top + std::floor((sheet.cell.height - height) / 2), width, height},
                  cairo);
    set_font(cairo, kCaptionSize);
    set_color(cairo, kInk);
    double baseline = top + sheet.cell.height + 16;
    for (const std::string& text : lines_of(picture.caption)) {
      show_text(cairo, middle_fitting_text(cairo, text, sheet.cell.width),
                left + sheet.cell.width / 2, baseline, 0.5);
      baseline += kCaptionLine;
    }
  }
}

}  // namespace

Png picture_sheet_png(const PictureSheet& pictures) {
  const Sheet sheet = layout_of(pictures);
  return png_page(sheet.page, [&](cairo_t* cairo) { draw_sheet(pictures, sheet, cairo); });
}

void write_picture_sheet(const PictureSheet& sheet, const std::string& png_path) {
  write_file_atomically(png_path, picture_sheet_png(sheet).bytes);
}

}  // namespace temper::charts
