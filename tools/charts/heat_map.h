// A table of coloured cells with numbers: a confusion matrix, correlations.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace temper::charts {

struct HeatMap {
  std::string title;
  std::string x_label;  // "predicted class"
  std::string y_label;  // "true class"
  std::vector<std::string> column_names;
  std::vector<std::string> row_names;
  std::vector<double> values;   // [rows, columns], row by row; NaN is an empty cell
  bool row_normalised = false;  // colour is the cell's share of its row; the numbers stay
  std::string scale_label;      // what the colour says: "share of the true class"
  int digits = 4;               // significant digits of the numbers
};

// More rows or columns than this are refused: choose those that matter.
inline constexpr std::size_t kMostHeatMapNames = 200;

}  // namespace temper::charts
