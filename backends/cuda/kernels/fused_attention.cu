// Forward and towards the queries, a block has 16 queries and goes through the keys; towards keys
// and values it has 16 keys and goes through the queries. No sum is shared by blocks.
#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/attention_tile.cuh"
#include "backends/cuda/kernels/fused_attention.h"

namespace temper::cuda {
namespace {

constexpr int kThreads = 32 * kAttentionWarps;

// A block's batch element, and its first row of `rows`.
struct BlockPlace {
  std::int64_t batch, first;

  __device__ explicit BlockPlace(std::int64_t rows) {
    const std::int64_t blocks = (rows + kOwn - 1) / kOwn;
    batch = blockIdx.x / blocks;
    first = blockIdx.x % blocks * kOwn;
  }
};

// Element `at` of a tensor, null of none.
template <class T>
__device__ const T* at_element(const void* tensor, std::int64_t at) {
  return tensor == nullptr ? nullptr : static_cast<const T*>(tensor) + at;
}

// The matrices of a batch element.
template <class T>
struct BatchMatrices {
  TileMatrix<T> q, k, v, dy;

  __device__ BatchMatrices(const AttentionShape& s, const AttentionTensors& t, std::int64_t b)
      : q{at_element<T>(t.q, b * s.queries * s.size), s.queries, s.size, s.size, 1},
        k{at_element<T>(t.k, b * s.keys * s.size), s.keys, s.size, s.key_step, s.key_element},
        v{at_element<T>(t.v, b * s.keys * s.values), s.keys, s.values, s.values, 1},
        dy{at_element<T>(t.dy, b * s.queries * s.values), s.queries, s.values, s.values, 1} {}
};

// Scores of one batch element.
template <class T>
struct Scores {
  const AttentionShape& shape;
  const T* bias;
  std::uint64_t origin;  // of the batch element's shares in the stream

