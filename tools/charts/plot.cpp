#include "tools/charts/plot.h"

#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "runtime/base/concat.h"

namespace temper::charts {
namespace {

bool is_decade(double value) {
  const double exponent = std::log10(value);
  return std::abs(exponent - std::round(exponent)) < 1e-9;
}

// Which numbers of the x axis are shown: the decades of a logarithm before what is between them.
std::vector<bool> shown_numbers(const Plot& plot, cairo_t* cairo) {
  constexpr double kGap = 10;
  struct Span {
    double left, right;
  };
  std::vector<Span> taken;
  std::vector<bool> shown(plot.x.ticks.size(), false);
  for (const bool decades : {true, false}) {
    for (std::size_t i = 0; i < plot.x.ticks.size(); ++i) {
      const Tick& tick = plot.x.ticks[i];
      if (tick.label.empty() || (!plot.x.log || is_decade(tick.value)) != decades) {
        continue;
      }
      const double middle = plot.frame.left + plot.frame.width * plot.x.fraction(tick.value);
      const double half = text_width(cairo, tick.label) / 2 + kGap / 2;
      const Span span = {middle - half, middle + half};
      shown[i] = std::none_of(taken.begin(), taken.end(), [&](const Span& other) {
        return span.left < other.right && other.left < span.right;
      });
      if (shown[i]) {
        taken.push_back(span);
      }
    }
  }
  return shown;
}

// The names of the vertical markers stand in rows at the top, each where its row is still free.
void draw_vertical_markers(const Plot& plot, const std::vector<Marker>& markers, cairo_t* cairo) {
  constexpr double kRow = 18;
  constexpr double kGap = 7;
  const Frame& frame = plot.frame;
  std::vector<const Marker*> ordered;
  for (const Marker& marker : markers) {
    if (std::isfinite(marker.at) && (!plot.x.log || marker.at > 0)) {
      ordered.push_back(&marker);
    }
  }
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const Marker* a, const Marker* b) { return a->at < b->at; });
  // All lines before all labels, so that no line crosses its neighbour's label.
  set_color(cairo, kMarkerInk, 0.85);
  cairo_set_line_width(cairo, 1.4);
  set_dash(cairo, 5, 4);
  for (const Marker* marker : ordered) {
    const double fraction = plot.x.fraction(marker->at);
    if (fraction >= -1e-9 && fraction <= 1 + 1e-9) {
      const double x = crisp(frame.left + frame.width * std::clamp(fraction, 0.0, 1.0));
      line(cairo, x, frame.top, x, frame.bottom());
    }
  }
  clear_dash(cairo);
  set_color(cairo, kMarkerInk);
  std::vector<double> row_ends;
  for (const Marker* marker : ordered) {
    const double fraction = plot.x.fraction(marker->at);
    const bool left_out = fraction < -1e-9;
    const bool right_out = fraction > 1 + 1e-9;
    const std::string label = left_out    ? "\u2190 " + marker->label
                              : right_out ? marker->label + " \u2192"
                                          : marker->label;
    const double x = frame.left + frame.width * std::clamp(fraction, 0.0, 1.0);
    const double width = text_width(cairo, label);
    const bool to_the_left = x + kGap + width > frame.right();
    const double start = to_the_left ? x - kGap - width : x + kGap;
    std::size_t row = 0;
    while (row < row_ends.size() && row_ends[row] > start - 4) {
      ++row;
    }
    row_ends.resize(std::max(row_ends.size(), row + 1));
    row_ends[row] = start + width + (to_the_left ? kGap : 0);
    show_text_on_lines(cairo, label, start, frame.top + 15 + kRow * static_cast<double>(row), 0);
  }
}

