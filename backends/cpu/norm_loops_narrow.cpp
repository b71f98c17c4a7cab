// A row in registers of AVX2 or shorter ones.
#include <algorithm>
#include <cstring>

#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/norm_kernels.h"
#include "backends/cpu/vector_rows.h"

// Written in vectors, which the compiler splits where registers are shorter: left to
// itself it takes the conversions to double one by one.
namespace temper::cpu {
namespace {

constexpr int kEight = kEightLanes, kFour = 4;
using FourFloats [[gnu::vector_size(16)]] = float;
using Doubles [[gnu::vector_size(32)]] = double;

template <class T>
[[gnu::always_inline]] inline void copy_lanes(const T* from, T* to, int width) {
  for (int j = 0; j < width; ++j) {
    to[j] = from[j];
  }
}

[[gnu::always_inline]] inline void widen(const float* x, Doubles& v) {
  FourFloats narrow;
  std::memcpy(&narrow, x, sizeof narrow);
  v = __builtin_convertvector(narrow, Doubles);
}

// totals += parts, of lanes that the rows reach.
[[gnu::always_inline]] inline void add_lanes(const Doubles* parts, int count, double* totals,
                                             int width) {
  double lanes[kNormLanes];
  for (int i = 0; i < count; ++i) {
    std::memcpy(lanes + i * kFour, &parts[i], sizeof parts[i]);
  }
  for (int j = 0; j < width; ++j) {
    totals[j] += lanes[j];
  }
}

// V vectors of a row that has fewer elements than lanes: the others are zero.
template <class T>
[[gnu::always_inline]] inline void load_part(const T* x, int width, Floats* v) {
  T row[kNormLanes] = {};
  copy_lanes(x, row, width);
  load(row, v[0]);
  load(row + kEight, v[1]);
}
template <class T>
[[gnu::always_inline]] inline void store_part(const Floats* v, T* y, int width) {
  T row[kNormLanes];
  store(v[0], row);
  store(v[1], row + kEight);
  copy_lanes(row, y, width);
}

// A row of V vectors; Part: of `width` elements in two vectors.
template <int V, bool Part, class T>
[[gnu::always_inline]] inline void load_row(const T* x, int width, Floats* v) {
  if constexpr (Part) {
    load_part(x, width, v);
  } else {
    for (int i = 0; i < V; ++i) {
      load(x + i * kEight, v[i]);
    }
  }
}
template <int V, bool Part, class T>
[[gnu::always_inline]] inline void store_row(const Floats* v, T* y, int width) {
  if constexpr (Part) {
    store_part(v, y, width);
  } else {
    for (int i = 0; i < V; ++i) {
      store(v[i], y + i * kEight);
    }
  }
}

template <int V>
[[gnu::always_inline]] inline void load_lanes(const float* lanes, Floats* v) {
  for (int i = 0; i < V; ++i) {
    load(lanes + i * kEight, v[i]);
  }
}

// In vectors of four doubles: a load converts them in one instruction.
template <int W>
[[gnu::always_inline]] inline void moments_of(const NormRows& rows, const float* x,
                                              LaneMoments& moments) {
  constexpr int kParts = (W == 0 ? kNormLanes : W) / kFour;
  Doubles shift[kParts], sum[kParts], square[kParts];
  for (int i = 0; i < kParts; ++i) {
    widen(moments.shift + i * kFour, shift[i]);
    sum[i] = Doubles{};
    square[i] = Doubles{};
  }
  float part[kNormLanes] = {};
  for (std::int64_t r = 0; r < rows.count; ++r, x += rows.stride) {
    const float* row = x;
    if constexpr (W == 0) {
      copy_lanes(x, part, rows.width);
      row = part;
    }
    for (int i = 0; i < kParts; ++i) {
      Doubles value;
      widen(row + i * kFour, value);
      value -= shift[i];
      sum[i] += value;
      square[i] += value * value;
    }
  }
  add_lanes(sum, kParts, moments.sum, rows.width);
  add_lanes(square, kParts, moments.square, rows.width);
}

// totals += v, of lanes that the rows reach.
template <int V>
[[gnu::always_inline]] inline void add_lanes(const Floats* v, double* totals, int width) {
  float lanes[V * kEight];
  for (int i = 0; i < V; ++i) {
    store(v[i], lanes + i * kEight);
  }
  for (int j = 0; j < width; ++j) {
    totals[j] += static_cast<double>(lanes[j]);
  }
}

// Of values with a short mantissa: in float over a few rows, then in double.
template <int V, bool Part>
[[gnu::always_inline]] inline void short_moments_of(const NormRows& rows, const BFloat16* x,
                                                    LaneMoments& moments) {
  Floats shift[V];
  load_lanes<V>(moments.shift, shift);
  for (std::int64_t first = 0; first < rows.count; first += kFewRows) {
    const std::int64_t end = std::min(rows.count, first + kFewRows);
    Floats sum[V] = {}, square[V] = {}, row[V];
    for (std::int64_t r = first; r < end; ++r, x += rows.stride) {
      load_row<V, Part>(x, rows.width, row);
      for (int i = 0; i < V; ++i) {
        row[i] -= shift[i];
        sum[i] += row[i];
        square[i] += row[i] * row[i];
      }
    }
    add_lanes<V>(sum, moments.sum, rows.width);
    add_lanes<V>(square, moments.square, rows.width);
  }
}

// The affine form of a row, and dy where the ReLU behind it lets it pass: the same expression
// forward and backward, so the same elements.
template <int V>
struct AffineRow {
  Floats mean[V], factor[V], bias[V];
  float ceiling;

