// What all charts draw with: colours, fonts, lines, and text that fits. One look for everything.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <vector>

// cairo's own type, declared here so that only .cpp files see its header.
typedef struct _cairo cairo_t;

namespace temper::charts {

struct Color {
  double red, green, blue;
};

// Told apart by all common kinds of colour vision (Okabe and Ito 2008).
inline constexpr std::array<Color, 7> kSeriesColors = {{{0.00, 0.45, 0.70},
                                                        {0.84, 0.37, 0.00},
                                                        {0.00, 0.62, 0.45},
                                                        {0.80, 0.47, 0.65},
                                                        {0.90, 0.62, 0.00},
                                                        {0.34, 0.71, 0.91},
                                                        {0.35, 0.35, 0.35}}};
inline constexpr Color kInk = {0.13, 0.13, 0.15};
inline constexpr Color kFaintInk = {0.40, 0.40, 0.43};
inline constexpr Color kMarkerInk = {0.30, 0.30, 0.33};
inline constexpr Color kGrid = {0.88, 0.88, 0.90};
inline constexpr Color kFineGrid = {0.95, 0.95, 0.96};
inline constexpr Color kPaper = {1, 1, 1};

inline constexpr double kTitleSize = 21;
inline constexpr double kLabelSize = 15;
inline constexpr double kTickSize = 13.5;
inline constexpr double kPi = 3.14159265358979323846;

struct Size {
  double width = 0;
  double height = 0;
};

struct Frame {
  double left, top, width, height;

  double right() const { return left + width; }
  double bottom() const { return top + height; }
  double middle_x() const { return left + width / 2; }
  double middle_y() const { return top + height / 2; }
};

Color color_of(std::size_t index);
void set_color(cairo_t* cairo, Color color, double alpha = 1);
void set_font(cairo_t* cairo, double size, bool bold = false);
// The series after the last colour repeat the colours with dashes.
void set_series_dash(cairo_t* cairo, std::size_t index);
void set_dash(cairo_t* cairo, double on, double off);
void clear_dash(cairo_t* cairo);

// Texts may be any bytes: what is not UTF-8 or is a control character is drawn as "?".
double text_width(cairo_t* cairo, const std::string& text);
// `anchor`: which part of the text stands at x: 0 its left end, 0.5 its middle, 1 its right end.
void show_text(cairo_t* cairo, const std::string& text, double x, double y, double anchor);
// With a pale edge, readable over lines.
void show_text_on_lines(cairo_t* cairo, const std::string& text, double x, double y, double anchor);
// Upwards, its middle at (x, y).
void show_upright_text(cairo_t* cairo, const std::string& text, double x, double y);
// The text, its end dropped until it fits.
std::string fitting_text(cairo_t* cairo, const std::string& text, double width);
// The text, its middle dropped until it fits: the ends of tensor names tell them apart.
std::string middle_fitting_text(cairo_t* cairo, const std::string& text, double width);

void line(cairo_t* cairo, double x0, double y0, double x1, double y1);
void fill_box(cairo_t* cairo, const Frame& box);
// The middle of a pixel, so that a line of width 1 is sharp.
double crisp(double position);

// A white page on which text has the same width on every surface.
void start_page(cairo_t* cairo);

}  // namespace temper::charts
