// Decoded pictures that are kept in memory from epoch to epoch, up to a number of bytes. What no
// longer fits is read anew each time: of an order that is random, no choice of what to keep would
// do better. Threading: any.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "training/formats/image_file.h"

namespace temper::training {

// A picture and the classes of its pixels, where there are any.
struct PictureSample {
  Picture image;
  Picture mask;

  std::int64_t bytes() const {
    return static_cast<std::int64_t>(image.pixels.size() + mask.pixels.size());
  }
};

class PictureCache {
 public:
  PictureCache(std::int64_t rows, std::int64_t most_bytes)
      : room_(most_bytes), kept_(static_cast<std::size_t>(rows)) {}

  // Null when it is not kept. What is kept stays where it is as long as the cache lives.
  const PictureSample* find(std::int64_t row) {
    const std::lock_guard lock(mutex_);
    return kept_[static_cast<std::size_t>(row)].get();
  }

  // Moves the sample in where there is room, and leaves it as it is where there is none.
  const PictureSample* keep(std::int64_t row, PictureSample& sample) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<const PictureSample>& place = kept_[static_cast<std::size_t>(row)];
    if (place == nullptr && sample.bytes() <= room_) {
      room_ -= sample.bytes();
      place = std::make_unique<const PictureSample>(std::move(sample));
    }
    return place.get();
  }

 private:
  std::mutex mutex_;
  std::int64_t room_;
  std::vector<std::unique_ptr<const PictureSample>> kept_;
};

}  // namespace temper::training
