// Convolution and its two gradients as products with packed weights, channels last: the pixels of
// one row are the rows of a matrix as they lie, so nothing is copied but what padding asks for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/host/conv_plan.h"

namespace temper::cpu {

enum class ConvPass { kForward, kData, kWeights };

// One of the three with its sizes; made once, run many times.
class ConvProducts {
 public:
  ConvProducts(const ConvPlan& plan, ConvPass pass, int threads);

  std::size_t workspace_bytes() const;
  // y = x * w + bias, rectified; null: no bias
  void forward(const float* x, const float* w, const float* bias, float* y, float* workspace) const;
  void data_gradient(const float* w, const float* dy, float* dx, float* workspace) const;
  void weights_gradient(const float* x, const float* dy, float* dw, float* workspace) const;

 private:
  // Neighbouring pixels of a row of y, and where their windows begin in x.
  struct Segment {
    std::int64_t x = 0, pixel = 0, count = 0;  // x in elements
  };

  std::int64_t in_sample() const { return plan_.in_plane() * plan_.in_channels(); }
  std::int64_t out_sample() const { return plan_.out_plane() * plan_.out_channels(); }
  std::int64_t padded_sample() const;  // elements of a sample with its padding
  std::int64_t padded_floats() const { return pads_ ? chunk_ * padded_sample() : 0; }
  std::int64_t packed_weights() const { return plan_.group * taps_ * panels_ * depth_ * width_; }
  std::int64_t packed_gradient() const;
  std::int64_t row_segments() const;
  std::int64_t sample_segments() const { return plan_.out[0] * plan_.out[1] * row_segments(); }
  Segment segment(std::int64_t number) const;
  std::int64_t tap_offset(std::int64_t tap) const;
  std::int64_t columns_of(std::int64_t panel) const;

  void pack_weights(const float* w, float* packed) const;
  const float* pad(const float* x, std::int64_t samples, float* padded) const;
  void add_sample_row(const float* packed, const float* dy, std::int64_t row, std::int64_t columns,
                      float* dx) const;
  void pack_gradient(const float* dy, std::int64_t samples, float* packed) const;
  void add_weights(const float* x, const float* dy, std::int64_t samples, bool first,
                   float* sums) const;
  void write_weights(const float* sums, float* dw) const;

  ConvPlan plan_;
  ConvPass pass_;
  int threads_;
  bool joined_ = false;       // a product takes all taps of a row of the kernel, as they lie in x
  std::int64_t taps_ = 1;     // products for a pixel
  std::int64_t depth_ = 1;    // of w: rows of a tap's matrix
  std::int64_t columns_ = 1;  // and its columns
  std::int64_t width_ = 1;    // of a panel
  std::int64_t panels_ = 1;
  bool pads_ = false;
  Spatial padded_{};
  std::int64_t chunk_ = 1;  // samples that are padded, or whose gradient is packed, at a time
};

}  // namespace temper::cpu
