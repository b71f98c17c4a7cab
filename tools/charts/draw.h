// Drawing of each kind of chart into a part of a page; PNG, SVG and figures share it.
#pragma once

#include "tools/charts/canvas.h"
#include "tools/charts/figure.h"

namespace temper::charts {

// The room a chart needs when `base` is what a plain one gets. `cairo` measures texts.
Size natural_size(const Panel& panel, Size base, cairo_t* cairo);
Size natural_size(const BarChart& chart, Size base, cairo_t* cairo);
Size natural_size(const HeatMap& map, Size base, cairo_t* cairo);

void draw(const Panel& panel, const Frame& area, cairo_t* cairo);
void draw(const Chart& chart, const Frame& area, cairo_t* cairo);
void draw(const BarChart& chart, const Frame& area, cairo_t* cairo);
void draw(const Histogram& histogram, const Frame& area, cairo_t* cairo);
void draw(const QuantileBands& bands, const Frame& area, cairo_t* cairo);
void draw(const HeatMap& map, const Frame& area, cairo_t* cairo);

}  // namespace temper::charts
