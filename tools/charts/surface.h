// Pages of PNG and SVG: whatever a function draws becomes the bytes of a file.
#pragma once

#include <functional>
#include <string>

#include "tools/charts/canvas.h"
#include "tools/charts/figure.h"

namespace temper::charts {

using DrawPage = std::function<void(cairo_t*)>;

inline constexpr double kMostPixels = 32'000;  // cairo's own limit is 32,767

// The page is white when `draw` is called. Errors of cairo are kOutOfMemory or kInternal.
Png png_page(Size size, const DrawPage& draw);
std::string svg_page(Size size, const DrawPage& draw);

// Calls `measure` with a page that nothing is kept of: for the widths of texts.
void with_measuring_page(const DrawPage& measure);

}  // namespace temper::charts
