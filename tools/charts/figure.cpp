#include "tools/charts/figure.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "tools/charts/draw.h"
#include "tools/charts/surface.h"

namespace temper::charts {
namespace {

constexpr Size kAlone = {kChartWidth, kChartHeight};
constexpr Size kInFigure = {680, 440};
constexpr double kFigureTitle = 58;  // the height of the row with a figure's title

struct Layout {
  Size page;
  std::vector<Frame> areas;  // one per panel
};

// Columns as wide as their widest panel, rows as high as their highest.
Layout layout_of(const Figure& figure) {
  TEMPER_ASSERT(!figure.panels.empty() && figure.columns > 0, "figure '", figure.title,
                "' has no panel or no column");
  const std::size_t columns =
      std::min(figure.panels.size(), static_cast<std::size_t>(figure.columns));
  const std::size_t rows = (figure.panels.size() + columns - 1) / columns;
  std::vector<double> widths(columns, 0);
  std::vector<double> heights(rows, 0);
  with_measuring_page([&](cairo_t* cairo) {
    for (std::size_t i = 0; i < figure.panels.size(); ++i) {
      const Size size = natural_size(figure.panels[i], kInFigure, cairo);
      widths[i % columns] = std::max(widths[i % columns], size.width);
      heights[i / columns] = std::max(heights[i / columns], size.height);
    }
  });
  Layout layout;
  const double top = figure.title.empty() ? 0 : kFigureTitle;
  layout.page = {0, top};
  for (const double width : widths) {
    layout.page.width += width;
  }
  for (std::size_t row = 0; row < rows; ++row) {
    double left = 0;
    for (std::size_t column = 0; column < columns; ++column) {
      if (row * columns + column < figure.panels.size()) {
        layout.areas.push_back({left, layout.page.height, widths[column], heights[row]});
      }
      left += widths[column];
    }
    layout.page.height += heights[row];
  }
  return layout;
}

void draw_figure(const Figure& figure, const Layout& layout, cairo_t* cairo) {
  if (!figure.title.empty()) {
    set_font(cairo, kTitleSize + 4, true);
    set_color(cairo, kInk);
    show_text(cairo, fitting_text(cairo, figure.title, layout.page.width - 48),
              layout.page.width / 2, 42, 0.5);
  }
  for (std::size_t i = 0; i < figure.panels.size(); ++i) {
    draw(figure.panels[i], layout.areas[i], cairo);
  }
}

Size size_alone(const Panel& panel) {
  Size size;
  with_measuring_page([&](cairo_t* cairo) { size = natural_size(panel, kAlone, cairo); });
  return size;
}

DrawPage drawing_of(const Panel& panel, Size size) {
  return [&panel, size](cairo_t* cairo) { draw(panel, {0, 0, size.width, size.height}, cairo); };
}

void write_page(Size size, const DrawPage& page, const std::string& path_without_suffix) {
  write_file_atomically(path_without_suffix + ".png", png_page(size, page).bytes);
  write_file_atomically(path_without_suffix + ".svg", svg_page(size, page));
}

}  // namespace

Size natural_size(const Panel& panel, Size base, cairo_t* cairo) {
  if (const auto* bars = std::get_if<BarChart>(&panel)) {
    return natural_size(*bars, base, cairo);
  }
  if (const auto* map = std::get_if<HeatMap>(&panel)) {
    return natural_size(*map, base, cairo);
  }
  return base;
}

void draw(const Panel& panel, const Frame& area, cairo_t* cairo) {
  std::visit([&](const auto& chart) { draw(chart, area, cairo); }, panel);
}

std::string why_no_charts() { return {}; }

void write_chart(const Panel& panel, const std::string& path_without_suffix) {
  const Size size = size_alone(panel);
  write_page(size, drawing_of(panel, size), path_without_suffix);
}

void write_chart(const Figure& figure, const std::string& path_without_suffix) {
  const Layout layout = layout_of(figure);
  write_page(
      layout.page, [&](cairo_t* cairo) { draw_figure(figure, layout, cairo); },
      path_without_suffix);
}

Png chart_png(const Panel& panel) {
  const Size size = size_alone(panel);
  return png_page(size, drawing_of(panel, size));
}

Png chart_png(const Figure& figure) {
  const Layout layout = layout_of(figure);
  return png_page(layout.page, [&](cairo_t* cairo) { draw_figure(figure, layout, cairo); });
}

}  // namespace temper::charts
