// Rows by blocks, columns by threads; sums have a fixed order.
#include <cmath>

#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/matrix_updates.h"

namespace temper::cuda {
namespace {

using Step = AdafactorStep<float>;

__device__ const float* gradient_of(const FlatRange& range) {
  return reinterpret_cast<const float*>(range.gradient);
}
__device__ float* parameter_of(const FlatRange& range) {
  return reinterpret_cast<float*>(range.parameter);
}
__device__ float* state_of(const FlatRange& range, int i) {
  return reinterpret_cast<float*>(range.states[i]);
}

// ---------------------------------------------------------------- Adafactor

__global__ void __launch_bounds__(kBlock) steps_kernel(const MatrixStep m, Step* steps) {
  const std::int64_t group = thread_number();
  if (group < m.scalars.groups * m.scalars.phases) {
    constexpr auto kParameters = static_cast<std::int64_t>(Step::kParameters.size());
    steps[group] =
        Step::make(m.scalars.step_of(group), m.numbers + group / m.scalars.phases * kParameters);
  }
}

// The running mean squares of rows.
__global__ void __launch_bounds__(kBlock) rows_kernel(const bool* ok, const AdafactorTables t) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const MatrixTensor& m = t.tensors[t.of_row[blockIdx.x]];
  const std::int64_t row = blockIdx.x - m.first_row;
  const Step step = t.steps[m.range.group];
  const float* g = gradient_of(m.range) + row * m.columns;
  double sum = 0;
  for (std::int64_t c = threadIdx.x; c < m.columns; c += blockDim.x) {
    const auto x = static_cast<double>(g[c] * step.scale);
    sum += x * x;
  }
  sum = block_reduce<Sum>(sum, scratch, 0.0);
  if (threadIdx.x == 0 && *ok) {
    float& state = state_of(m.range, 0)[row];
    state = lerp(state, static_cast<float>(sum / static_cast<double>(m.columns)), step.rest);
  }
}

__global__ void __launch_bounds__(kBlock) columns_kernel(const bool* ok, const AdafactorTables t) {
  const std::int64_t i = thread_number();
  if (i >= t.columns || !*ok) {
    return;
  }
  const MatrixTensor& m = t.tensors[t.of_column[i]];
  const std::int64_t column = i - m.first_column;
  const Step step = t.steps[m.range.group];
  const float* g =
      gradient_of(m.range) + column / m.columns * m.rows * m.columns + column % m.columns;
  double sum = 0;
  for (std::int64_t r = 0; r < m.rows; ++r) {
    const auto x = static_cast<double>(g[r * m.columns] * step.scale);
    sum += x * x;
  }
  float& state = state_of(m.range, 1)[column];
  state = lerp(state, static_cast<float>(sum / static_cast<double>(m.rows)), step.rest);
}

__global__ void __launch_bounds__(kBlock) means_kernel(const AdafactorTables t) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const MatrixTensor& m = t.tensors[t.of_matrix[blockIdx.x]];
  const float* rows = state_of(m.range, 0) + (blockIdx.x - m.first_matrix) * m.rows;
  double sum = 0;
  for (std::int64_t r = threadIdx.x; r < m.rows; r += blockDim.x) {
    sum += static_cast<double>(rows[r]);
  }
  sum = block_reduce<Sum>(sum, scratch, 0.0);
  if (threadIdx.x == 0) {
    const float mean = static_cast<float>(sum / static_cast<double>(m.rows));
    const float smallest = t.steps[m.range.group].smallest;
    t.means[blockIdx.x] = mean < smallest ? smallest : mean;
  }
}

// Calls f(element of the tensor, its second moment) for the block's row.
template <class F>
__device__ void for_each_moment(const AdafactorTables& t, const MatrixTensor& m, const F& f) {
  const std::int64_t row = blockIdx.x - m.first_row, matrix = row / m.rows;
  const float of_row = state_of(m.range, 0)[row], mean = t.means[m.first_matrix + matrix];
  const float* of_columns = state_of(m.range, 1) + matrix * m.columns;
  for (std::int64_t c = threadIdx.x; c < m.columns; c += blockDim.x) {
    f(row * m.columns + c, of_row * of_columns[c] / mean);
  }
}

__global__ void __launch_bounds__(kBlock) measure_kernel(const AdafactorTables t) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const MatrixTensor& m = t.tensors[t.of_row[blockIdx.x]];
  const Step step = t.steps[m.range.group];
  double of_p = 0, of_u = 0;
  for_each_moment(t, m, [&](std::int64_t i, float v) {
    const auto p = static_cast<double>(parameter_of(m.range)[i]);
    const auto u = static_cast<double>(step.direction(gradient_of(m.range)[i] * step.scale, v));
    of_p += p * p;
    of_u += u * u;
  });
  of_p = block_reduce<Sum>(of_p, scratch, 0.0);
  of_u = block_reduce<Sum>(of_u, scratch, 0.0);
  if (threadIdx.x == 0) {
    t.sums[blockIdx.x] = {of_p, of_u, static_cast<double>(m.columns)};
  }
}

__global__ void __launch_bounds__(kBlock) factors_kernel(const AdafactorTables t) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const MatrixTensor& m = t.tensors[blockIdx.x];
  UpdateSums sums;
  for (std::int64_t r = threadIdx.x; r < m.batch * m.rows; r += blockDim.x) {
    sums.first += t.sums[m.first_row + r].first;
    sums.second += t.sums[m.first_row + r].second;
  }
  sums.first = block_reduce<Sum>(sums.first, scratch, 0.0);
  sums.second = block_reduce<Sum>(sums.second, scratch, 0.0);
  sums.count = static_cast<double>(m.range.elements);
  if (threadIdx.x == 0) {
    t.factors[blockIdx.x] = t.steps[m.range.group].factor(sums);
  }
}

