#include "tools/charts/canvas.h"

#include <cairo.h>

#include <cmath>
#include <string_view>

#include "runtime/base/text_bytes.h"

namespace temper::charts {
namespace {

// One invalid byte would make cairo drop everything after it, and control characters are boxes.
std::string clean_text(std::string_view text) {
  std::string clean;
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || (length == 1 && (text[0] < 0x20 || text[0] == 0x7f))) {
      clean += '?';
      text.remove_prefix(1);
    } else {
      clean += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return clean;
}

double clean_width(cairo_t* cairo, const std::string& clean) {
  cairo_text_extents_t extents;
  cairo_text_extents(cairo, clean.c_str(), &extents);
  return extents.x_advance;
}

// Where the characters of valid UTF-8 begin, and the end.
std::vector<std::size_t> character_starts(const std::string& text) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0u) != 0x80u) {
      starts.push_back(i);
    }
  }
  starts.push_back(text.size());
  return starts;
}

// The longest candidate(n), n characters kept, that fits: widths grow with n, so by halving.
template <class Candidate>
std::string longest_fitting(cairo_t* cairo, std::size_t characters, double width,
                            const Candidate& candidate) {
  std::size_t fits = 0;
  std::size_t too_long = characters;
  while (too_long > fits + 1) {
    const std::size_t middle = (fits + too_long) / 2;
    (clean_width(cairo, candidate(middle)) <= width ? fits : too_long) = middle;
  }
  return candidate(fits);
}

}  // namespace

Color color_of(std::size_t index) { return kSeriesColors[index % kSeriesColors.size()]; }

void set_color(cairo_t* cairo, Color color, double alpha) {
  cairo_set_source_rgba(cairo, color.red, color.green, color.blue, alpha);
}

void set_font(cairo_t* cairo, double size, bool bold) {
  cairo_select_font_face(cairo, "DejaVu Sans", CAIRO_FONT_SLANT_NORMAL,
                         bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
  cairo_set_font_size(cairo, size);
}

void set_dash(cairo_t* cairo, double on, double off) {
  const std::array<double, 2> dashes = {on, off};
  cairo_set_dash(cairo, dashes.data(), 2, 0);
}

void clear_dash(cairo_t* cairo) { cairo_set_dash(cairo, nullptr, 0, 0); }

void set_series_dash(cairo_t* cairo, std::size_t index) {
  if (index < kSeriesColors.size()) {
    clear_dash(cairo);
  } else {
    set_dash(cairo, 7, 4);
  }
}

double text_width(cairo_t* cairo, const std::string& text) {
  return clean_width(cairo, clean_text(text));
}

void show_text(cairo_t* cairo, const std::string& text, double x, double y, double anchor) {
  const std::string clean = clean_text(text);
  cairo_move_to(cairo, x - anchor * clean_width(cairo, clean), y);
  cairo_show_text(cairo, clean.c_str());
  cairo_new_path(cairo);
}

void show_text_on_lines(cairo_t* cairo, const std::string& text, double x, double y,
                        double anchor) {
  const std::string clean = clean_text(text);
  cairo_save(cairo);
  cairo_move_to(cairo, x - anchor * clean_width(cairo, clean), y);
  cairo_text_path(cairo, clean.c_str());
  set_color(cairo, kPaper, 0.85);
  clear_dash(cairo);
  cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_width(cairo, 4);
  cairo_stroke(cairo);
  cairo_restore(cairo);
  show_text(cairo, text, x, y, anchor);
}

void show_upright_text(cairo_t* cairo, const std::string& text, double x, double y) {
  cairo_save(cairo);
  cairo_translate(cairo, x, y);
  cairo_rotate(cairo, -kPi / 2);
  show_text(cairo, text, 0, 0, 0.5);
  cairo_restore(cairo);
}

std::string fitting_text(cairo_t* cairo, const std::string& text, double width) {
  const std::string clean = clean_text(text);
  if (clean_width(cairo, clean) <= width) {
    return clean;
  }
  const std::vector<std::size_t> starts = character_starts(clean);
  return longest_fitting(cairo, starts.size() - 1, width,
                         [&](std::size_t kept) { return clean.substr(0, starts[kept]) + "..."; });
}

std::string middle_fitting_text(cairo_t* cairo, const std::string& text, double width) {
  const std::string clean = clean_text(text);
  if (clean_width(cairo, clean) <= width) {
    return clean;
  }
  const std::vector<std::size_t> starts = character_starts(clean);
  const std::size_t characters = starts.size() - 1;
  return longest_fitting(cairo, characters, width, [&](std::size_t kept) {
    return clean.substr(0, starts[kept / 2]) + "..." +
           clean.substr(starts[characters - (kept - kept / 2)]);
  });
}

void line(cairo_t* cairo, double x0, double y0, double x1, double y1) {
  cairo_move_to(cairo, x0, y0);
  cairo_line_to(cairo, x1, y1);
  cairo_stroke(cairo);
}

void fill_box(cairo_t* cairo, const Frame& box) {
  cairo_rectangle(cairo, box.left, box.top, box.width, box.height);
  cairo_fill(cairo);
}

double crisp(double position) { return std::floor(position) + 0.5; }

void start_page(cairo_t* cairo) {
  // Without hinting text has the same width on every surface.
  cairo_font_options_t* options = cairo_font_options_create();
  cairo_font_options_set_hint_style(options, CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options, CAIRO_HINT_METRICS_OFF);
  cairo_font_options_set_antialias(options, CAIRO_ANTIALIAS_GRAY);
  cairo_set_font_options(cairo, options);
  cairo_font_options_destroy(options);
  set_color(cairo, kPaper);
  cairo_paint(cairo);
}

}  // namespace temper::charts
