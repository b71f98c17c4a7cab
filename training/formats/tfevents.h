// TensorBoard's event files: TFRecords (length, masked CRC-32C, bytes, masked CRC-32C) of Event
// messages, whose protobuf encoding is written here by hand.
// tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace temper::training {

// A histogram as TensorBoard stores it: bucket i counts values in (limits[i-1], limits[i]].
struct HistogramData {
  double min = 0;
  double max = 0;
  double count = 0;
  double sum = 0;
  double sum_squares = 0;
  std::vector<double> limits;
  std::vector<double> buckets;
};

// The histogram of finite values over TensorBoard's exponential buckets (factor 1.1), without empty
// ones at the ends; non-finite values are left out.
HistogramData make_histogram(std::span<const float> values);

// Event messages, without the record around them. `seconds` is the wall time since 1970.
std::string version_event(double seconds);
// Marks a (re)start: TensorBoard drops points of earlier files with `step` or later.
std::string start_event(double seconds, std::int64_t step);
std::string scalar_event(double seconds, std::int64_t step, std::string_view tag, float value);
// Markdown.
std::string text_event(double seconds, std::int64_t step, std::string_view tag,
                       std::string_view text);
std::string histogram_event(double seconds, std::int64_t step, std::string_view tag,
                            const HistogramData& histogram);
// `png` is a whole PNG file of that size in pixels.
std::string image_event(double seconds, std::int64_t step, std::string_view tag,
                        std::span<const std::byte> png, int width, int height);

// The TFRecord of a message.
std::string event_record(std::string_view message);

}  // namespace temper::training
