// Convolution of few channels and its two gradients with 16 samples side by side (sample_blocks):
// each register holds one pixel of 16 samples, so that no lane is idle however few the channels
// and however small the pictures are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "backends/cpu/lane_conv_kernels.h"
#include "backends/host/conv_plan.h"

namespace temper::cpu {

enum class LanePass { kForward, kData, kWeights };

// "" or why there is no such convolution, or none worth it.
std::string refuse_lane_conv(const ConvPlan& plan);
// Whether it is the better one by far: channels side by side would leave most lanes empty. Then it
// is in 16 bits too, by way of f32.
bool is_made_for_lanes(const ConvPlan& plan);

// One of the three with its sizes; made once, run many times.
class LaneConv {
 public:
  LaneConv(const ConvPlan& plan, LanePass pass, int threads);

  std::size_t workspace_bytes() const;
  std::size_t kept_bytes() const;
  // y = x * w + bias, rectified; null: no bias
  void forward(const float* x, const float* w, const float* bias, float* y, float* workspace) const;
  void data_gradient(const float* w, const float* dy, float* dx, float* workspace) const;
  void weights_gradient(const float* x, const float* dy, float* dw, float* workspace) const;
  void bias_gradient(const float* dy, float* db) const;

 private:
  // A channel of 16 samples, rows of pixels, with zeros around it where the taps reach over.
  struct Plane {
    std::int64_t rows = 0, columns = 0, top = 0, left = 0, padded_rows = 0, padded_columns = 0;

    bool is_padded() const { return padded_rows != rows || padded_columns != columns; }
    std::int64_t floats() const { return padded_rows * padded_columns * kSampleLanes; }
    std::int64_t source_floats() const { return rows * columns * kSampleLanes; }
  };
  struct Strip {
    std::int64_t from = 0, to = 0;  // floats from the beginning of a channel
    int pixels = 0;
    std::int32_t list = 0;  // of taps
  };
  // How one dimension is walked: for position `at` of the target, the element of the source that
  // tap k meets, if there is one.
  struct Walk {
    std::int64_t target = 0, source = 0, kernel = 0, stride = 1, dilation = 1, pad = 0;
    bool gathers = false;  // the target is dx

    bool meets(std::int64_t at, std::int64_t tap, std::int64_t& place) const;
  };

  Walk walk_of(std::size_t dim) const;
  void lay_out_planes();
  void cut_into_strips(int most, std::vector<Strip>& strips,
                       std::vector<std::vector<ConvTap>>& lists) const;
  void choose_strips();
  std::int64_t weights_floats() const { return sources_ * targets_ * elements(); }
  std::int64_t elements() const { return plan_.window.kernel_elements(); }
  std::int64_t blocks() const { return plan_.batch / kSampleLanes; }
  std::int64_t walks() const { return std::min<std::int64_t>(threads_, blocks()); }
  std::int64_t padded_floats() const { return plane_.is_padded() ? sources_ * plane_.floats() : 0; }
  std::int64_t taps_of_weights() const { return plan_.group_in * elements(); }
  bool sums_stay() const;
  bool sums_wait() const;
  std::int64_t padded_blocks() const;
  std::int64_t chunk_rows() const;

  void pack_weights(const float* w, float* packed) const;
  const float* pad(const float* x, float* padded) const;
  void run(const float* from, const float* packed, const float* bias, float* to,
           float* workspace) const;
  void run_block(const float* from, const float* packed, const float* bias, float* to) const;
  void sum_part(ConvTapSums work, std::int64_t part, float* sums) const;
  void sum_rows(const float* x, const float* dy, std::int64_t row, std::int64_t rows,
                std::int64_t first, std::int64_t last, float* sums) const;
  void sum_chunks(const float* x, const float* dy, std::int64_t count, std::int64_t first,
                  std::int64_t last, float* sums) const;
  void sum_whole(const float* x, const float* dy, std::int64_t part, float* dw) const;
  ConvTapSums tap_sums(std::int64_t blocks, std::int64_t rows) const;

  ConvPlan plan_;
  LanePass pass_;
  int threads_;
  const LaneConvKernels* kernels_;
  std::int64_t sources_, targets_;   // channels of what is read and written
  Plane plane_;                      // of what is read with its neighbours
  std::vector<std::int64_t> parts_;  // where blocks of target channels begin, and their end
  std::vector<Strip> strips_;
  std::vector<std::vector<ConvTap>> lists_;
  std::vector<std::int64_t> offsets_;  // of the weights' gradient: each tap's in x
};

}  // namespace temper::cpu
