// Each kind of chart: its size grows with what it must show, data that do not fit together are
// refused, and figures hold all their panels.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "tests/runtime/platform/temporary_folder.h"
#include "tools/charts/figure.h"
#include "tools/charts/picture_sheet.h"
#include "tools/charts/plot.h"
#include "tools/charts/surface.h"
#include "training/formats/image_file.h"

namespace temper::charts {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

BarChart bars_of(std::size_t count, const std::string& prefix) {
  BarChart chart{"Norms", "tensor", "norm", {}, {{"norm", {}}}};
  for (std::size_t i = 0; i < count; ++i) {
    chart.names.push_back(prefix + std::to_string(i));
    chart.series[0].values.push_back(static_cast<double>(i) - 1);
  }
  return chart;
}

Chart line_of(std::vector<double> x, std::vector<double> y) {
  return {"Line", "x", "y", {{"line", std::move(x), std::move(y)}}};
}

TEST(BarChart, StandsWhenNamesFitAndGrowsInHeightWhenTheyDoNot) {
  const Png few = chart_png(bars_of(4, "c"));
  const Png many = chart_png(bars_of(60, "model.layer."));
  const Png more = chart_png(bars_of(5000, "model.layer."));
  EXPECT_EQ(few.height, kChartHeight);
  EXPECT_GT(many.height, 60 * 16);
  EXPECT_EQ(more.height, chart_png(bars_of(kMostBars, "model.layer.")).height);
}

TEST(BarChart, ShowsMissingValuesAndRefusesUnequalLengths) {
  BarChart chart = bars_of(3, "c");
  chart.series[0].values[1] = kNan;
  chart.log = true;
  EXPECT_NO_THROW(chart_png(chart));
  EXPECT_NO_THROW(chart_png(BarChart{"none", "", "", {}, {}}));
  chart.series[0].values.pop_back();
  EXPECT_THROW(chart_png(chart), Error);
}

Chart many_lines(std::size_t count, double lowest) {
  Chart chart{"Loss", "step", "loss", {}};
  for (std::size_t i = 0; i < count; ++i) {
    chart.series.push_back({"run number " + std::to_string(i), {0, 1}, {1, lowest}});
  }
  return chart;
}

TEST(Chart, HasALogarithmicAxisWhereALossSpansMoreThanADecade) {
  for (const double lowest : {0.05, 0.2, 0.0, -1.0}) {
    Chart chart = many_lines(2, lowest);
    Chart wanted = chart;
    chart.log_y_if_wide = true;
    wanted.log_y = lowest == 0.05;
    EXPECT_EQ(chart_png(chart).bytes, chart_png(wanted).bytes) << lowest;
  }
}

// The names at the lines' ends: what stands there depends on them, not on the values alone.
TEST(Chart, NamesItsLinesAtTheirEnds) {
  const auto ink_at_the_right = [](const Chart& chart) {
    const training::Picture picture = training::decode_image(chart_png(chart).bytes, 1, "chart");
    std::int64_t ink = 0;
    for (int y = kChartHeight / 2; y < kChartHeight; ++y) {  // below the legend
      for (int x = kChartWidth - 40; x < kChartWidth; ++x) {
        ink += picture.pixels[static_cast<std::size_t>(y * kChartWidth + x)] < 200 ? 1 : 0;
      }
    }
    return ink;
  };
  Chart chart = many_lines(5, 0.1);
  const std::int64_t named = ink_at_the_right(chart);
  chart.number_ends = false;
  EXPECT_GT(named, 100);
  EXPECT_EQ(ink_at_the_right(chart), 0);
}

TEST(Legend, WrapsIntoRowsForAllItsEntries) {
  const Frame area = {0, 0, kChartWidth, kChartHeight};
  const auto rows = [&](std::size_t count) {
    const std::vector<LegendEntry> entries(count, LegendEntry{"a run with a name of some length"});
    double more = 0;
    with_measuring_page([&](cairo_t* cairo) { more = plot_top(entries, area, cairo) - kPlotTop; });
    return more / 22;
  };
  EXPECT_EQ(rows(0), 0);
  EXPECT_EQ(rows(2), 0);
  EXPECT_EQ(rows(5), 1);
  EXPECT_EQ(rows(12), 3);
  EXPECT_EQ(rows(1000), kMostLegendRows - 1) << "what is left is counted";
}

TEST(Chart, WithALogarithmicXAxisLeavesOutWhatIsNotPositive) {
  Chart with = line_of({-1, 0, 1e-3, 1e-2, 1}, {9, 9, 3, 2, 1});
  Chart without = line_of({1e-3, 1e-2, 1}, {3, 2, 1});
  with.log_x = without.log_x = true;
  EXPECT_EQ(chart_png(with).bytes, chart_png(without).bytes);
  EXPECT_NE(chart_png(with).bytes, chart_png(line_of({1e-3, 1e-2, 1}, {3, 2, 1})).bytes);
  Chart empty = line_of({}, {});
  empty.log_x = empty.log_y = true;
  EXPECT_NO_THROW(chart_png(empty));
}

TEST(Chart, DrawsMarkersStepsAndReferences) {
  const Chart plain = line_of({0, 10, 20}, {1, 2, 3});
  Chart marked = plain;
  marked.vertical_markers = {{10, "best epoch 1"}, {1e9, "far away"}, {kNan, "nowhere"}};
  Chart stepped = plain;
  stepped.series[0].steps = true;
  Chart reference = plain;
  reference.series[0].style = LineStyle::kReference;
  for (const Chart& other : {marked, stepped, reference}) {
    EXPECT_NE(chart_png(other).bytes, chart_png(plain).bytes);
  }
}

TEST(Histogram, NeedsOneEdgeMoreThanCounts) {
  Histogram histogram{"h", "x", "values", {{"a", {0, 1, 2}, {3, 4}}, {"b", {0, 1}, {5}}}};
  EXPECT_NO_THROW(chart_png(histogram));
  histogram.log_y = true;
  EXPECT_NO_THROW(chart_png(histogram));
  histogram.series[1].edges = {0};
  EXPECT_THROW(chart_png(histogram), Error);
  EXPECT_NO_THROW(chart_png(Histogram{"none", "", "", {}}));
}

TEST(QuantileBands, NeedOneCurvePerLevel) {
  QuantileBands bands{"w", "step", "weight", {0, 1, 2}, {0, 0.5, 1}, {}, {}};
  EXPECT_THROW(chart_png(bands), Error);
  bands.values = {{-1, kNan, -3}, {0, 0, 0}, {1, 2, 3}};
  EXPECT_NO_THROW(chart_png(bands));
}

TEST(HeatMap, GrowsWithItsNamesUpToALimit) {
  const auto map_of = [](std::size_t names) {
    HeatMap map{"m", "predicted", "true", std::vector<std::string>(names, "class"),
                {},  {},          true,   "share"};
    map.row_names = map.column_names;
    map.values.assign(names * names, 1);
    return map;
  };
  EXPECT_GT(chart_png(map_of(60)).height, chart_png(map_of(3)).height);
  EXPECT_THROW(chart_png(map_of(kMostHeatMapNames + 1)), Error);
  HeatMap wrong = map_of(3);
  wrong.values.pop_back();
  EXPECT_THROW(chart_png(wrong), Error);
  EXPECT_NO_THROW(chart_png(map_of(0)));
}

TEST(Figure, HoldsItsPanelsInRowsAndIsWrittenTwice) {
  const TemporaryFolder folder;
  const Chart chart = line_of({0, 1}, {0, 1});
  const Figure two{"Two", {chart, bars_of(3, "c")}, 2};
  const Figure three{"Three", {chart, chart, chart}, 2};
  EXPECT_EQ(chart_png(two).width, chart_png(three).width);
  EXPECT_LT(chart_png(two).height, chart_png(three).height);
  write_chart(three, folder.file("figure"));
  EXPECT_EQ(read_file(folder.file("figure.png"), 1 << 24), chart_png(three).bytes);
  EXPECT_NE(read_text_file(folder.file("figure.svg"), 1 << 24).find("</svg>"), std::string::npos);
  EXPECT_THROW(chart_png(Figure{"none", {}, 2}), Error);
}

TEST(PictureSheet, EnlargesSmallPicturesInARowOfTheAskedColumns) {
  PictureSheet sheet;
  for (int i = 0; i < 6; ++i) {
    sheet.pictures.push_back({8, 8, i % 2 == 0 ? 1 : 3, {}, ""});
    sheet.pictures.back().pixels.assign(i % 2 == 0 ? 64 : 192, 200);
  }
  sheet.columns = 3;
  const Png png = picture_sheet_png(sheet);  // 8 pixels are enlarged 12 times, 4 pixels between
  EXPECT_EQ(png.width, 16 + 3 * 96 + 2 * 4 + 16);
  EXPECT_EQ(png.height, 16 + 2 * 96 + 4 + 16);
  sheet.pictures[0].pixels.pop_back();
  EXPECT_THROW(picture_sheet_png(sheet), Error);
  EXPECT_THROW(picture_sheet_png({}), Error);
}

}  // namespace
}  // namespace temper::charts
