#include "training/data/streams.h"

#include <algorithm>
#include <numeric>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

std::int64_t sequence_of(std::span<const std::int64_t> sequences, std::int64_t row) {
  return sequences.empty() ? 0 : sequences[static_cast<std::size_t>(row)];
}

}  // namespace

// Rows that are missing in between (held out) end a sequence as well.
std::vector<Streams::Stretch> Streams::sequences_of(std::span<const std::int64_t> rows,
                                                    std::span<const std::int64_t> sequences) {
  std::vector<Stretch> found;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool goes_on = i > 0 && rows[i] == rows[i - 1] + 1 &&
                         sequence_of(sequences, rows[i]) == sequence_of(sequences, rows[i - 1]);
    if (goes_on) {
      found.back().end = i + 1;
    } else {
      found.push_back({i, i + 1});
    }
  }
  return found;
}

Streams Streams::cut(std::span<const std::int64_t> rows, std::span<const std::int64_t> sequences,
                     std::int64_t batch_size) {
  const std::size_t length = rows.size() / static_cast<std::size_t>(batch_size);
  TEMPER_ASSERT(length > 0);
  std::vector<std::vector<Stretch>> streams(static_cast<std::size_t>(batch_size));
  for (const Stretch& sequence : sequences_of(rows, sequences)) {
    for (std::size_t at = sequence.begin; at < sequence.end;) {
      const std::size_t stream = at / length;
      const std::size_t end = std::min(sequence.end, (stream + 1) * length);
      if (stream < streams.size()) {
        streams[stream].push_back({at, end});
      }
      at = end;
    }
  }
  return Streams(rows, streams);
}

Streams Streams::whole(std::span<const std::int64_t> rows, std::span<const std::int64_t> sequences,
                       std::int64_t batch_size) {
  std::vector<Stretch> order = sequences_of(rows, sequences);
  const auto length = [](const Stretch& stretch) { return stretch.end - stretch.begin; };
  std::stable_sort(order.begin(), order.end(),
                   [&](const Stretch& a, const Stretch& b) { return length(a) > length(b); });
  const std::size_t count = std::min(order.size(), static_cast<std::size_t>(batch_size));
  std::vector<std::vector<Stretch>> streams(count);
  std::vector<std::size_t> lengths(count, 0);
  for (const Stretch& sequence : order) {
    const auto shortest = std::min_element(lengths.begin(), lengths.end());
    streams[static_cast<std::size_t>(shortest - lengths.begin())].push_back(sequence);
    *shortest += length(sequence);
  }
  const auto rows_of = [&](const std::vector<Stretch>& stream) {
    return std::accumulate(
        stream.begin(), stream.end(), std::size_t{0},
        [&](std::size_t sum, const Stretch& each) { return sum + length(each); });
  };
  std::stable_sort(streams.begin(), streams.end(),
                   [&](const auto& a, const auto& b) { return rows_of(a) > rows_of(b); });
  return Streams(rows, streams);
}

Streams::Streams(std::span<const std::int64_t> rows,
                 const std::vector<std::vector<Stretch>>& streams) {
  struct Place {
    std::size_t stretch = 0;
    std::size_t done = 0;  // rows of it
  };
  std::vector<Place> places(streams.size());
  begins_.push_back(0);
  while (true) {
    for (std::size_t s = 0; s < streams.size(); ++s) {
      Place& place = places[s];
      if (place.stretch == streams[s].size()) {
        continue;  // so are all streams behind it, which are no longer
      }
      const Stretch& stretch = streams[s][place.stretch];
      rows_.push_back(rows[stretch.begin + place.done]);
      continues_.push_back(place.done > 0 ? 1 : 0);
      ++place.done;
      if (stretch.begin + place.done == stretch.end) {
        place = {place.stretch + 1, 0};
      }
    }
    if (count() == begins_.back()) {
      return;
    }
    begins_.push_back(count());
  }
}

std::int64_t Streams::rows_at(std::int64_t position) const {
  const auto next = std::upper_bound(begins_.begin(), begins_.end(), position);
  TEMPER_CHECK(next != begins_.end() && *std::prev(next) == position, ErrorCode::kInvalidArgument,
               "the data position ", position,
               " is not where a batch begins. Is this another data.batch_size than the "
               "checkpoint's?");
  return *next - position;
}

std::vector<std::int64_t> Streams::sizes() const {
  std::vector<std::int64_t> sizes;
  for (std::size_t i = 1; i < begins_.size(); ++i) {
    const std::int64_t size = begins_[i] - begins_[i - 1];
    if (sizes.empty() || sizes.back() != size) {
      sizes.push_back(size);
    }
  }
  return sizes;
}

}  // namespace temper::training
