// A thread per cell of a region and channel: a list of elements with weights, of which it takes the
// sum or the greatest. As backends/reference/kernels/roi.cpp.
#include <cmath>

#include "backends/cuda/device/fixed_sums.cuh"
#include "backends/cuda/device/index_fault.cuh"
#include "backends/cuda/kernels/fixed_sums.h"
#include "backends/cuda/kernels/roi.h"

namespace temper::cuda {
namespace {

// Along one axis: the place of a sample between two elements.
struct Sample {
  bool inside;
  std::int64_t low, high;
  double part;  // of high
};

__device__ Sample sample_at(double place, std::int64_t length) {
  Sample s{};
  if (!(place >= -1 && place <= static_cast<double>(length))) {
    return s;
  }
  s.inside = true;
  place = place < 0 ? 0 : place;
  const auto whole = static_cast<std::int64_t>(place);
  s.low = whole < length - 1 ? whole : length - 1;
  s.high = s.low + 1 < length - 1 ? s.low + 1 : length - 1;
  s.part = s.low == length - 1 ? 0 : place - static_cast<double>(s.low);
  return s;
}

// One axis of a region.
struct Extent {
  double start, cell;
  std::int64_t samples;

  __device__ double place(std::int64_t index, std::int64_t sample) const {
    return start + cell * (static_cast<double>(index) +
                           (static_cast<double>(sample) + 0.5) / static_cast<double>(samples));
  }
};

__device__ Extent extent_of(const RoiShape& r, float low, float high, std::int64_t cells) {
  Extent e{};
  e.start = static_cast<double>(low) * r.scale - r.offset;
  double size = static_cast<double>(high) * r.scale - r.offset - e.start;
  size = r.at_least_one && size < 1 ? 1 : size;
  e.cell = size / static_cast<double>(cells);
  // Regions are data: one without end has no more samples than this.
  const double covered = std::ceil(e.cell);
  e.samples = r.samples > 0    ? r.samples
              : !(covered > 0) ? 0
                               : static_cast<std::int64_t>(covered < 0x1p14 ? covered : 0x1p14);
  return e;
}

template <class F>
__device__ void align_taps(const RoiShape& r, const float* roi, std::int64_t row,
                           std::int64_t column, const F& f) {
  const Extent rows = extent_of(r, roi[1], roi[3], r.cell_rows);
  const Extent columns = extent_of(r, roi[0], roi[2], r.cell_columns);
  const std::int64_t all = rows.samples * columns.samples;
  const double share = r.greatest ? 1 : 1 / static_cast<double>(all < 1 ? 1 : all);
  for (std::int64_t i = 0; i < rows.samples; ++i) {
    const Sample y = sample_at(rows.place(row, i), r.height);
    for (std::int64_t j = 0; j < columns.samples; ++j) {
      const Sample x = sample_at(columns.place(column, j), r.width);
      if (!y.inside || !x.inside) {
        f(std::int64_t{0}, 0.0);
        continue;
      }
      f(y.low * r.width + x.low, share * (1 - y.part) * (1 - x.part));
      f(y.low * r.width + x.high, share * (1 - y.part) * x.part);
      f(y.high * r.width + x.low, share * y.part * (1 - x.part));
      f(y.high * r.width + x.high, share * y.part * x.part);
    }
  }
}

struct Span {
  std::int64_t begin, end;
};

__device__ std::int64_t bounded(double at, std::int64_t length) {
  const auto most = static_cast<double>(length);
  return at > 0 ? static_cast<std::int64_t>(at < most ? at : most) : 0;
}

// The elements of cell i.
__device__ Span pooled_span(float low, float high, double scale, std::int64_t cells, std::int64_t i,
                            std::int64_t length) {
  const double start = std::round(static_cast<double>(low) * scale);
  const double size = std::round(static_cast<double>(high) * scale) - start + 1;
  const double cell = (size < 1 ? 1 : size) / static_cast<double>(cells);
  return {bounded(start + std::floor(static_cast<double>(i) * cell), length),
          bounded(start + std::ceil(static_cast<double>(i + 1) * cell), length)};
}

// f(offset in a plane, weight) for the elements of one cell.
template <class F>
__device__ void cell_taps(const RoiShape& r, const float* roi, std::int64_t cell, const F& f) {
  const std::int64_t row = cell / r.cell_columns, column = cell % r.cell_columns;
  if (r.aligned) {
    align_taps(r, roi, row, column, f);
    return;
  }
  const Span rows = pooled_span(roi[2], roi[4], r.scale, r.cell_rows, row, r.height);
  const Span columns = pooled_span(roi[1], roi[3], r.scale, r.cell_columns, column, r.width);
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    for (std::int64_t j = columns.begin; j < columns.end; ++j) {
      f(i * r.width + j, 1.0);
    }
  }
}

__device__ std::int64_t image_of(const RoiShape& r, const RoiTensors& t, std::int64_t region) {
  std::int64_t image = -1;
  if (r.aligned) {
    image = r.narrow ? static_cast<const std::int32_t*>(t.indices)[region]
                     : static_cast<const std::int64_t*>(t.indices)[region];
  } else {
    const auto index = static_cast<double>(t.rois[region * 5]);
    image = index >= 0 && index < 0x1p53 ? static_cast<std::int64_t>(index) : -1;
  }
  if (image < 0 || image >= r.images) {
    note_index(t.fault, image, 0, r.images);
    return -1;
  }
  return image;
}

// visit(offset of the element in x, weight) for the elements that count in output i.
template <class F>
__device__ void for_each_part(const RoiShape& r, const RoiTensors& t, std::int64_t i,
                              const F& visit) {
  const std::int64_t cell = i % r.cells(), c = i / r.cells() % r.channels;
  const std::int64_t region = i / r.cells() / r.channels;
  const std::int64_t image = image_of(r, t, region);
  if (image < 0) {
    return;
  }
  const std::int64_t base = (image * r.channels + c) * r.height * r.width;
  std::int64_t best = -1;
  double best_weight = 0, best_value = 0;
  cell_taps(r, t.rois + region * (r.aligned ? 4 : 5), cell,
            [&](std::int64_t offset, double weight) {
              if (!r.greatest) {
                visit(base + offset, weight);
                return;
              }
              const double value = weight * static_cast<double>(t.x[base + offset]);
              if (best < 0 || value > best_value || (value != value && best_value == best_value)) {
                best = base + offset;
                best_weight = weight;
                best_value = value;
              }
            });
  if (best >= 0) {
    visit(best, best_weight);
  }
}

__global__ void __launch_bounds__(kBlock)
    pool_kernel(const RoiShape r, const RoiTensors t, const float* __restrict__ given,
                float* __restrict__ y) {
  const std::int64_t i = thread_number();
  if (i < r.outputs()) {
    double sum = 0;
    for_each_part(r, t, i, [&](std::int64_t at, double weight) {
      sum += weight * static_cast<double>(given[at]);
    });
    y[i] = static_cast<float>(sum);
  }
}

__global__ void __launch_bounds__(kBlock)
    grad_kernel(const RoiShape r, const RoiTensors t, const float* __restrict__ dy,
                const FixedSums sums) {
  const std::int64_t i = thread_number();
  if (i < r.outputs()) {
    const auto d = static_cast<double>(dy[i]);
    for_each_part(r, t, i, [&](std::int64_t at, double weight) { add_to(sums, at, weight * d); });
  }
}

}  // namespace

void roi_pool(const RoiShape& shape, const RoiTensors& tensors, const float* given, float* y,
              StreamHandle stream) {
  launch_elements(pool_kernel, shape.outputs(), stream, shape, tensors, given, y);
}

void roi_pool_grad(const RoiShape& shape, const RoiTensors& tensors, const float* dy, float* dx,
                   const FixedSums& sums, StreamHandle stream) {
  begin_sums(sums, shape.inputs(), dy, shape.outputs(), stream);
  launch_elements(grad_kernel, shape.outputs(), stream, shape, tensors, dy, sums);
  finish_sums(sums, shape.inputs(), dx, stream);
}

}  // namespace temper::cuda
