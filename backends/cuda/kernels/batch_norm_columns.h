// BatchNormalization of tensors [rows, channels]: a channel is a column. Blocks take some rows of
// 32 channels; their sums lie in a workspace.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/kernels/batch_norm.h"

namespace temper::cuda {

struct ChannelColumns {
  std::int64_t rows = 0, channels = 0;
  std::int64_t chunk = 0;  // rows of a block
  int width = 32;          // channels of a block

  static ChannelColumns of(std::int64_t rows, std::int64_t channels);
  constexpr std::int64_t chunks() const { return (rows + chunk - 1) / chunk; }
  constexpr std::int64_t groups() const { return (channels + width - 1) / width; }
  // Doubles of the workspace: sums of each chunk, then what the last pass needs of each channel.
  std::size_t workspace_bytes(int sums, int numbers) const;
};

inline constexpr int kTrainSums = 2, kTrainNumbers = 3, kGradSums = 3, kGradNumbers = 4;

// REQUIRES: shape.plane == 1.
void batch_norm_train_columns(const BatchNormShape& shape, const BatchNormTrain& tensors,
                              double* workspace, StreamHandle stream);
// REQUIRES: shape.plane == 1; the mask, where the shape has a rectifier.
void batch_norm_train_grad_columns(const BatchNormShape& shape, const BatchNormGrad& tensors,
                                   double* workspace, StreamHandle stream);

}  // namespace temper::cuda
