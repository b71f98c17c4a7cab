// Heat maps: cells, their numbers, the names of rows and columns, the colour scale.
#include <cairo.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "runtime/base/error.h"
#include "tools/charts/axis.h"
#include "tools/charts/draw.h"
#include "tools/charts/plot.h"

namespace temper::charts {
namespace {

constexpr double kMostNameRoom = 170;
constexpr double kScaleRoom = 118;  // the colour scale with its numbers and label
constexpr double kTop = 66;
constexpr Color kDark = {0.03, 0.19, 0.42};
constexpr Color kMiddle = {0.26, 0.57, 0.78};
constexpr Color kEmpty = {0.93, 0.93, 0.93};

std::size_t rows(const HeatMap& map) { return map.row_names.size(); }
std::size_t columns(const HeatMap& map) { return map.column_names.size(); }

void check(const HeatMap& map) {
  TEMPER_ASSERT(map.values.size() == rows(map) * columns(map), "heat map '", map.title, "' has ",
                map.values.size(), " values for ", rows(map), " rows and ", columns(map),
                " columns");
  TEMPER_ASSERT(rows(map) <= kMostHeatMapNames && columns(map) <= kMostHeatMapNames, "heat map '",
                map.title, "' of ", rows(map), " x ", columns(map), " cells is too large to read");
}

Color between(Color a, Color b, double share) {
  return {a.red + (b.red - a.red) * share, a.green + (b.green - a.green) * share,
          a.blue + (b.blue - a.blue) * share};
}

// White, blue, dark blue: its lightness alone tells the value, whatever the eye.
Color scale_color(double share) {
  share = std::clamp(share, 0.0, 1.0);
  return share < 0.5 ? between(kPaper, kMiddle, 2 * share) : between(kMiddle, kDark, 2 * share - 1);
}

// What the colour of each cell says.
std::vector<double> colored_values(const HeatMap& map) {
  std::vector<double> values = map.values;
  for (std::size_t row = 0; map.row_normalised && row < rows(map); ++row) {
    double sum = 0;
    for (std::size_t column = 0; column < columns(map); ++column) {
      const double value = values[row * columns(map) + column];
      sum += std::isfinite(value) ? value : 0;
    }
    for (std::size_t column = 0; column < columns(map); ++column) {
      values[row * columns(map) + column] /= sum > 0 ? sum : 1;
    }
  }
  return values;
}

Range color_range(const HeatMap& map, const std::vector<double>& values) {
  if (map.row_normalised) {
    return {0, 1};
  }
  std::optional<Range> range;
  for (const double value : values) {
    if (std::isfinite(value)) {
      range = range ? Range{std::min(range->low, value), std::max(range->high, value)}
                    : Range{value, value};
    }
  }
  Range found = range.value_or(Range{});
  found.low = found.low > 0 ? 0 : found.low;
  found.high = found.high > found.low ? found.high : found.low + 1;
  return found;
}

double widest(const std::vector<std::string>& texts, cairo_t* cairo) {
  double width = 0;
  for (const std::string& text : texts) {
    width = std::max(width, text_width(cairo, text));
  }
  return width;
}

struct Cells {
  Frame frame = {};
  double width = 0;   // of a cell
  double height = 0;  // of a cell
  double name_room = 0;
  bool upright_columns = false;  // column names are written upwards
  double column_room = 0;
};

// The widest number, so that cells are made wide enough for it.
double number_width(const HeatMap& map, cairo_t* cairo) {
  double width = 0;
  for (const double value : map.values) {
    width = std::max(width, text_width(cairo, number_text(value, map.digits)));
  }
  return width;
}

double wanted_cell(const HeatMap& map, cairo_t* cairo) {
  const std::size_t most = std::max(rows(map), columns(map));
  if (most > 60) {
    return 8;
  }
  if (most > 30) {
    return 18;  // a name fits, a number does not
  }
  set_font(cairo, kTickSize);
  const double numbers = number_width(map, cairo) + 12;
  return std::clamp(460.0 / static_cast<double>(most), std::clamp(numbers, 30.0, 64.0), 110.0);
}

Cells place_cells(const HeatMap& map, const Frame& area, cairo_t* cairo) {
  set_font(cairo, kTickSize);
  Cells cells;
  cells.name_room = std::min(widest(map.row_names, cairo), kMostNameRoom);
  const double left = 62 + cells.name_room;
  cells.frame = {area.left + left, area.top + kTop, area.width - left - kScaleRoom, 0};
  cells.width = cells.frame.width / static_cast<double>(std::max<std::size_t>(1, columns(map)));
  const double column_names = widest(map.column_names, cairo);
  cells.upright_columns = column_names + 8 > cells.width;
  cells.column_room = cells.upright_columns ? std::min(column_names, kMostNameRoom) + 14 : 24;
  cells.frame.height = area.height - kTop - cells.column_room - 44;
  cells.height = cells.frame.height / static_cast<double>(std::max<std::size_t>(1, rows(map)));
  return cells;
}

void draw_cells(const HeatMap& map, const Cells& cells, cairo_t* cairo) {
  const std::vector<double> values = colored_values(map);
  const Range range = color_range(map, values);
  set_font(cairo, kTickSize);
  const bool numbers = number_width(map, cairo) + 6 <= cells.width && kTickSize + 4 <= cells.height;
  const double gap = cells.width > 14 ? 1 : 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Frame cell = {cells.frame.left + cells.width * static_cast<double>(i % columns(map)),
                        cells.frame.top + cells.height * static_cast<double>(i / columns(map)),
                        cells.width - gap, cells.height - gap};
    const bool finite = std::isfinite(values[i]);
    const double share = finite ? (values[i] - range.low) / (range.high - range.low) : 0;
    set_color(cairo, finite ? scale_color(share) : kEmpty);
    fill_box(cairo, cell);
    if (!numbers || !finite) {
      continue;
    }
    set_color(cairo, map.values[i] == 0 ? Color{0.68, 0.68, 0.70} : share > 0.45 ? kPaper : kInk);
    const bool shares =
        map.row_normalised && map.values[i] != 0 && cells.height >= 44 && cells.width >= 52;
    const double y = cell.middle_y() + 5 - (shares ? 8 : 0);
    show_text(cairo, number_text(map.values[i], map.digits), cell.middle_x(), y, 0.5);
    if (shares) {
      set_font(cairo, kTickSize - 2);
      show_text(cairo, number_text(100 * values[i], 3) + " %", cell.middle_x(), y + 17, 0.5);
      set_font(cairo, kTickSize);
    }
  }
  set_color(cairo, kGrid);
  cairo_set_line_width(cairo, 1);
  cairo_rectangle(cairo, crisp(cells.frame.left - 1), crisp(cells.frame.top - 1),
                  cells.frame.width + 1, cells.frame.height + 1);
  cairo_stroke(cairo);
}

// Every n-th name, so that they do not touch.
std::size_t name_stride(double cell) {
  return static_cast<std::size_t>(std::max(1.0, std::ceil((kTickSize + 2) / cell)));
}

void draw_names(const HeatMap& map, const Cells& cells, cairo_t* cairo) {
  set_font(cairo, kTickSize);
  set_color(cairo, kInk);
  for (std::size_t row = 0; row < rows(map); row += name_stride(cells.height)) {
    const std::string name = middle_fitting_text(cairo, map.row_names[row], cells.name_room);
    show_text(cairo, name, cells.frame.left - 8,
              cells.frame.top + cells.height * (static_cast<double>(row) + 0.5) + 5, 1);
  }
  const std::size_t stride = cells.upright_columns ? name_stride(cells.width) : 1;
  for (std::size_t column = 0; column < columns(map); column += stride) {
    const double x = cells.frame.left + cells.width * (static_cast<double>(column) + 0.5);
    if (cells.upright_columns) {
      const std::string name = middle_fitting_text(cairo, map.column_names[column], kMostNameRoom);
      show_upright_text(cairo, name, x + 5,
                        cells.frame.bottom() + 10 + text_width(cairo, name) / 2);
    } else {
      show_text(cairo, map.column_names[column], x, cells.frame.bottom() + 20, 0.5);
    }
  }
}

void draw_scale(const HeatMap& map, const Cells& cells, const Frame& area, cairo_t* cairo) {
  const Range range = color_range(map, colored_values(map));
  const Frame bar = {cells.frame.right() + 22, cells.frame.top, 16, cells.frame.height};
  constexpr int kSteps = 128;
  for (int i = 0; i < kSteps; ++i) {
    set_color(cairo, scale_color((i + 0.5) / kSteps));
    const double top = bar.bottom() - bar.height * (i + 1) / kSteps;
    fill_box(cairo, {bar.left, top, bar.width, bar.height / kSteps + (i == 0 ? 0 : 0.6)});
  }
  set_color(cairo, kGrid);
  cairo_set_line_width(cairo, 1);
  cairo_rectangle(cairo, crisp(bar.left), crisp(bar.top), bar.width, bar.height - 1);
  cairo_stroke(cairo);
  const Axis axis = fitted_axis(range.low, range.high, tick_count(bar.height, 60));
  set_font(cairo, kTickSize);
  set_color(cairo, kFaintInk);
  for (const Tick& tick : axis.ticks) {
    show_text(cairo, tick.label, bar.right() + 7,
              bar.bottom() - bar.height * axis.fraction(tick.value) + 5, 0);
  }
  set_font(cairo, kLabelSize);
  set_color(cairo, kInk);
  show_upright_text(cairo, fitting_text(cairo, map.scale_label, bar.height), area.right() - 14,
                    bar.middle_y());
}

}  // namespace

Size natural_size(const HeatMap& map, Size base, cairo_t* cairo) {
  check(map);
  const double cell = wanted_cell(map, cairo);
  set_font(cairo, kTickSize);
  const double names = std::min(widest(map.row_names, cairo), kMostNameRoom);
  const double width = 62 + names + cell * static_cast<double>(columns(map)) + kScaleRoom;
  const double column_names = widest(map.column_names, cairo);
  const double column_room =
      column_names + 8 > cell ? std::min(column_names, kMostNameRoom) + 14 : 24;
  const double height = kTop + cell * static_cast<double>(rows(map)) + column_room + 44;
  return {std::max(width, 0.6 * base.width), std::max(height, 0.6 * base.height)};
}

void draw(const HeatMap& map, const Frame& area, cairo_t* cairo) {
  check(map);
  const Cells cells = place_cells(map, area, cairo);
  draw_titles({map.title, map.x_label, map.y_label}, area, cells.frame, cairo);
  if (map.values.empty()) {
    draw_no_values(cells.frame, cairo);
    return;
  }
  draw_cells(map, cells, cairo);
  draw_names(map, cells, cairo);
  draw_scale(map, cells, area, cairo);
}

}  // namespace temper::charts
