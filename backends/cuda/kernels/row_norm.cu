// A row is taken by a warp or, where it is long, by a block. The gradients of scale and bias are
// added up over parts of the rows first, then over the parts.
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/row_norm.h"

namespace temper::cuda {
namespace {

constexpr int kWarps = 4;  // rows of a block of short ones
constexpr std::int64_t kShortRow = 1024;
constexpr int kColumns = 32, kLines = 8;  // of a block that adds up columns
constexpr std::int64_t kMostParts = 64, kPartRows = 64;

// The threads that share a row.
template <bool kByWarp>
struct RowTeam {
  std::int64_t row, member, step;

  __device__ RowTeam()
      : row(kByWarp ? thread_number() / 32 : blockIdx.x),
        member(kByWarp ? threadIdx.x % 32 : threadIdx.x),
        step(kByWarp ? 32 : blockDim.x) {}

  __device__ double sum(double x) const {
    if constexpr (kByWarp) {
      return warp_reduce<Sum>(x);
    } else {
      return block_reduce<Sum>(x, shared_as<Scratch<double>>(), 0.0);
    }
  }
};

struct Statistics {
  double mean, inverse;
};

// `size` is 0 for threads without a row.
template <bool kByWarp>
__device__ Statistics statistics_of(const RowTeam<kByWarp>& team, const NormRows& rows,
                                    const float* x, std::int64_t size) {
  const double share = 1.0 / static_cast<double>(rows.size > 0 ? rows.size : 1);
  double total = 0;
  for (std::int64_t i = team.member; i < size && rows.centred; i += team.step) {
    total += static_cast<double>(x[i]);
  }
  const double mean = team.sum(total) * share;
  double squares = 0;
  for (std::int64_t i = team.member; i < size; i += team.step) {
    const double centred = static_cast<double>(x[i]) - mean;
    squares += centred * centred;
  }
  return {mean, 1 / sqrt(team.sum(squares) * share + rows.epsilon)};
}

template <bool kByWarp>
__global__ void __launch_bounds__(kBlock)
    row_norm_kernel(const NormRows rows, const float* x, const float* __restrict__ scale,
                    const float* __restrict__ bias, float* y, float* mean, float* inverse) {
  const RowTeam<kByWarp> team;
  const bool is_row = team.row < rows.count;
  const std::int64_t size = is_row ? rows.size : 0;
  const std::int64_t first = is_row ? team.row * rows.size : 0;
  const Statistics s = statistics_of(team, rows, x + first, size);
  for (std::int64_t i = team.member; i < size; i += team.step) {
    const double h = (static_cast<double>(x[first + i]) - s.mean) * s.inverse;
    const double by = scale == nullptr ? 1.0 : static_cast<double>(scale[i]);
    const double plus = bias == nullptr ? 0.0 : static_cast<double>(bias[i]);
    y[first + i] = static_cast<float>(h * by + plus);
  }
  if (is_row && team.member == 0) {
    if (mean != nullptr) {
      mean[team.row] = static_cast<float>(s.mean);
    }
    if (inverse != nullptr) {
      inverse[team.row] = static_cast<float>(s.inverse);
    }
  }
}

// kept[2 row]: a row's mean and inverse deviation, for what comes after.
template <bool kByWarp>
__global__ void __launch_bounds__(kBlock)
    row_grad_kernel(const NormRows rows, const RowNormGradients t, double* kept) {
  const RowTeam<kByWarp> team;
  const bool is_row = team.row < rows.count;
  const std::int64_t size = is_row ? rows.size : 0;
  const std::int64_t first = is_row ? team.row * rows.size : 0;
  const float *x = t.x + first, *dy = t.dy + first;
  const Statistics s = statistics_of(team, rows, x, size);
  const auto gradient = [&](std::int64_t i) {
    return static_cast<double>(dy[i]) *
           (t.scale == nullptr ? 1.0 : static_cast<double>(t.scale[i]));
  };
  double sum_g = 0, sum_gh = 0;
  for (std::int64_t i = team.member; i < size; i += team.step) {
    const double g = gradient(i);
    sum_g += rows.centred ? g : 0.0;
    sum_gh += g * (static_cast<double>(x[i]) - s.mean) * s.inverse;
  }
  const double share = 1.0 / static_cast<double>(rows.size > 0 ? rows.size : 1);
  const double mean_g = team.sum(sum_g) * share, mean_gh = team.sum(sum_gh) * share;
  if (is_row && team.member == 0) {
    kept[2 * team.row] = s.mean;
    kept[2 * team.row + 1] = s.inverse;
  }
  const double dmean =
      is_row && rows.centred && t.dmean != nullptr ? static_cast<double>(t.dmean[team.row]) : 0.0;
  const double dinverse =
      is_row && t.dinverse != nullptr ? static_cast<double>(t.dinverse[team.row]) : 0.0;
  for (std::int64_t i = team.member; i < size && t.dx != nullptr; i += team.step) {
    const double h = (static_cast<double>(x[i]) - s.mean) * s.inverse;
    const double by_statistics = (dmean - dinverse * s.inverse * s.inverse * h) * share;
    t.dx[first + i] =
        static_cast<float>(s.inverse * (gradient(i) - mean_g - h * mean_gh) + by_statistics);
  }
}

struct ColumnSums {
  double scale[kLines][kColumns], bias[kLines][kColumns];
};

// parts[part][0]: the part's sums of dy h; parts[part][1]: of dy.
__global__ void __launch_bounds__(kColumns* kLines)
    column_kernel(const NormRows rows, const RowNormGradients t, std::int64_t blocks_of_part,
                  std::int64_t rows_of_part, const double* kept, double* parts) {
  ColumnSums& sums = shared_as<ColumnSums>();
  const std::int64_t part = blockIdx.x / blocks_of_part;
  const int column = static_cast<int>(threadIdx.x) % kColumns;
  const int line = static_cast<int>(threadIdx.x) / kColumns;
  const std::int64_t i = blockIdx.x % blocks_of_part * kColumns + column;
  const std::int64_t end =
      (part + 1) * rows_of_part < rows.count ? (part + 1) * rows_of_part : rows.count;
  double dscale = 0, dbias = 0;
  for (std::int64_t r = part * rows_of_part + line; r < end && i < rows.size; r += kLines) {
    const double dy = static_cast<double>(t.dy[r * rows.size + i]);
    const double x = static_cast<double>(t.x[r * rows.size + i]);
    dscale += dy * (x - kept[2 * r]) * kept[2 * r + 1];
    dbias += dy;
  }
  sums.scale[line][column] = dscale;
  sums.bias[line][column] = dbias;
  __syncthreads();
  if (line == 0 && i < rows.size) {
    for (int l = 1; l < kLines; ++l) {
      dscale += sums.scale[l][column];
      dbias += sums.bias[l][column];
    }
    parts[2 * part * rows.size + i] = dscale;
    parts[(2 * part + 1) * rows.size + i] = dbias;
  }
}

__global__ void __launch_bounds__(kBlock)
    join_columns_kernel(std::int64_t size, std::int64_t count, const double* __restrict__ parts,
                        float* __restrict__ dscale, float* __restrict__ dbias) {
  const std::int64_t i = thread_number();
  if (i >= size) {
    return;
  }
  double of_scale = 0, of_bias = 0;
  for (std::int64_t part = 0; part < count; ++part) {
    of_scale += parts[2 * part * size + i];
    of_bias += parts[(2 * part + 1) * size + i];
  }
  if (dscale != nullptr) {
    dscale[i] = static_cast<float>(of_scale);
  }
  if (dbias != nullptr) {
    dbias[i] = static_cast<float>(of_bias);
  }
}

std::int64_t part_count(const NormRows& rows) {
  const std::int64_t wanted = (rows.count + kPartRows - 1) / kPartRows;
  return wanted < 1 ? 1 : wanted > kMostParts ? kMostParts : wanted;
}

}  // namespace

void row_norm(const NormRows& rows, const float* x, const float* scale, const float* bias, float* y,
              float* mean, float* inverse, StreamHandle stream) {
  if (rows.size <= kShortRow) {
    launch(row_norm_kernel<true>, (rows.count + kWarps - 1) / kWarps, 32 * kWarps, 0, stream, rows,
           x, scale, bias, y, mean, inverse);
  } else {
    launch(row_norm_kernel<false>, rows.count, kBlock, sizeof(Scratch<double>), stream, rows, x,
           scale, bias, y, mean, inverse);
  }
}

std::size_t row_norm_grad_workspace(const NormRows& rows) {
  return static_cast<std::size_t>(2 * (rows.count + part_count(rows) * rows.size)) * sizeof(double);
}

void row_norm_grad(const NormRows& rows, const RowNormGradients& tensors, void* workspace,
                   StreamHandle stream) {
  auto* kept = static_cast<double*>(workspace);
  if (rows.size <= kShortRow) {
    launch(row_grad_kernel<true>, (rows.count + kWarps - 1) / kWarps, 32 * kWarps, 0, stream, rows,
           tensors, kept);
  } else {
    launch(row_grad_kernel<false>, rows.count, kBlock, sizeof(Scratch<double>), stream, rows,
           tensors, kept);
  }
  if (tensors.dscale == nullptr && tensors.dbias == nullptr) {
    return;
  }
  double* parts = kept + 2 * rows.count;
  const std::int64_t count = part_count(rows);
  const std::int64_t blocks = (rows.size + kColumns - 1) / kColumns;
  launch(column_kernel, blocks * count, kColumns * kLines, sizeof(ColumnSums), stream, rows,
         tensors, blocks, (rows.count + count - 1) / count, kept, parts);
  launch_elements(join_columns_kernel, rows.size, stream, rows.size, count, parts, tensors.dscale,
                  tensors.dbias);
}

}  // namespace temper::cuda
