// RoiAlign and MaxRoiPool: a cell of a region is a list of elements of a plane with weights, of
// which it gives the sum, or the greatest.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace temper {

struct RoiShape {
  bool aligned = true;  // RoiAlign
  bool greatest = false;
  bool at_least_one = false;  // a region has the size of an element
  bool narrow = false;        // indices are i32
  double scale = 1, offset = 0;
  std::int64_t samples = 0;  // per axis of a cell; 0: one for each element it covers
  std::int64_t images = 0, channels = 0, height = 0, width = 0;
  std::int64_t count = 0, cell_rows = 1, cell_columns = 1;

  constexpr std::int64_t cells() const { return cell_rows * cell_columns; }
  constexpr std::int64_t outputs() const { return count * channels * cells(); }
  constexpr std::int64_t inputs() const { return images * channels * height * width; }
  constexpr std::int64_t numbers() const { return aligned ? 4 : 5; }  // of a region
};

// Along one axis: the place of a sample between two elements.
struct RoiSample {
  bool inside = false;
  std::int64_t low = 0, high = 0;
  double part = 0;  // of high

  constexpr RoiSample(double place, std::int64_t length) {
    if (!(place >= -1 && place <= static_cast<double>(length))) {
      return;
    }
    inside = true;
    place = std::max(place, 0.0);
    low = std::min(static_cast<std::int64_t>(place), length - 1);
    high = std::min(low + 1, length - 1);
    part = low == length - 1 ? 0 : place - static_cast<double>(low);
  }
};

// One axis of a region.
struct RoiExtent {
  double start = 0, cell = 0;
  std::int64_t samples = 1;

  constexpr RoiExtent(const RoiShape& r, double low, double high, std::int64_t cells) {
    start = low * r.scale - r.offset;
    double size = high * r.scale - r.offset - start;
    size = r.at_least_one ? std::max(size, 1.0) : size;
    cell = size / static_cast<double>(cells);
    // Regions are data: one without end has no more samples than this.
    const double covered = std::ceil(cell);
    samples = r.samples > 0    ? r.samples
              : !(covered > 0) ? 0
                               : static_cast<std::int64_t>(std::min(covered, 0x1p14));
  }

  constexpr double place(std::int64_t index, std::int64_t sample) const {
    return start + cell * (static_cast<double>(index) +
                           (static_cast<double>(sample) + 0.5) / static_cast<double>(samples));
  }
};

// The elements of cell i along one axis of a region that is pooled.
struct RoiSpan {
  std::int64_t begin = 0, end = 0;

  constexpr RoiSpan(double low, double high, double scale, std::int64_t cells, std::int64_t i,
                    std::int64_t length) {
    const double start = std::round(low * scale);
    const double size = std::max(std::round(high * scale) - start + 1, 1.0);
    const double cell = size / static_cast<double>(cells);
    begin = bounded(start + std::floor(static_cast<double>(i) * cell), length);
    end = bounded(start + std::ceil(static_cast<double>(i + 1) * cell), length);
  }

 private:
  static constexpr std::int64_t bounded(double at, std::int64_t length) {
    return at > 0 ? static_cast<std::int64_t>(std::min(at, static_cast<double>(length))) : 0;
  }
};

// Samples outside weigh 0.
template <class T, class F>
constexpr void align_taps(const RoiShape& r, const T* roi, std::int64_t row, std::int64_t column,
                          const F& f) {
  const RoiExtent rows(r, static_cast<double>(roi[1]), static_cast<double>(roi[3]), r.cell_rows);
  const RoiExtent columns(r, static_cast<double>(roi[0]), static_cast<double>(roi[2]),
                          r.cell_columns);
  const std::int64_t all = rows.samples * columns.samples;
  const double share = r.greatest ? 1 : 1 / static_cast<double>(all < 1 ? 1 : all);
  for (std::int64_t i = 0; i < rows.samples; ++i) {
    const RoiSample y(rows.place(row, i), r.height);
    for (std::int64_t j = 0; j < columns.samples; ++j) {
      const RoiSample x(columns.place(column, j), r.width);
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

// f(offset in a plane, weight) for the elements of one cell.
template <class T, class F>
constexpr void cell_taps(const RoiShape& r, const T* roi, std::int64_t cell, const F& f) {
  const std::int64_t row = cell / r.cell_columns, column = cell % r.cell_columns;
  if (r.aligned) {
    align_taps(r, roi, row, column, f);
    return;
  }
  const RoiSpan rows(static_cast<double>(roi[2]), static_cast<double>(roi[4]), r.scale, r.cell_rows,
                     row, r.height);
  const RoiSpan columns(static_cast<double>(roi[1]), static_cast<double>(roi[3]), r.scale,
                        r.cell_columns, column, r.width);
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    for (std::int64_t j = columns.begin; j < columns.end; ++j) {
      f(i * r.width + j, 1.0);
    }
  }
}

// visit(offset of the element, weight) for those of a cell that count; offsets and the plane's
// first element, `base`, are of x.
template <class T, class Visit>
constexpr void for_each_part(const RoiShape& r, const T* roi, std::int64_t cell, const T* x,
                             std::int64_t base, const Visit& visit) {
  std::int64_t best = -1;
  double best_weight = 0, best_value = 0;
  cell_taps(r, roi, cell, [&](std::int64_t offset, double weight) {
    if (!r.greatest) {
      visit(base + offset, weight);
      return;
    }
    const double value = weight * static_cast<double>(x[base + offset]);
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

// The image of a region, as its own number says (MaxRoiPool) or `indices`.
template <class T>
constexpr std::int64_t image_of(const RoiShape& r, const T* rois, const void* indices,
                                std::int64_t region) {
  if (!r.aligned) {
    const auto index = static_cast<double>(rois[region * r.numbers()]);
    return index >= 0 && index < 0x1p53 ? static_cast<std::int64_t>(index) : -1;
  }
  return r.narrow ? static_cast<const std::int32_t*>(indices)[region]
                  : static_cast<const std::int64_t*>(indices)[region];
}

}  // namespace temper
