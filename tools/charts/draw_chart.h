// The drawing function that PNG and SVG share.
#pragma once

#include "tools/charts/chart.h"

// cairo's own type, declared here so that only the .cpp files see its header.
typedef struct _cairo cairo_t;

namespace temper::charts {

// Draws kChartWidth x kChartHeight units, background included.
void draw_chart(const Chart& chart, cairo_t* cairo);

}  // namespace temper::charts
