// Updates of optimizers that see the axes of a parameter: Adafactor and Muon of matrices, as
// backends/host/matrix_updates.h.
#pragma once

#include <cstdint>

#include "backends/common/flat_ranges.h"
#include "backends/common/optimizers/adafactor.h"
#include "backends/cuda/device.h"

namespace temper::cuda {

// The step of a node: nothing is written where *ok is false.
struct MatrixStep {
  const bool* ok = nullptr;
  UpdateScalars scalars;
  const double* numbers = nullptr;  // [groups, parameters]
};

// A parameter as [batch, rows, columns], and the number of its first row, column and matrix among
// all parameters.
struct MatrixTensor {
  FlatRange range;
  std::int64_t batch = 0, rows = 0, columns = 0;
  std::int64_t first_row = 0, first_column = 0, first_matrix = 0;
};

struct AdafactorTables {
  const MatrixTensor* tensors = nullptr;
  // The tensor of each row, column and matrix.
  const std::int32_t *of_row = nullptr, *of_column = nullptr, *of_matrix = nullptr;
  std::int64_t tensor_count = 0, rows = 0, columns = 0, matrices = 0;
  // Workspace.
  AdafactorStep<float>* steps = nullptr;  // [groups phases]
  UpdateSums* sums = nullptr;             // [rows]
  float* means = nullptr;                 // [matrices]
  float* factors = nullptr;               // [tensors]
};
void update_adafactor(const MatrixStep& step, const AdafactorTables& tables, StreamHandle stream);

struct MuonTensor {
  FlatRange range;
  std::int64_t rows = 0, columns = 0;
  double ratio = 1;  // of the rate, by the shape
  float* x = nullptr;
  double* squares = nullptr;  // [rows]
  float* norm = nullptr;      // one number
};
// The momentum moves on, and x becomes the direction over its norm.
void begin_muon(const MatrixStep& step, const MuonTensor& tensor, StreamHandle stream);
// The parameter moves along `made`.
void finish_muon(const MatrixStep& step, const MuonTensor& tensor, const float* made,
                 StreamHandle stream);

inline constexpr std::int64_t kMuonParameters = 9;

}  // namespace temper::cuda