  [[gnu::always_inline]] explicit AffineRow(const LaneAffine& affine) : ceiling(affine.ceiling) {
    load_lanes<V>(affine.mean, mean);
    load_lanes<V>(affine.factor, factor);
    load_lanes<V>(affine.bias, bias);
  }
  // By reference: a vector by value has another ABI in each instruction set.
  [[gnu::always_inline]] void value(int i, const Floats& centred, Floats& y) const {
    y = centred * factor[i] + bias[i];
  }
  template <bool Relu>
  [[gnu::always_inline]] void pass(int i, const Floats& centred, Floats& dy) const {
    if constexpr (Relu) {
      Floats y;
      value(i, centred, y);
      dy = (y > 0.0f) & ~(y >= ceiling) ? dy : Floats{};
    }
  }
};

template <int V, bool Part, bool Relu, class T>
[[gnu::always_inline]] inline void normalise_rows(const NormRows& rows, const T* x,
                                                  const LaneAffine& affine, T* y) {
  const AffineRow<V> a(affine);
  Floats row[V];
  for (std::int64_t r = 0; r < rows.count; ++r, x += rows.stride, y += rows.stride) {
    load_row<V, Part>(x, rows.width, row);
    for (int i = 0; i < V; ++i) {
      a.value(i, row[i] - a.mean[i], row[i]);
      if constexpr (Relu) {
        row[i] = row[i] <= 0.0f ? Floats{} : row[i];  // NaN stays
        row[i] = row[i] > a.ceiling ? Floats{} + a.ceiling : row[i];
      }
    }
    store_row<V, Part>(row, y, rows.width);
  }
}

// In float over a few rows, then in double.
template <int V, bool Part, bool Relu, class T>
[[gnu::always_inline]] inline void gradient_sums_of(const NormRows& rows, const T* x, const T* dy,
                                                    const LaneAffine& affine,
                                                    LaneGradientSums& sums) {
  const AffineRow<V> a(affine);
  for (std::int64_t first = 0; first < rows.count; first += kFewRows) {
    const std::int64_t end = std::min(rows.count, first + kFewRows);
    Floats g[V] = {}, gc[V] = {}, c[V] = {}, row[V], above[V];
    for (std::int64_t r = first; r < end; ++r, x += rows.stride, dy += rows.stride) {
      load_row<V, Part>(x, rows.width, row);
      load_row<V, Part>(dy, rows.width, above);
      for (int i = 0; i < V; ++i) {
        const Floats centred = row[i] - a.mean[i];
        a.template pass<Relu>(i, centred, above[i]);
        g[i] += above[i];
        gc[i] += above[i] * centred;
        c[i] += centred;
      }
    }
    add_lanes<V>(g, sums.g, rows.width);
    add_lanes<V>(gc, sums.gc, rows.width);
    add_lanes<V>(c, sums.c, rows.width);
  }
}

template <int V, bool Part, bool Relu, class T>
[[gnu::always_inline]] inline void grad_rows(const NormRows& rows, const T* x, const T* dy,
                                             const LaneAffine& affine, const LaneGradient& gradient,
                                             T* dx) {
  const AffineRow<V> a(affine);
  Floats slope[V], constant[V], row[V], above[V];
  load_lanes<V>(gradient.slope, slope);
  load_lanes<V>(gradient.constant, constant);
  for (std::int64_t r = 0; r < rows.count;
       ++r, x += rows.stride, dy += rows.stride, dx += rows.stride) {
    load_row<V, Part>(x, rows.width, row);
    load_row<V, Part>(dy, rows.width, above);
    for (int i = 0; i < V; ++i) {
      const Floats centred = row[i] - a.mean[i];
      a.template pass<Relu>(i, centred, above[i]);
      row[i] = above[i] * a.factor[i] - (centred * slope[i] - constant[i]);
    }
    store_row<V, Part>(row, dx, rows.width);
  }
}

// Of 16, 8 or fewer lanes.
template <class T>
[[gnu::always_inline]] inline void normalise_any(const NormRows& rows, const T* x,
                                                 const LaneAffine& affine, bool relu, T* y) {
  switch (rows.width) {
    case 16:
      return relu ? normalise_rows<2, false, true>(rows, x, affine, y)
                  : normalise_rows<2, false, false>(rows, x, affine, y);
    case 8:
      return relu ? normalise_rows<1, false, true>(rows, x, affine, y)
                  : normalise_rows<1, false, false>(rows, x, affine, y);
    default:
      return relu ? normalise_rows<2, true, true>(rows, x, affine, y)
                  : normalise_rows<2, true, false>(rows, x, affine, y);
  }
}

template <class T>
[[gnu::always_inline]] inline void gradient_sums_any(const NormRows& rows, const T* x, const T* dy,
                                                     const LaneAffine& affine, bool relu,
                                                     LaneGradientSums& sums) {
  switch (rows.width) {
    case 16:
      return relu ? gradient_sums_of<2, false, true>(rows, x, dy, affine, sums)
                  : gradient_sums_of<2, false, false>(rows, x, dy, affine, sums);
    case 8:
      return relu ? gradient_sums_of<1, false, true>(rows, x, dy, affine, sums)
                  : gradient_sums_of<1, false, false>(rows, x, dy, affine, sums);
    default:
      return relu ? gradient_sums_of<2, true, true>(rows, x, dy, affine, sums)
                  : gradient_sums_of<2, true, false>(rows, x, dy, affine, sums);
  }
}

template <class T>
[[gnu::always_inline]] inline void grad_any(const NormRows& rows, const T* x, const T* dy,
                                            const LaneAffine& affine, bool relu,
                                            const LaneGradient& gradient, T* dx) {
  switch (rows.width) {
    case 16:
      return relu ? grad_rows<2, false, true>(rows, x, dy, affine, gradient, dx)
                  : grad_rows<2, false, false>(rows, x, dy, affine, gradient, dx);
    case 8:
      return relu ? grad_rows<1, false, true>(rows, x, dy, affine, gradient, dx)
                  : grad_rows<1, false, false>(rows, x, dy, affine, gradient, dx);
    default:
      return relu ? grad_rows<2, true, true>(rows, x, dy, affine, gradient, dx)
                  : grad_rows<2, true, false>(rows, x, dy, affine, gradient, dx);
  }
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void narrow_moments(const NormRows& rows, const float* x, LaneMoments& moments) {
  switch (rows.width) {
    case 16:
      return moments_of<16>(rows, x, moments);
    case 8:
      return moments_of<8>(rows, x, moments);
    default:
      return moments_of<0>(rows, x, moments);
  }
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void narrow_moments(const NormRows& rows, const BFloat16* x, LaneMoments& moments) {
  switch (rows.width) {
    case 16:
      return short_moments_of<2, false>(rows, x, moments);
    case 8:
      return short_moments_of<1, false>(rows, x, moments);
    default:
      return short_moments_of<2, true>(rows, x, moments);
  }
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void narrow_normalise(const NormRows& rows, const float* x, const LaneAffine& affine, bool relu,
                      float* y) {
  normalise_any(rows, x, affine, relu, y);
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void narrow_gradient_sums(const NormRows& rows, const float* x, const float* dy,
                          const LaneAffine& affine, bool relu, LaneGradientSums& sums) {
  gradient_sums_any(rows, x, dy, affine, relu, sums);
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void narrow_gradient(const NormRows& rows, const float* x, const float* dy,
                     const LaneAffine& affine, bool relu, const LaneGradient& gradient, float* dx) {
  grad_any(rows, x, dy, affine, relu, gradient, dx);
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void narrow_normalise(const NormRows& rows, const BFloat16* x, const LaneAffine& affine, bool relu,
                      BFloat16* y) {
  normalise_any(rows, x, affine, relu, y);
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void narrow_gradient_sums(const NormRows& rows, const BFloat16* x, const BFloat16* dy,
                          const LaneAffine& affine, bool relu, LaneGradientSums& sums) {
  gradient_sums_any(rows, x, dy, affine, relu, sums);
}

TEMPER_CLONES("arch=x86-64-v3", "default")
void narrow_gradient(const NormRows& rows, const BFloat16* x, const BFloat16* dy,
                     const LaneAffine& affine, bool relu, const LaneGradient& gradient,
                     BFloat16* dx) {
  grad_any(rows, x, dy, affine, relu, gradient, dx);
}

template <class T>
constexpr NormKernels<T> kNarrow = {narrow_moments, narrow_normalise, narrow_gradient_sums,
                                    narrow_gradient};

}  // namespace

template <>
const NormKernels<float>& narrow_norm_kernels() {
  return kNarrow<float>;
}

template <>
const NormKernels<BFloat16>& narrow_norm_kernels() {
  return kNarrow<BFloat16>;
}

}  // namespace temper::cpu
