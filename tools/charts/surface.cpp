#include "tools/charts/surface.h"

#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include <cairo-svg.h>

#include "runtime/base/error.h"

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

void draw_on(cairo_surface_t* surface, const DrawPage& draw) {
  const ContextPointer cairo(cairo_create(surface));
  start_page(cairo.get());
  draw(cairo.get());
  require_success(cairo_status(cairo.get()));
}

Size whole_pixels(Size size) {
  TEMPER_ASSERT(size.width >= 1 && size.height >= 1 && size.width <= kMostPixels &&
                    size.height <= kMostPixels,
                "a chart of ", size.width, " x ", size.height, " pixels cannot be drawn");
  return {std::ceil(size.width), std::ceil(size.height)};
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

}  // namespace

Png png_page(Size size, const DrawPage& draw) {
  const Size page = whole_pixels(size);
  Png png;
  png.width = static_cast<int>(page.width);
  png.height = static_cast<int>(page.height);
  const SurfacePointer surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24, png.width, png.height));
  draw_on(surface.get(), draw);
  require_success(cairo_surface_write_to_png_stream(surface.get(), append_bytes, &png.bytes));
  return png;
}

std::string svg_page(Size size, const DrawPage& draw) {
  const Size page = whole_pixels(size);
  std::vector<std::byte> bytes;
  const SurfacePointer surface(
      cairo_svg_surface_create_for_stream(append_bytes, &bytes, page.width, page.height));
  draw_on(surface.get(), draw);
  cairo_surface_finish(surface.get());
  require_success(cairo_surface_status(surface.get()));
  return with_stable_ids({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void with_measuring_page(const DrawPage& measure) {
  const SurfacePointer surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, 1, 1));
  draw_on(surface.get(), measure);
}

}  // namespace temper::charts
