// Bars: upright when the names fit below them, lying otherwise.
#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/base/error.h"
#include "tools/charts/draw.h"
#include "tools/charts/plot.h"

namespace temper::charts {
namespace {

constexpr double kValueRoom = 24;   // above upright bars, for their numbers
constexpr double kLyingBar = 20;    // the height of a lying bar
constexpr double kLyingGap = 8;     // between the groups of two names
constexpr double kTitleAlone = 66;  // above lying bars without a legend
constexpr double kUprightLeft = 110;
constexpr double kRight = 40;

void check(const BarChart& chart) {
  for (const BarSeries& series : chart.series) {
    TEMPER_ASSERT(series.values.size() == chart.names.size(), "bars '", series.name, "' have ",
                  series.values.size(), " values for ", chart.names.size(), " names");
  }
}

std::size_t shown_count(const BarChart& chart) {
  return std::min<std::size_t>(chart.names.size(), kMostBars);
}

bool has_bar(const BarChart& chart, double value) {
  return std::isfinite(value) && std::abs(value) < 1e300 && (!chart.log || value > 0);
}

std::string value_text(const BarChart& chart, double value) {
  return std::isfinite(value) ? number_text(value, chart.digits) : "no value";
}

double widest_value(const BarChart& chart, cairo_t* cairo) {
  set_font(cairo, kTickSize);
  double widest = 0;
  for (const BarSeries& series : chart.series) {
    for (std::size_t i = 0; i < shown_count(chart); ++i) {
      widest = std::max(widest, text_width(cairo, value_text(chart, series.values[i])));
    }
  }
  return widest;
}

bool stands(const BarChart& chart, double width, cairo_t* cairo) {
  if (chart.horizontal || chart.names.empty() || chart.names.size() > kMostBars) {
    return false;
  }
  const double slot = (width - kUprightLeft - kRight) / static_cast<double>(chart.names.size());
  set_font(cairo, kTickSize);
  for (const std::string& name : chart.names) {
    if (text_width(cairo, name) + 10 > slot) {
      return false;
    }
  }
  const auto series = static_cast<double>(std::max<std::size_t>(1, chart.series.size()));
  return (widest_value(chart, cairo) + 4) * series <= slot;
}

Axis value_axis(const BarChart& chart, double pixels, double per_tick) {
  std::optional<Range> range;
  for (const BarSeries& series : chart.series) {
    for (const double value : series.values) {
      if (has_bar(chart, value)) {
        range = range ? Range{std::min(range->low, value), std::max(range->high, value)}
                      : Range{value, value};
      }
    }
  }
  if (!range) {
    return rounded_axis(0, 1, tick_count(pixels, per_tick));
  }
  include_markers(*range, chart.markers, chart.log);
  if (chart.log) {  // the smallest bar must be seen too
    return log_axis(range->low / 2, std::max(range->high, range->low * 4));
  }
  return rounded_axis(std::min(0.0, range->low), std::max(0.0, range->high),
                      tick_count(pixels, per_tick));
}

// Where bars begin: at zero, or at the end of a logarithmic axis.
double base_of(const Axis& axis) {
  return axis.log ? axis.low : std::clamp(0.0, axis.low, axis.high);
}

// The series after the last colour repeat the colours, paler.
double bar_alpha(std::size_t s) { return s < kSeriesColors.size() ? 1 : 0.45; }

std::vector<LegendEntry> legend_of(const BarChart& chart) {
  std::vector<LegendEntry> entries;
  for (std::size_t s = 0; s < chart.series.size() && chart.series.size() > 1; ++s) {
    entries.push_back({chart.series[s].name, color_of(s), LegendMark::kBox, bar_alpha(s)});
  }
  return entries;
}

void draw_upright_bars(const BarChart& chart, const Plot& plot, cairo_t* cairo) {
  const double slot = plot.frame.width / static_cast<double>(chart.names.size());
  const double bar = std::min(0.78 * slot / static_cast<double>(chart.series.size()), 90.0);
  const double base = plot.place({0, base_of(plot.y)}).y;
  set_font(cairo, kTickSize);
  for (std::size_t i = 0; i < chart.names.size(); ++i) {
    const double middle = plot.frame.left + (static_cast<double>(i) + 0.5) * slot;
    set_color(cairo, kFaintInk);
    show_text(cairo, chart.names[i], middle, plot.frame.bottom() + 22, 0.5);
    double left = middle - bar * static_cast<double>(chart.series.size()) / 2;
    for (std::size_t s = 0; s < chart.series.size(); ++s, left += bar) {
      const double value = chart.series[s].values[i];
      double end = base;
      if (has_bar(chart, value)) {
        end = plot.place({0, value}).y;
        set_color(cairo, color_of(s), bar_alpha(s));
        fill_box(cairo, {left + 1, std::min(base, end), bar - 2, std::abs(base - end)});
      }
      set_color(cairo, kInk);
      show_text(cairo, value_text(chart, value), left + bar / 2,
                value < 0 && end > base ? end + 16 : end - 6, 0.5);
    }
  }
}

void draw_upright(const BarChart& chart, const Frame& area, cairo_t* cairo) {
  Axis x;
  x.high = static_cast<double>(chart.names.size());
  const std::vector<LegendEntry> legend = legend_of(chart);
  const double top = plot_top(legend, area, cairo) + kValueRoom;
  const Axis y = value_axis(chart, area.height - top - kPlotBottom, 70);
  const Plot plot = make_plot(area, x, y, top, kRight, cairo);
  draw_axes(plot, cairo);
  draw_titles({chart.title, chart.name_label, chart.value_label}, area, plot.frame, cairo);
  draw_legend(legend, area, cairo);
  draw_upright_bars(chart, plot, cairo);
  draw_markers(plot, {}, chart.markers, cairo);
}

double group_height(const BarChart& chart) {
  return kLyingBar * static_cast<double>(std::max<std::size_t>(1, chart.series.size())) + kLyingGap;
}

void draw_lying_bars(const BarChart& chart, const Plot& plot, double name_room, cairo_t* cairo) {
  const double slot = plot.frame.height / static_cast<double>(shown_count(chart));
  const double bar = (slot - std::min(kLyingGap, slot * 0.3)) /
                     static_cast<double>(std::max<std::size_t>(1, chart.series.size()));
  const double base = plot.place({base_of(plot.x), 0}).x;
  set_font(cairo, kTickSize);
  for (std::size_t i = 0; i < shown_count(chart); ++i) {
    const double middle = plot.frame.top + (static_cast<double>(i) + 0.5) * slot;
    set_color(cairo, kInk);
    show_text(cairo, middle_fitting_text(cairo, chart.names[i], name_room), plot.frame.left - 10,
              middle + 5, 1);
    double top = middle - bar * static_cast<double>(chart.series.size()) / 2;
    for (std::size_t s = 0; s < chart.series.size(); ++s, top += bar) {
      const double value = chart.series[s].values[i];
      double end = base;
      if (has_bar(chart, value)) {
        end = plot.place({value, 0}).x;
        set_color(cairo, color_of(s), bar_alpha(s));
        fill_box(cairo, {std::min(base, end), top + 1, std::abs(base - end), bar - 2});
      }
      set_color(cairo, kFaintInk);
      show_text_on_lines(cairo, value_text(chart, value), std::max(base, end) + 6,
                         top + bar / 2 + 5, 0);
    }
  }
}

// The lines of the value axis, its numbers below.
void draw_value_grid(const Plot& plot, cairo_t* cairo) {
  set_font(cairo, kTickSize);
  cairo_set_line_width(cairo, 1);
  double taken = -1e300;
  for (const Tick& tick : plot.x.ticks) {
    const double x = crisp(plot.place({tick.value, 0}).x);
    set_color(cairo, tick.label.empty() ? kFineGrid : kGrid);
    line(cairo, x, plot.frame.top, x, plot.frame.bottom());
    const double half = text_width(cairo, tick.label) / 2;
    if (!tick.label.empty() && x - half > taken + 10) {
      set_color(cairo, kFaintInk);
      show_text(cairo, tick.label, x, plot.frame.bottom() + 22, 0.5);
      taken = x + half;
    }
  }
  const double base = crisp(plot.place({base_of(plot.x), 0}).x);
  set_color(cairo, kFaintInk);
  line(cairo, base, plot.frame.top, base, plot.frame.bottom());
}

void draw_lying(const BarChart& chart, const Frame& area, cairo_t* cairo) {
  set_font(cairo, kTickSize);
  double widest_name = 0;
  for (std::size_t i = 0; i < shown_count(chart); ++i) {
    widest_name = std::max(widest_name, text_width(cairo, chart.names[i]));
  }
  const double name_room = std::min(widest_name, 0.4 * area.width);
  const double left = 54 + name_room;
  const double right = 30 + widest_value(chart, cairo);
  const std::vector<LegendEntry> legend = legend_of(chart);
  const double top = legend.empty() ? kTitleAlone : plot_top(legend, area, cairo);
  Plot plot;
  plot.frame = {area.left + left, area.top + top, std::max(60.0, area.width - left - right),
                std::max(40.0, area.height - top - kPlotBottom)};
  plot.x = value_axis(chart, plot.frame.width, 95);
  draw_value_grid(plot, cairo);
  draw_titles({chart.title, chart.value_label, chart.name_label}, area, plot.frame, cairo);
  draw_legend(legend, area, cairo);
  draw_lying_bars(chart, plot, name_room, cairo);
  draw_markers(plot, chart.markers, {}, cairo);
  if (chart.names.size() > kMostBars) {
    set_font(cairo, kTickSize);
    set_color(cairo, kFaintInk);
    show_text(cairo, concat("and ", chart.names.size() - kMostBars, " more"), plot.frame.left - 10,
              plot.frame.bottom() + 16, 1);
  }
}

}  // namespace

Size natural_size(const BarChart& chart, Size base, cairo_t* cairo) {
  check(chart);
  if (stands(chart, base.width, cairo)) {
    return base;
  }
  const double bars = group_height(chart) * static_cast<double>(shown_count(chart));
  const double top = plot_top(legend_of(chart), {0, 0, base.width, base.height}, cairo);
  return {base.width, std::max(220.0, top + bars + kPlotBottom)};
}

void draw(const BarChart& chart, const Frame& area, cairo_t* cairo) {
  check(chart);
  if (chart.names.empty() || chart.series.empty()) {
    const Frame frame = {area.left + 54, area.top + kPlotTop, area.width - 94,
                         area.height - kPlotTop - kPlotBottom};
    draw_titles({chart.title, chart.value_label, chart.name_label}, area, frame, cairo);
    draw_no_values(frame, cairo);
  } else if (stands(chart, area.width, cairo)) {
    draw_upright(chart, area, cairo);
  } else {
    draw_lying(chart, area, cairo);
  }
}

}  // namespace temper::charts
