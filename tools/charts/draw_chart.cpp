#include "tools/charts/draw_chart.h"

#include <cairo.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "tools/charts/axis.h"
#include "tools/charts/plot_points.h"

namespace temper::charts {
namespace {

struct Color {
  double red, green, blue;
};

// Told apart by all common kinds of colour vision (Okabe and Ito 2008).
constexpr std::array<Color, 7> kSeriesColors = {{{0.00, 0.45, 0.70},
                                                 {0.84, 0.37, 0.00},
                                                 {0.00, 0.62, 0.45},
                                                 {0.80, 0.47, 0.65},
                                                 {0.90, 0.62, 0.00},
                                                 {0.34, 0.71, 0.91},
                                                 {0.35, 0.35, 0.35}}};
constexpr Color kInk = {0.13, 0.13, 0.15};
constexpr Color kFaintInk = {0.40, 0.40, 0.43};
constexpr Color kGrid = {0.88, 0.88, 0.90};
constexpr Color kFineGrid = {0.95, 0.95, 0.96};

constexpr double kTitleSize = 21;
constexpr double kLabelSize = 15;
constexpr double kTickSize = 13.5;
constexpr double kPi = 3.14159265358979323846;

struct Frame {
  double left, top, width, height;

  double right() const { return left + width; }
  double bottom() const { return top + height; }
};

void set_color(cairo_t* cairo, Color color, double alpha = 1) {
  cairo_set_source_rgba(cairo, color.red, color.green, color.blue, alpha);
}

void set_font(cairo_t* cairo, double size, bool bold = false) {
  cairo_select_font_face(cairo, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                         bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, size);
}

double text_width(cairo_t* cairo, const std::string& text) {
  cairo_text_extents_t extents;
  cairo_text_extents(cairo, text.c_str(), &extents);
  return extents.x_advance;
}

// `anchor`: which part of the text stands at x: 0 its left end, 0.5 its middle, 1 its right end.
void show_text(cairo_t* cairo, const std::string& text, double x, double y, double anchor) {
  cairo_move_to(cairo, x - anchor * text_width(cairo, text), y);
  cairo_show_text(cairo, text.c_str());
  cairo_new_path(cairo);
}

// The text, shortened until it fits.
std::string fitting_text(cairo_t* cairo, std::string text, double width) {
  if (text_width(cairo, text) <= width) {
    return text;
  }
  while (!text.empty() && text_width(cairo, text + "...") > width) {
    do {
      text.pop_back();
    } while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0u) == 0x80u);
  }
  if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xc0u) {
    text.pop_back();  // the first byte of a character whose rest is gone
  }
  return text + "...";
}

void line(cairo_t* cairo, double x0, double y0, double x1, double y1) {
  cairo_move_to(cairo, x0, y0);
  cairo_line_to(cairo, x1, y1);
  cairo_stroke(cairo);
}

// The middle of a pixel, so that a line of width 1 is sharp.
double crisp(double position) { return std::floor(position) + 0.5; }

Color color_of(std::size_t index) { return kSeriesColors[index % kSeriesColors.size()]; }

// The series after the last colour repeat the colours with dashes.
void set_dash(cairo_t* cairo, std::size_t index) {
  const std::array<double, 2> dashes = {7, 4};
  cairo_set_dash(cairo, dashes.data(), index < kSeriesColors.size() ? 0 : 2, 0);
}

struct Plot {
  Frame frame;
  Axis x;
  Axis y;

  Point place(const Point& point) const {
    return {frame.left + frame.width * x.fraction(point.x),
            frame.bottom() - frame.height * y.fraction(point.y)};
  }
};

void draw_grid(const Plot& plot, cairo_t* cairo) {
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
  for (const Tick& tick : plot.x.ticks) {
    const double x = crisp(frame.left + frame.width * plot.x.fraction(tick.value));
    set_color(cairo, kGrid);
    line(cairo, x, frame.bottom(), x, frame.bottom() + 5);
    set_color(cairo, kFaintInk);
    show_text(cairo, tick.label, x, frame.bottom() + 22, 0.5);
  }
  set_color(cairo, kFaintInk);
  line(cairo, frame.left, crisp(frame.bottom()), frame.right(), crisp(frame.bottom()));
}

void draw_titles(const Chart& chart, const Frame& frame, cairo_t* cairo) {
  set_color(cairo, kInk);
  set_font(cairo, kTitleSize, true);
  const std::string title = fitting_text(cairo, chart.title, kChartWidth - 48);
  show_text(cairo, title, 24, 38, 0);
  set_font(cairo, kLabelSize);
  const std::string x_label = fitting_text(cairo, chart.x_label, frame.width);
  show_text(cairo, x_label, frame.left + frame.width / 2, kChartHeight - 16, 0.5);
  const std::string y_label = fitting_text(cairo, chart.y_label, frame.height);
  cairo_save(cairo);
  cairo_translate(cairo, 30, frame.top + frame.height / 2);
  cairo_rotate(cairo, -kPi / 2);
  show_text(cairo, y_label, 0, 0, 0.5);
  cairo_restore(cairo);
}

// In a row above the plot, where it covers no data. What does not fit is counted.
void draw_legend(const Chart& chart, const Frame& frame, cairo_t* cairo) {
  set_font(cairo, kLabelSize);
  double x = frame.left;
  const double y = frame.top - 20;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const std::string name = fitting_text(cairo, chart.series[i].name, 260);
    const double width = 34 + text_width(cairo, name) + 26;
    if (x + width > kChartWidth - 90 && i + 1 < chart.series.size()) {
      set_color(cairo, kFaintInk);
      show_text(cairo, "and " + std::to_string(chart.series.size() - i) + " more", x, y, 0);
      return;
    }
    set_color(cairo, color_of(i));
    set_dash(cairo, i);
    cairo_set_line_width(cairo, 3.5);
    line(cairo, x, y - 5, x + 26, y - 5);
    cairo_set_dash(cairo, nullptr, 0, 0);
    set_color(cairo, kInk);
    show_text(cairo, name, x + 34, y, 0);
    x += width;
  }
}