  __device__ Scores(const AttentionShape& s, const AttentionTensors& t, std::int64_t b)
      : shape(s),
        bias(at_element<T>(t.bias, s.bias.find(b, 0))),
        origin(static_cast<std::uint64_t>(b * s.queries * s.keys)) {
    if (s.ratio != 0) {
      origin += static_cast<std::uint64_t>(*t.position) * s.per_sample;
    }
  }
  __device__ bool sees(std::int64_t i, std::int64_t j) const {
    return i < shape.queries && j < shape.keys && (!shape.causal || j <= i);
  }
  __device__ float score(float product, std::int64_t i, std::int64_t j) const {
    const float scaled = shape.scale * product;
    return bias == nullptr ? scaled
                           : scaled + bias[i * shape.bias_query_step + j * shape.bias_key_step];
  }
  // By what a share is multiplied that is dropped or not: 0 or more than 1.
  __device__ float kept(std::int64_t i, std::int64_t j) const {
    if (shape.ratio == 0) {
      return 1;
    }
    const std::uint32_t word =
        shape.stream.word(origin + static_cast<std::uint64_t>(i * shape.keys + j));
    const bool keeps = static_cast<double>(philox_uniform(word)) >= shape.ratio;
    return keeps ? static_cast<float>(1 / (1 - shape.ratio)) : 0.0f;
  }
};

// The greatest score so far and the sum of the exponentials less it.
struct RunningRow {
  float top, sum;
};

template <int kMost, class T>
__device__ void write_row(const float (&sums)[kMost / 32], std::int64_t columns,
                          std::int64_t column_step, float factor, T* to) {
  const std::int64_t lane = threadIdx.x % 32;
  for (int a = 0; a < kMost / 32; ++a) {
    if (32 * a + lane < columns) {
      to[(32 * a + lane) * column_step] = sums[a] * factor;
    }
  }
}

template <class T, int kMost>
__global__ void __launch_bounds__(kThreads, 4)
    attention_kernel(const AttentionShape s, const AttentionTensors t, T* __restrict__ y,
                     float* __restrict__ lse) {
  AttentionTile& tile = shared_as<AttentionTile>();
  const BlockPlace place(s.queries);
  const BatchMatrices<T> m(s, t, place.batch);
  const Scores<T> scores(s, t, place.batch);
  const int first = static_cast<int>(threadIdx.x) / 32 * kPerWarp;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  RunningRow rows[kPerWarp];
  float sums[kPerWarp][kMost / 32] = {};
  for (int r = 0; r < kPerWarp; ++r) {
    rows[r] = {-INFINITY, 0};
  }
  const std::int64_t seen = s.causal && place.first + kOwn < s.keys ? place.first + kOwn : s.keys;
  for (std::int64_t key = 0; key < seen; key += kOther) {
    float products[kPerWarp];
    multiply_rows(tile, m.q, place.first, m.k, key, products);
    for (int r = 0; r < kPerWarp; ++r) {
      const std::int64_t i = place.first + first + r, j = key + lane;
      const bool sees = scores.sees(i, j);
      const float score = sees ? scores.score(products[r], i, j) : -INFINITY;
      const float top = Maximum::join(rows[r].top, warp_reduce<Maximum>(score));
      const float base = top == -INFINITY ? 0.0f : top;  // all scores may be -inf so far
      const float share = sees ? expf(score - base) : 0.0f;
      const float factor = expf(rows[r].top - base);
      rows[r] = {top, rows[r].sum * factor + warp_reduce<Sum>(share)};
      for (int a = 0; a < kMost / 32; ++a) {
        sums[r][a] *= factor;
      }
      tile.weights[first + r][lane] = sees ? share * scores.kept(i, j) : 0.0f;
    }
    add_rows<kMost>(tile, tile.weights, m.v, key, sums);
  }
  for (int r = 0; r < kPerWarp; ++r) {
    const std::int64_t i = place.first + first + r;
    const std::int64_t row = place.batch * s.queries + i;
    const bool is_empty = rows[r].top == -INFINITY;
    const float of_empty = s.zero_rows ? 0.0f : NAN;
    if (i < s.queries) {
      write_row<kMost>(sums[r], s.values, 1, is_empty ? of_empty : 1.0f / rows[r].sum,
                       y + row * s.values);
      if (lse != nullptr && lane == 0) {
        lse[row] = is_empty ? of_empty : rows[r].top + logf(rows[r].sum);
      }
    }
  }
}

// through[row] = the sum of dy y, which is that of the shares times their gradients.
template <class T>
__global__ void __launch_bounds__(kBlock)
    through_kernel(std::int64_t rows, std::int64_t values, const T* __restrict__ y,
                   const T* __restrict__ dy, float* __restrict__ through) {
  const std::int64_t row = thread_number() / 32;
  const std::int64_t count = row < rows ? values : 0;
  double sum = 0;
  for (std::int64_t e = threadIdx.x % 32; e < count; e += 32) {
    sum += static_cast<double>(y[row * values + e]) * static_cast<double>(dy[row * values + e]);
  }
  sum = warp_reduce<Sum>(sum);
  if (row < rows && threadIdx.x % 32 == 0) {
    through[row] = static_cast<float>(sum);
  }
}

template <class T, int kMost>
__global__ void __launch_bounds__(kThreads, 4)
    query_grad_kernel(const AttentionShape s, const AttentionTensors t,
                      const AttentionGradients g) {
  AttentionTile& tile = shared_as<AttentionTile>();
  const BlockPlace place(s.queries);
  const BatchMatrices<T> m(s, t, place.batch);
  const Scores<T> scores(s, t, place.batch);
  const int first = static_cast<int>(threadIdx.x) / 32 * kPerWarp;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float sums[kPerWarp][kMost / 32] = {};
  const bool all = !s.causal || g.dscores != nullptr || place.first + kOwn >= s.keys;
  const std::int64_t seen = all ? s.keys : place.first + kOwn;
  for (std::int64_t key = 0; key < seen; key += kOther) {
    float products[kPerWarp], dshares[kPerWarp];
    multiply_rows(tile, m.q, place.first, m.k, key, products);
    multiply_rows(tile, m.dy, place.first, m.v, key, dshares);
    for (int r = 0; r < kPerWarp; ++r) {
      const std::int64_t i = place.first + first + r, j = key + lane;
      const std::int64_t row = place.batch * s.queries + i;
      float dscore = 0;
      if (scores.sees(i, j)) {
        const float share = expf(scores.score(products[r], i, j) - t.lse[row]);
        dscore = share * (dshares[r] * scores.kept(i, j) - g.through[row]);
      }
      tile.weights[first + r][lane] = s.scale * dscore;
      if (g.dscores != nullptr && i < s.queries && j < s.keys) {
        g.dscores[row * s.keys + j] = dscore;
      }
    }
    add_rows<kMost>(tile, tile.weights, m.k, key, sums);
  }
  for (int r = 0; r < kPerWarp && g.dq != nullptr; ++r) {
    const std::int64_t i = place.first + first + r;
    if (i < s.queries) {
      write_row<kMost>(sums[r], s.size, 1, 1.0f,
                       static_cast<T*>(g.dq) + (place.batch * s.queries + i) * s.size);
    }
  }
}

template <class T, int kMost>
__global__ void __launch_bounds__(kThreads, 3)
    key_grad_kernel(const AttentionShape s, const AttentionTensors t, const AttentionGradients g) {
  AttentionTile& tile = shared_as<AttentionTile>();
  const BlockPlace place(s.keys);
  const BatchMatrices<T> m(s, t, place.batch);
  const Scores<T> scores(s, t, place.batch);
  const int first = static_cast<int>(threadIdx.x) / 32 * kPerWarp;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  float dk[kPerWarp][kMost / 32] = {}, dv[kPerWarp][kMost / 32] = {};
  const std::int64_t start = s.causal ? place.first / kOther * kOther : 0;
  for (std::int64_t query = start; query < s.queries; query += kOther) {
    float products[kPerWarp], dshares[kPerWarp];
    multiply_rows(tile, m.k, place.first, m.q, query, products);
    multiply_rows(tile, m.v, place.first, m.dy, query, dshares);
    for (int r = 0; r < kPerWarp; ++r) {
      const std::int64_t j = place.first + first + r, i = query + lane;
      const std::int64_t row = place.batch * s.queries + i;
      float share = 0, dscore = 0;
      if (scores.sees(i, j)) {
        const float kept = scores.kept(i, j);
        share = expf(scores.score(products[r], i, j) - t.lse[row]);
        dscore = share * (dshares[r] * kept - g.through[row]);
        share *= kept;
      }
      tile.weights[first + r][lane] = share;
      tile.more_weights[first + r][lane] = s.scale * dscore;
    }
    add_rows<kMost>(tile, tile.weights, m.dy, query, dv);
    add_rows<kMost>(tile, tile.more_weights, m.q, query, dk);
  }
  for (int r = 0; r < kPerWarp; ++r) {
    const std::int64_t j = place.first + first + r;
    if (j < s.keys && g.dk != nullptr) {
      write_row<kMost>(dk[r], s.size, s.key_element, 1.0f,
                       static_cast<T*>(g.dk) + place.batch * s.keys * s.size + j * s.key_step);
    }
    if (j < s.keys && g.dv != nullptr) {
      write_row<kMost>(dv[r], s.values, 1, 1.0f,
                       static_cast<T*>(g.dv) + (place.batch * s.keys + j) * s.values);
    }
  }
}

// Calls f<the tensors' elements, the least room for a row that there is>().
template <class F>
void visit_forms(DType dtype, std::int64_t columns, const F& f) {
  visit_stored(dtype, [&]<class T>(T) {
    if (columns <= 64) {
      f.template operator()<T, 64>();
    } else if (columns <= 128) {
      f.template operator()<T, 128>();
    } else {
      f.template operator()<T, kLongestHead>();
    }
  });
}

std::int64_t blocks_for(const AttentionShape& shape, std::int64_t rows) {
  return shape.batch * ((rows + kOwn - 1) / kOwn);
}

}  // namespace

void attention(const AttentionShape& shape, const AttentionTensors& tensors, void* y, float* lse,
               StreamHandle stream) {
  visit_forms(tensors.dtype, shape.values, [&]<class T, int kMost>() {
    launch(attention_kernel<T, kMost>, blocks_for(shape, shape.queries), kThreads,
           sizeof(AttentionTile), stream, shape, tensors, static_cast<T*>(y), lse);
  });
}

void attention_grad(const AttentionShape& shape, const AttentionTensors& tensors,
                    const AttentionGradients& gradients, StreamHandle stream) {
  const std::int64_t rows = shape.batch * shape.queries;
  visit_stored(tensors.dtype, [&]<class T>(T) {
    launch_elements(through_kernel<T>, rows * 32, stream, rows, shape.values,
                    static_cast<const T*>(tensors.y), static_cast<const T*>(tensors.dy),
                    gradients.through);
  });
  if (gradients.dq != nullptr || gradients.dscores != nullptr) {
    visit_forms(tensors.dtype, shape.size, [&]<class T, int kMost>() {
      launch(query_grad_kernel<T, kMost>, blocks_for(shape, shape.queries), kThreads,
             sizeof(AttentionTile), stream, shape, tensors, gradients);
    });
  }
  if (gradients.dk != nullptr || gradients.dv != nullptr) {
    const std::int64_t columns = shape.size > shape.values ? shape.size : shape.values;
    visit_forms(tensors.dtype, columns, [&]<class T, int kMost>() {
      launch(key_grad_kernel<T, kMost>, blocks_for(shape, shape.keys), kThreads,
             sizeof(AttentionTile), stream, shape, tensors, gradients);
    });
  }
}

}  // namespace temper::cuda