__global__ void __launch_bounds__(kBlock) update_kernel(const bool* ok, const AdafactorTables t) {
  if (!*ok) {
    return;
  }
  const std::int32_t tensor = t.of_row[blockIdx.x];
  const MatrixTensor& m = t.tensors[tensor];
  const Step step = t.steps[m.range.group];
  const float factor = t.factors[tensor];
  for_each_moment(t, m, [&](std::int64_t i, float v) {
    float& p = parameter_of(m.range)[i];
    p = p * step.shrink - factor * step.direction(gradient_of(m.range)[i] * step.scale, v);
  });
}

// ---------------------------------------------------------------- Muon

__device__ const double* numbers_of(const MatrixStep& m, std::int64_t group) {
  return m.numbers + group / m.scalars.phases * kMuonParameters;
}

__global__ void __launch_bounds__(kBlock) momentum_kernel(const MatrixStep m, const MuonTensor t) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  const UpdateStep step = m.scalars.step_of(t.range.group);
  const double* h = numbers_of(m, t.range.group);
  const double momentum = step.scheduled_or(h[1]);
  const auto rest = static_cast<float>(1.0 - momentum), kept = static_cast<float>(momentum);
  const auto scale = static_cast<float>(step.scale);
  const bool nesterov = h[2] != 0, ok = *m.ok;
  double squares = 0;
  for (std::int64_t c = threadIdx.x; c < t.columns; c += blockDim.x) {
    const std::int64_t i = blockIdx.x * t.columns + c;
    const float g = gradient_of(t.range)[i] * scale;
    float& state = state_of(t.range, 0)[i];
    const float buffer = lerp(state, g, rest);
    if (ok) {
      state = buffer;
    }
    t.x[i] = nesterov ? lerp(g, buffer, kept) : buffer;
    squares += static_cast<double>(t.x[i]) * static_cast<double>(t.x[i]);
  }
  squares = block_reduce<Sum>(squares, scratch, 0.0);
  if (threadIdx.x == 0) {
    t.squares[blockIdx.x] = squares;
  }
}

__global__ void __launch_bounds__(kBlock) norm_kernel(const MatrixStep m, const MuonTensor t) {
  Scratch<double>& scratch = shared_as<Scratch<double>>();
  double squares = 0;
  for (std::int64_t r = threadIdx.x; r < t.rows; r += blockDim.x) {
    squares += t.squares[r];
  }
  squares = block_reduce<Sum>(squares, scratch, 0.0);
  if (threadIdx.x == 0) {
    const double norm = std::sqrt(squares), eps = numbers_of(m, t.range.group)[3];
    *t.norm = static_cast<float>(norm < eps ? eps : norm);
  }
}

__global__ void __launch_bounds__(kBlock) divide_kernel(const MuonTensor t) {
  const std::int64_t i = thread_number();
  if (i < t.rows * t.columns) {
    t.x[i] = t.x[i] / *t.norm;
  }
}

__global__ void __launch_bounds__(kBlock)
    finish_kernel(const MatrixStep m, const MuonTensor t, const float* made) {
  const std::int64_t i = thread_number();
  if (i < t.rows * t.columns && *m.ok) {
    const UpdateStep step = m.scalars.step_of(t.range.group);
    const auto rate = static_cast<float>(step.rate * t.ratio);
    const auto shrink = static_cast<float>(1.0 - step.rate * numbers_of(m, t.range.group)[0]);
    float& p = parameter_of(t.range)[i];
    p = p * shrink - rate * made[i];
  }
}

int row_threads(std::int64_t most) { return most <= 64 ? 32 : most <= 512 ? 128 : kBlock; }

}  // namespace

void update_adafactor(const MatrixStep& step, const AdafactorTables& t, StreamHandle stream) {
  constexpr std::size_t kShared = sizeof(Scratch<double>);
  launch_elements(steps_kernel, step.scalars.groups * step.scalars.phases, stream, step, t.steps);
  launch(rows_kernel, t.rows, kBlock, kShared, stream, step.ok, t);
  launch_elements(columns_kernel, t.columns, stream, step.ok, t);
  launch(means_kernel, t.matrices, kBlock, kShared, stream, t);
  launch(measure_kernel, t.rows, kBlock, kShared, stream, t);
  launch(factors_kernel, t.tensor_count, kBlock, kShared, stream, t);
  launch(update_kernel, t.rows, kBlock, 0, stream, step.ok, t);
}

void begin_muon(const MatrixStep& step, const MuonTensor& tensor, StreamHandle stream) {
  constexpr std::size_t kShared = sizeof(Scratch<double>);
  launch(momentum_kernel, tensor.rows, row_threads(tensor.columns), kShared, stream, step, tensor);
  launch(norm_kernel, 1, row_threads(tensor.rows), kShared, stream, step, tensor);
  launch_elements(divide_kernel, tensor.rows * tensor.columns, stream, tensor);
}

void finish_muon(const MatrixStep& step, const MuonTensor& tensor, const float* made,
                 StreamHandle stream) {
  launch_elements(finish_kernel, tensor.rows * tensor.columns, stream, step, tensor, made);
}

}  // namespace temper::cuda