void draw_points(const Plot& plot, const std::vector<Stretch>& stretches, cairo_t* cairo,
                 bool markers) {
  for (const Stretch& stretch : stretches) {
    for (const Point& point : stretch) {
      const Point at = plot.place(point);
      cairo_line_to(cairo, at.x, at.y);
    }
    cairo_stroke(cairo);
    if (markers || stretch.size() == 1) {
      for (const Point& point : stretch) {
        const Point at = plot.place(point);
        cairo_arc(cairo, at.x, at.y, stretch.size() == 1 ? 4 : 3, 0, 2 * kPi);
        cairo_fill(cairo);
      }
    }
  }
}

// A long noisy curve is drawn faintly with its moving average on top.
void draw_series(const Plot& plot, const std::vector<Stretch>& stretches, std::size_t index,
                 cairo_t* cairo) {
  constexpr std::size_t kMarkedPoints = 40;
  const std::size_t count = point_count(stretches);
  const std::vector<Stretch> smooth = smoothed(stretches);
  const auto columns = static_cast<int>(plot.frame.width);
  cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
  set_dash(cairo, index);
  if (!smooth.empty()) {
    cairo_set_line_width(cairo, 1);
    set_color(cairo, color_of(index), 0.28);
    draw_points(plot, thinned(stretches, plot.x.low, plot.x.high, columns), cairo, false);
  }
  cairo_set_line_width(cairo, 2.4);
  set_color(cairo, color_of(index));
  draw_points(plot, thinned(smooth.empty() ? stretches : smooth, plot.x.low, plot.x.high, columns),
              cairo, count <= kMarkedPoints);
  cairo_set_dash(cairo, nullptr, 0, 0);
}

// The last value of each series at its line's end, moved apart where they would overlap.
void draw_last_values(const Plot& plot, const std::vector<std::vector<Stretch>>& all,
                      cairo_t* cairo) {
  struct Label {
    Point at;
    std::string text;
    std::size_t index;
  };
  std::vector<Label> labels;
  for (std::size_t i = 0; i < all.size() && all.size() <= kSeriesColors.size(); ++i) {
    if (!all[i].empty()) {
      const std::vector<Stretch> smooth = smoothed(all[i]);
      const Point last = (smooth.empty() ? all[i] : smooth).back().back();
      labels.push_back({plot.place(last), number_text(last.y, 4), i});
    }
  }
  std::stable_sort(labels.begin(), labels.end(),
                   [](const Label& a, const Label& b) { return a.at.y < b.at.y; });
  constexpr double kGap = 17;
  for (std::size_t i = 1; i < labels.size(); ++i) {
    labels[i].at.y = std::max(labels[i].at.y, labels[i - 1].at.y + kGap);
  }
  double lowest = plot.frame.bottom() + 4;
  for (std::size_t i = labels.size(); i-- > 0; lowest -= kGap) {
    labels[i].at.y = std::min(labels[i].at.y, lowest);
    lowest = labels[i].at.y;
  }
  set_font(cairo, kTickSize, true);
  for (const Label& label : labels) {
    set_color(cairo, color_of(label.index));
    show_text(cairo, label.text, plot.frame.right() + 10, label.at.y + 5, 0);
  }
}

Plot make_plot(const Chart& chart, const std::vector<std::vector<Stretch>>& all, cairo_t* cairo) {
  Plot plot;
  const std::optional<Extent> extent = extent_of(all);
  const Extent range = extent.value_or(Extent{});
  const bool near_zero = range.low_x > 0 && range.low_x < 0.1 * range.high_x;
  plot.x = fitted_axis(near_zero ? 0 : range.low_x, range.high_x, 8, range.whole_x ? 1 : 0);
  plot.y = chart.log_y && extent ? log_axis(range.low_y, range.high_y)
                                 : rounded_axis(range.low_y, range.high_y, 6);
  set_font(cairo, kTickSize);
  double widest = 0;
  for (const Tick& tick : plot.y.ticks) {
    widest = std::max(widest, text_width(cairo, tick.label));
  }
  const double left = 54 + widest;
  plot.frame = {left, 96, kChartWidth - 96 - left, kChartHeight - 96 - 68};
  return plot;
}

}  // namespace

void draw_chart(const Chart& chart, cairo_t* cairo) {
  // Without hinting text has the same width on every surface.
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(cairo, options);
  cairo_font_options_destroy(options);

  cairo_set_source_rgb(cairo, 1, 1, 1);
  cairo_paint(cairo);
  std::vector<std::vector<Stretch>> all;
  for (const Series& series : chart.series) {
    all.push_back(finite_stretches(series, chart.log_y));
  }
  const Plot plot = make_plot(chart, all, cairo);
  draw_grid(plot, cairo);
  draw_titles(chart, plot.frame, cairo);
  draw_legend(chart, plot.frame, cairo);
  if (!extent_of(all)) {
    set_color(cairo, kFaintInk);
    set_font(cairo, kTitleSize);
    show_text(cairo, "no finite values", plot.frame.left + plot.frame.width / 2,
              plot.frame.top + plot.frame.height / 2, 0.5);
    return;
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    draw_series(plot, all[i], i, cairo);
  }
  draw_last_values(plot, all, cairo);
}

}  // namespace temper::charts