void draw_horizontal_markers(const Plot& plot, const std::vector<Marker>& markers, cairo_t* cairo) {
  const Frame& frame = plot.frame;
  for (const Marker& marker : markers) {
    if (!std::isfinite(marker.at) || (plot.y.log && marker.at <= 0)) {
      continue;
    }
    const double fraction = plot.y.fraction(marker.at);
    const bool above = fraction > 1 + 1e-9;
    const bool below = fraction < -1e-9;
    const std::string label = above   ? "\u2191 " + marker.label
                              : below ? "\u2193 " + marker.label
                                      : marker.label;
    const double y = frame.bottom() - frame.height * std::clamp(fraction, 0.0, 1.0);
    if (!above && !below) {
      set_color(cairo, kMarkerInk, 0.85);
      cairo_set_line_width(cairo, 1.4);
      set_dash(cairo, 5, 4);
      line(cairo, frame.left, crisp(y), frame.right(), crisp(y));
      clear_dash(cairo);
    }
    const double text_y = y - 6 < frame.top + 14 ? y + 16 : y - 6;
    set_color(cairo, kMarkerInk);
    show_text_on_lines(cairo, label, frame.left + 8, text_y, 0);
  }
}

constexpr double kLegendMark = 34;  // from an entry's beginning to its name
constexpr double kLegendGap = 26;   // between entries
constexpr double kLegendRow = 22;
constexpr double kLegendRise = 20;  // of the first row's base line over a plot with one row

struct LegendPlace {
  double x = 0;  // where the entry begins, on its base line
  double y = 0;
  double end = 0;  // where the next one could begin
  std::string name;
};

// As many entries as fit, each behind the one before or at the beginning of the next row.
std::vector<LegendPlace> place_legend(const std::vector<LegendEntry>& entries, const Frame& area,
                                      cairo_t* cairo) {
  constexpr double kMargin = 24;
  constexpr double kLongestName = 260;
  constexpr double kCountRoom = 90;  // of "and 12 more"
  set_font(cairo, kLabelSize);
  std::vector<LegendPlace> places;
  double x = area.left + kMargin;
  int row = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string name = middle_fitting_text(cairo, entries[i].name, kLongestName);
    const double width = kLegendMark + text_width(cairo, name);
    const bool counts = row + 1 == kMostLegendRows && i + 1 < entries.size();
    if (x + width > area.right() - 10 - (counts ? kCountRoom : 0) && !places.empty()) {
      if (++row == kMostLegendRows) {
        break;
      }
      x = area.left + kMargin;
    }
    places.push_back(
        {x, area.top + kPlotTop - kLegendRise + kLegendRow * row, x + width + kLegendGap, name});
    x += width + kLegendGap;
  }
  return places;
}

}  // namespace

int tick_count(double pixels, double per_tick) {
  return std::max(2, static_cast<int>(pixels / per_tick));
}

double plot_top(const std::vector<LegendEntry>& entries, const Frame& area, cairo_t* cairo) {
  const std::vector<LegendPlace> places = place_legend(entries, area, cairo);
  const double first = area.top + kPlotTop - kLegendRise;
  return places.empty() ? kPlotTop : kPlotTop + places.back().y - first;
}

Plot make_plot(const Frame& area, const Axis& x, const Axis& y, double top, double right,
               cairo_t* cairo) {
  Plot plot;
  plot.x = x;
  plot.y = y;
  set_font(cairo, kTickSize);
  double widest = 0;
  for (const Tick& tick : plot.y.ticks) {
    widest = std::max(widest, text_width(cairo, tick.label));
  }
  const double left = 54 + widest;
  plot.frame = {area.left + left, area.top + top, std::max(40.0, area.width - right - left),
                std::max(40.0, area.height - top - kPlotBottom)};
  return plot;
}

