// Charts with the names of their files: written to a folder, or drawn for TensorBoard.
#pragma once

#include <string>
#include <vector>

#include "tools/charts/figure.h"
#include "training/records/run_observer.h"

namespace temper::cli {

struct NamedChart {
  std::string name;  // of its files, without suffix
  charts::Panel panel;
};

// A chart's file as typed, without .png or .svg: both are written.
std::string chart_stem(const std::string& typed);

// Writes each as PNG and SVG into the folder, made if missing, and returns the paths without
// suffix. THROWS: kIo.
std::vector<std::string> write_charts(const std::vector<NamedChart>& all,
                                      const std::string& folder);

// To stdout: the PNG and the SVG of each, a path a line or one JSON line.
void print_chart_files(const std::vector<std::string>& without_suffix, bool as_json);

// The same as PNG files in memory, named "charts/NAME".
std::vector<training::DrawnChart> drawn_charts(const std::vector<NamedChart>& all);

}  // namespace temper::cli
