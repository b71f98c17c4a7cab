// Charts are written whole, with the right size and the same bytes each time, whatever the data.
#include "tools/charts/figure.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "tests/runtime/platform/temporary_folder.h"
#include "tools/charts/plot_points.h"

namespace temper::charts {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Chart loss_chart(int points) {
  Chart chart{"Loss", "step", "cross entropy", {{"train", {}, {}}, {"val", {}, {}}}, false};
  for (int i = 0; i < points; ++i) {
    chart.series[0].x.push_back(i);
    chart.series[0].y.push_back(2.3 * std::exp(-i / 30.0));
    chart.series[1].x.push_back(i);
    chart.series[1].y.push_back(2.2 * std::exp(-i / 40.0) + 0.05);
  }
  return chart;
}

std::uint32_t big_endian(const std::vector<std::byte>& bytes, std::size_t offset) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    value = value << 8 | std::to_integer<std::uint32_t>(bytes.at(offset + i));
  }
  return value;
}

TEST(Chart, IsWrittenAsPngOfTheRightSizeAndAsSvg) {
  const TemporaryFolder folder;
  write_chart(loss_chart(100), folder.file("loss"));
  EXPECT_EQ(list_directory(folder.path()), (std::vector<std::string>{"loss.png", "loss.svg"}));
  const auto png = read_file(folder.file("loss.png"), 1 << 24);
  EXPECT_EQ(big_endian(png, 0), 0x89504e47u);  // the PNG signature; width and height in IHDR
  EXPECT_EQ(big_endian(png, 16), static_cast<std::uint32_t>(kChartWidth));
  EXPECT_EQ(big_endian(png, 20), static_cast<std::uint32_t>(kChartHeight));
  const std::string svg = read_text_file(folder.file("loss.svg"), 1 << 24);
  EXPECT_NE(svg.find("<svg"), std::string::npos);
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
}

TEST(Chart, HasTheSameBytesEachTimeAndOthersForOtherData) {
  const TemporaryFolder folder;
  write_chart(loss_chart(100), folder.file("a"));
  write_chart(loss_chart(100), folder.file("b"));
  write_chart(loss_chart(99), folder.file("c"));
  for (const char* suffix : {".png", ".svg"}) {
    const auto first = read_file(folder.file(std::string("a") + suffix), 1 << 24);
    EXPECT_EQ(first, read_file(folder.file(std::string("b") + suffix), 1 << 24)) << suffix;
    EXPECT_NE(first, read_file(folder.file(std::string("c") + suffix), 1 << 24)) << suffix;
  }
}

TEST(Chart, LeavesOutPointsThatAreNotFinite) {
  const TemporaryFolder folder;
  Chart with = loss_chart(10);
  Chart without = loss_chart(10);
  with.series[0].x.push_back(1e9);
  with.series[0].y.push_back(kNan);
  with.series[1].x.push_back(std::numeric_limits<double>::infinity());
  with.series[1].y.push_back(0.5);
  write_chart(with, folder.file("with"));
  write_chart(without, folder.file("without"));
  EXPECT_EQ(read_file(folder.file("with.png"), 1 << 24),
            read_file(folder.file("without.png"), 1 << 24));
}

TEST(Chart, IsDrawnForAwkwardDataToo) {
  const TemporaryFolder folder;
  const auto draws = [&](const Chart& chart) {
    EXPECT_NO_THROW(write_chart(chart, folder.file("x"))) << chart.title;
  };
  draws({"no series", "", "", {}, false});
  draws({"empty series", "step", "loss", {{"train", {}, {}}}, true});
  draws({"one point", "step", "loss", {{"train", {5}, {0.5}}}, false});
  draws({"only NaN", "step", "loss", {{"train", {1, 2}, {kNan, kNan}}}, true});
  draws({"constant", "step", "rate", {{"lr", {1, 2, 3}, {1e-3, 1e-3, 1e-3}}}, true});
  draws({"zeros on a log axis", "step", "loss", {{"train", {1, 2, 3}, {0, 0, 1}}}, true});
  draws({"huge", "step", "loss", {{"train", {1, 2}, {-1e299, 1e299}}}, false});
  draws({"tiny", "step", "loss", {{"train", {1, 2}, {1e-320, 1e-300}}}, true});
  draws({"large step", "step", "loss", {{"train", {1e15, 1e15 + 1}, {1, 2}}}, false});
  draws({std::string("bad \xff utf-8 \xe2\x82"), std::string(5000, 'x'), "\n", {}, false});
}

TEST(Chart, OfUnequalXAndYIsRefused) {
  const TemporaryFolder folder;
  EXPECT_THROW(write_chart(Chart{"t", "x", "y", {{"a", {1, 2}, {1}}}, false}, folder.file("x")),
               Error);
}

TEST(Chart, IntoAMissingFolderNamesThePath) {
  try {
    write_chart(loss_chart(3), "/nonexistent/loss");
    FAIL() << "written";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kIo);
    EXPECT_NE(error.message().find("/nonexistent/loss.png"), std::string::npos);
  }
}

TEST(PlotPoints, AreCutIntoRunsWhereAPointIsMissing) {
  const Series series{"s", {0, 1, 2, 3, 4}, {1, kNan, 2, -3, 4}};
  EXPECT_EQ(finite_stretches(series, false).size(), 2u);
  EXPECT_EQ(finite_stretches(series, true).size(), 3u);
  EXPECT_EQ(point_count(finite_stretches(series, true)), 3u);
}

TEST(PlotPoints, KeepTheirPeaksWhenThinned) {
  Stretch stretch;
  for (int i = 0; i < 100'000; ++i) {
    stretch.push_back({static_cast<double>(i), i == 54'321 ? 100.0 : i == 54'322 ? -100.0 : 0.0});
  }
  const std::vector<Stretch> thin = thinned({stretch}, 0, 99'999, 800);
  EXPECT_LE(point_count(thin), 4u * 801u);
  const auto extent = extent_of({thin});
  ASSERT_TRUE(extent.has_value());
  EXPECT_EQ(extent->high_y, 100);
  EXPECT_EQ(extent->low_y, -100);
}

}  // namespace
}  // namespace temper::charts