void draw_axes(const Plot& plot, cairo_t* cairo) {
  const Frame& frame = plot.frame;
  cairo_set_line_width(cairo, 1);
  set_font(cairo, kTickSize);
  for (const Tick& tick : plot.y.ticks) {
    const double y = crisp(frame.bottom() - frame.height * plot.y.fraction(tick.value));
    set_color(cairo, tick.label.empty() ? kFineGrid : kGrid);
    line(cairo, frame.left, y, frame.right(), y);
    set_color(cairo, kFaintInk);
    show_text(cairo, tick.label, frame.left - 10, y + 5, 1);
  }
  const std::vector<bool> shown = shown_numbers(plot, cairo);
  for (std::size_t i = 0; i < plot.x.ticks.size(); ++i) {
    const double x = crisp(frame.left + frame.width * plot.x.fraction(plot.x.ticks[i].value));
    if (plot.x.log) {
      set_color(cairo, shown[i] ? kGrid : kFineGrid);
      line(cairo, x, frame.top, x, frame.bottom());
    }
    set_color(cairo, kGrid);
    line(cairo, x, frame.bottom(), x, frame.bottom() + 5);
    if (shown[i]) {
      set_color(cairo, kFaintInk);
      show_text(cairo, plot.x.ticks[i].label, x, frame.bottom() + 22, 0.5);
    }
  }
  set_color(cairo, kFaintInk);
  line(cairo, frame.left, crisp(frame.bottom()), frame.right(), crisp(frame.bottom()));
}

void draw_titles(const PlotTitles& titles, const Frame& area, const Frame& frame, cairo_t* cairo) {
  set_color(cairo, kInk);
  set_font(cairo, kTitleSize, true);
  show_text(cairo, fitting_text(cairo, titles.title, area.width - 48), area.left + 24,
            area.top + 38, 0);
  set_font(cairo, kLabelSize);
  show_text(cairo, fitting_text(cairo, titles.x_label, frame.width), frame.middle_x(),
            area.bottom() - 16, 0.5);
  show_upright_text(cairo, fitting_text(cairo, titles.y_label, frame.height), area.left + 30,
                    frame.middle_y());
}

void draw_legend(const std::vector<LegendEntry>& entries, const Frame& area, cairo_t* cairo) {
  const std::vector<LegendPlace> places = place_legend(entries, area, cairo);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const LegendEntry& entry = entries[i];
    const LegendPlace& at = places[i];
    set_color(cairo, entry.color, entry.alpha);
    if (entry.mark == LegendMark::kBox) {
      fill_box(cairo, {at.x, at.y - 12, 26, 14});
    } else {
      if (entry.mark == LegendMark::kDashedLine) {
        set_dash(cairo, 7, 4);
      }
      cairo_set_line_width(cairo, entry.line_width);
      line(cairo, at.x, at.y - 5, at.x + 26, at.y - 5);
      clear_dash(cairo);
    }
    set_color(cairo, kInk);
    show_text(cairo, at.name, at.x + kLegendMark, at.y, 0);
  }
  if (places.size() < entries.size()) {
    set_color(cairo, kFaintInk);
    show_text(cairo, concat("and ", entries.size() - places.size(), " more"), places.back().end,
              places.back().y, 0);
  }
}

void draw_markers(const Plot& plot, const std::vector<Marker>& vertical,
                  const std::vector<Marker>& horizontal, cairo_t* cairo) {
  set_font(cairo, kTickSize);
  draw_horizontal_markers(plot, horizontal, cairo);
  draw_vertical_markers(plot, vertical, cairo);
}

void include_markers(Range& range, const std::vector<Marker>& markers, bool log) {
  const auto position = [&](double value) { return log ? std::log(value) : value; };
  const double extent = position(range.high) - position(range.low);
  Range wider = range;
  for (const Marker& marker : markers) {
    if (!std::isfinite(marker.at) || (log && marker.at <= 0)) {
      continue;
    }
    const double below = position(range.low) - position(marker.at);
    const double above = position(marker.at) - position(range.high);
    if (std::max(below, above) <= 2 * extent) {
      wider.low = std::min(wider.low, marker.at);
      wider.high = std::max(wider.high, marker.at);
    }
  }
  range = wider;
}

void draw_no_values(const Frame& frame, cairo_t* cairo) {
  set_color(cairo, kFaintInk);
  set_font(cairo, kTitleSize);
  show_text(cairo, "no finite values", frame.middle_x(), frame.middle_y(), 0.5);
}

}  // namespace temper::charts
