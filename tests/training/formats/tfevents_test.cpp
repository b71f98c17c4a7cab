// Event files must equal, byte for byte, what TensorBoard's own writer made of the same events.
#include "training/formats/tfevents.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "tests/training/test_files.h"

namespace temper::training {
namespace {

TEST(Tfevents, EqualsTheFileOfTensorBoardsWriter) {
  constexpr double kTime = 1.5e9;
  const std::string png = "PNG!";
  const HistogramData histogram = {1, 4, 3, 7, 21, {2, 8}, {2, 1}};
  std::string file = event_record(version_event(kTime));
  file += event_record(start_event(kTime, 120));
  file += event_record(scalar_event(kTime, 120, "loss", 0.25f));
  file += event_record(text_event(kTime, 300, "notes", "**hello**"));
  file += event_record(histogram_event(kTime, 300, "weights", histogram));
  file += event_record(image_event(kTime, std::int64_t{1} << 40, "chart",
                                   std::as_bytes(std::span(png.data(), png.size())), 300, 2));
  EXPECT_EQ(file, read_bytes(fixture("golden.tfevents")));
}

TEST(Tfevents, HistogramCountsEveryFiniteValueInItsBucket) {
  const std::vector<float> values = {
      -1.0f, 0.0f, 0.5f, 0.5f, 3.0f, std::numeric_limits<float>::infinity(), NAN};
  const HistogramData h = make_histogram(values);
  EXPECT_EQ(h.count, 5);
  EXPECT_EQ(h.min, -1);
  EXPECT_EQ(h.max, 3);
  EXPECT_EQ(h.sum, 3);
  EXPECT_EQ(h.sum_squares, 10.5);
  ASSERT_EQ(h.limits.size(), h.buckets.size());
  EXPECT_EQ(std::accumulate(h.buckets.begin(), h.buckets.end(), 0.0), 5);
  for (std::size_t i = 1; i < h.limits.size(); ++i) {
    EXPECT_LT(h.limits[i - 1], h.limits[i]);
    double inside = 0;
    for (const float v : values) {
      inside += std::isfinite(v) && v > h.limits[i - 1] && v <= h.limits[i] ? 1 : 0;
    }
    EXPECT_EQ(h.buckets[i], inside) << i;
  }
  EXPECT_EQ(make_histogram({}).count, 0);
}

}  // namespace
}  // namespace temper::training
