// Hand-written protobuf encoding of TensorBoard events; field numbers stand beside each field.
#include "training/formats/tfevents.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "training/formats/crc32c.h"

namespace temper::training {
namespace {

// Appends fields of a protobuf message to a string.
class Message {
 public:
  Message& varint(int field, std::uint64_t value) {
    key(field, 0);
    put_varint(value);
    return *this;
  }
  Message& fixed64(int field, double value) {
    key(field, 1);
    put_double(value);
    return *this;
  }
  Message& fixed32(int field, float value) {
    key(field, 5);
    put_little(std::bit_cast<std::uint32_t>(value), 4);
    return *this;
  }
  Message& bytes(int field, std::string_view value) {
    key(field, 2);
    put_varint(value.size());
    text_ += value;
    return *this;
  }
  Message& message(int field, const Message& value) { return bytes(field, value.text_); }
  Message& packed(int field, const std::vector<double>& values) {
    key(field, 2);
    put_varint(values.size() * 8);
    for (const double value : values) {
      put_double(value);
    }
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  void key(int field, unsigned wire_type) {
    put_varint(static_cast<std::uint64_t>(field) << 3 | wire_type);
  }
  void put_varint(std::uint64_t value) {
    while (value >= 0x80) {
      text_ += static_cast<char>((value & 0x7f) | 0x80);
      value >>= 7;
    }
    text_ += static_cast<char>(value);
  }
  void put_little(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      text_ += static_cast<char>(value >> (8 * i));
    }
  }
  void put_double(double value) { put_little(std::bit_cast<std::uint64_t>(value), 8); }

  std::string text_;
};

// Event: wall_time = 1, step = 2.
Message event_at(double seconds, std::int64_t step) {
  Message event;
  event.fixed64(1, seconds);
  if (step != 0) {
    event.varint(2, static_cast<std::uint64_t>(step));
  }
  return event;
}

// Event.summary = 5, Summary.value = 1, Value.tag = 1.
std::string summary_event(double seconds, std::int64_t step, const Message& value) {
  return event_at(seconds, step).message(5, Message().message(1, value)).text();
}

// Value.metadata = 9, SummaryMetadata.plugin_data = 1, PluginData.plugin_name = 1.
Message plugin(std::string_view name) { return Message().message(1, Message().bytes(1, name)); }

// TensorBoard's default bucket limits: 1e-12 times powers of 1.1 up to 1e20, mirrored, and 0.
std::vector<double> bucket_limits() {
  std::vector<double> positive;
  for (double value = 1e-12; value < 1e20; value *= 1.1) {
    positive.push_back(value);
  }
  positive.push_back(std::numeric_limits<double>::max());
  std::vector<double> limits;
  limits.reserve(positive.size() * 2 + 1);
  for (auto it = positive.rbegin(); it != positive.rend(); ++it) {
    limits.push_back(-*it);
  }
  limits.push_back(0);
  limits.insert(limits.end(), positive.begin(), positive.end());
  return limits;
}

}  // namespace

HistogramData make_histogram(std::span<const float> values) {
  const std::vector<double> limits = bucket_limits();
  std::vector<double> counts(limits.size(), 0.0);
  HistogramData result;
  result.min = std::numeric_limits<double>::infinity();
  result.max = -result.min;
  for (const float value : values) {
    if (!std::isfinite(value)) {
      continue;
    }
    const double x = value;
    result.min = std::min(result.min, x);
    result.max = std::max(result.max, x);
    result.count += 1;
    result.sum += x;
    result.sum_squares += x * x;
    const auto bucket = std::lower_bound(limits.begin(), limits.end(), x) - limits.begin();
    counts[static_cast<std::size_t>(bucket)] += 1;
  }
  if (result.count == 0) {
    result.min = result.max = 0;
    result.limits = {std::numeric_limits<double>::max()};
    result.buckets = {0};
    return result;
  }
  const auto used = [](double count) { return count > 0; };
  const auto first = std::find_if(counts.begin(), counts.end(), used) - counts.begin();
  const auto last = counts.rend() - std::find_if(counts.rbegin(), counts.rend(), used);
  // One empty bucket before the first one gives readers its lower edge.
  const auto begin = std::max<std::ptrdiff_t>(first - 1, 0);
  result.limits.assign(limits.begin() + begin, limits.begin() + last);
  result.buckets.assign(counts.begin() + begin, counts.begin() + last);
  return result;
}

std::string version_event(double seconds) {
  return event_at(seconds, 0).bytes(3, "brain.Event:2").text();  // file_version = 3
}

std::string start_event(double seconds, std::int64_t step) {
  // session_log = 7, SessionLog.status = 1, START = 1
  return event_at(seconds, step).message(7, Message().varint(1, 1)).text();
}

std::string scalar_event(double seconds, std::int64_t step, std::string_view tag, float value) {
  return summary_event(seconds, step,
                       Message().bytes(1, tag).fixed32(2, value));  // simple_value = 2
}

std::string text_event(double seconds, std::int64_t step, std::string_view tag,
                       std::string_view text) {
  // TensorProto: dtype = 1 (DT_STRING = 7), tensor_shape = 2 {dim = 2 {size = 1}}, string_val = 8
  const Message shape = Message().message(2, Message().varint(1, 1));
  const Message tensor = Message().varint(1, 7).message(2, shape).bytes(8, text);
  return summary_event(
      seconds, step,
      Message().bytes(1, tag).message(8, tensor).message(9, plugin("text")));  // tensor = 8
}

std::string histogram_event(double seconds, std::int64_t step, std::string_view tag,
                            const HistogramData& histogram) {
  Message histo;  // HistogramProto
  histo.fixed64(1, histogram.min).fixed64(2, histogram.max).fixed64(3, histogram.count);
  histo.fixed64(4, histogram.sum).fixed64(5, histogram.sum_squares);
  histo.packed(6, histogram.limits).packed(7, histogram.buckets);
  return summary_event(seconds, step, Message().bytes(1, tag).message(5, histo));  // histo = 5
}

std::string image_event(double seconds, std::int64_t step, std::string_view tag,
                        std::span<const std::byte> png, int width, int height) {
  Message image;  // height = 1, width = 2, colorspace = 3 (RGB), encoded_image_string = 4
  image.varint(1, static_cast<std::uint64_t>(height)).varint(2, static_cast<std::uint64_t>(width));
  image.varint(3, 3);
  image.bytes(4, {reinterpret_cast<const char*>(png.data()), png.size()});
  return summary_event(seconds, step, Message().bytes(1, tag).message(4, image));  // image = 4
}

std::string event_record(std::string_view message) {
  const auto put = [](std::string& out, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) {
      out += static_cast<char>(value >> (8 * i));
    }
  };
  const auto checksum = [](std::string_view text) {
    return masked_crc32c(std::as_bytes(std::span(text.data(), text.size())));
  };
  std::string record;
  put(record, message.size(), 8);
  put(record, checksum(record), 4);
  record += message;
  put(record, checksum(message), 4);
  return record;
}

}  // namespace temper::training
