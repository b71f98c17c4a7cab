#include "tools/charts/chart.h"

#include <cairo.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <cairo-svg.h>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "tools/charts/draw_chart.h"

namespace temper::charts {
namespace {

struct SurfaceDeleter {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
struct ContextDeleter {
  void operator()(cairo_t* cairo) const { cairo_destroy(cairo); }
};
using SurfacePointer = std::unique_ptr<cairo_surface_t, SurfaceDeleter>;
using ContextPointer = std::unique_ptr<cairo_t, ContextDeleter>;

// cairo calls it with each piece of the file. No exception may pass through cairo.
cairo_status_t append_bytes(void* closure, const unsigned char* data, unsigned int length) {
  try {
    auto& bytes = *static_cast<std::vector<std::byte>*>(closure);
    const auto piece = std::as_bytes(std::span(data, length));
    bytes.insert(bytes.end(), piece.begin(), piece.end());
    return CAIRO_STATUS_SUCCESS;
  } catch (...) {
    return CAIRO_STATUS_NO_MEMORY;
  }
}

void require_success(cairo_status_t status) {
  TEMPER_CHECK(status != CAIRO_STATUS_NO_MEMORY, ErrorCode::kOutOfMemory,
               "not enough memory to draw a chart");
  TEMPER_ASSERT(status == CAIRO_STATUS_SUCCESS, "cairo: ", cairo_status_to_string(status));
}

// The length of the UTF-8 character at the start of `text`; 0 when it is none.
std::size_t character_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80                    ? 1
                             : lead >= 0xc2 && lead <= 0xdf ? 2
                             : lead >= 0xe0 && lead <= 0xef ? 3
                             : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                            : 0;
  if (length == 0 || length > text.size()) {
    return 0;
  }
  unsigned code = length == 1 ? lead : lead & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    const auto next = static_cast<unsigned char>(text[i]);
    if ((next & 0xc0u) != 0x80u) {
      return 0;
    }
    code = code << 6 | (next & 0x3fu);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  return overlong || surrogate || code > 0x10ffff ? 0 : length;
}

// One invalid byte would make cairo drop everything after it, and control characters are boxes.
std::string clean_text(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0 || (length == 1 && (text[0] < 0x20 || text[0] == 0x7f))) {
      clean += '?';
      text.remove_prefix(1);
    } else {
      clean += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return clean;
}

void draw_on(const Chart& chart, cairo_surface_t* surface) {
  const ContextPointer cairo(cairo_create(surface));
  draw_chart(chart, cairo.get());
  require_success(cairo_status(cairo.get()));
}

std::vector<std::byte> png_bytes(const Chart& chart) {
  std::vector<std::byte> bytes;
  const SurfacePointer surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, kChartWidth, kChartHeight));
  draw_on(chart, surface.get());
  require_success(cairo_surface_write_to_png_stream(surface.get(), append_bytes, &bytes));
  return bytes;
}

// cairo numbers its surfaces through the whole process ("surface32"); here they are numbered
// through the file, so that equal charts give equal bytes. Texts are outlines in an SVG: they never
// match.
std::string with_stable_ids(std::string_view svg) {
  constexpr std::string_view kPrefix = "surface";
  std::vector<std::string> known;
  std::string out;
  while (true) {
    const std::size_t found = svg.find(kPrefix);
    out += svg.substr(0, found);
    if (found == std::string_view::npos) {
      return out;
    }
    svg.remove_prefix(found + kPrefix.size());
    const std::string number(svg.substr(0, svg.find_first_not_of("0123456789")));
    svg.remove_prefix(number.size());
    const auto place = std::find(known.begin(), known.end(), number);
    out += concat(kPrefix, place - known.begin());
    if (place == known.end()) {
      known.push_back(number);
    }
  }
}

std::string svg_text(const Chart& chart) {
  std::vector<std::byte> bytes;
  const SurfacePointer surface(
      cairo_svg_surface_create_for_stream(append_bytes, &bytes, kChartWidth, kChartHeight));
  draw_on(chart, surface.get());
  cairo_surface_finish(surface.get());
  require_success(cairo_surface_status(surface.get()));
  return with_stable_ids({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

void write_chart(const Chart& chart, const std::string& path_without_suffix) {
  Chart clean = chart;
  clean.title = clean_text(chart.title);
  clean.x_label = clean_text(chart.x_label);
  clean.y_label = clean_text(chart.y_label);
  for (Series& series : clean.series) {
    series.name = clean_text(series.name);
  }
  write_file_atomically(path_without_suffix + ".png", png_bytes(clean));
  write_file_atomically(path_without_suffix + ".svg", svg_text(clean));
}

}  // namespace temper::charts
