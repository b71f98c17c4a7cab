// RoiAlign and MaxRoiPool, with their gradients and with what another tensor gives at the elements
// chosen. A cell of a region is a list of elements with weights: it gives their sum, or the
// greatest of them. A region of an image that is not there gives zeros, and is noted.
#include <algorithm>
#include <cmath>

#include "backends/reference/elementwise.h"
#include "backends/reference/reference_backend.h"
#include "backends/reference/type_support.h"

namespace temper::reference {
namespace {

struct Regions {
  bool aligned = true;  // RoiAlign
  bool greatest = false;
  double scale = 1, offset = 0;
  bool at_least_one = false;  // a region has the size of an element
  std::int64_t samples = 0;   // per axis of a cell; 0: one for each element it covers
  std::int64_t images = 0, channels = 0, height = 0, width = 0;
  std::int64_t count = 0, cell_rows = 1, cell_columns = 1;
};

Regions regions_of(const OpQuery& query, const Shape& x, const Shape& y) {
  const Attrs& attrs = *query.attrs;
  Regions r;
  r.aligned = query.op.starts_with("RoiAlign");
  r.greatest = !r.aligned || attrs.get_string("mode", "avg") == "max";
  r.scale = attrs.get_double("spatial_scale", 1);
  const bool half = attrs.get_string("coordinate_transformation_mode", "") == "half_pixel";
  r.offset = half ? 0.5 : 0;
  r.at_least_one = !half;
  r.samples = attrs.get_int("sampling_ratio", 0);
  r.images = x[0];
  r.channels = x[1];
  r.height = x[2];
  r.width = x[3];
  r.count = y[0];
  r.cell_rows = y[2];
  r.cell_columns = y[3];
  return r;
}

// Along one axis: the place of a sample between two elements.
struct Sample {
  bool inside = false;
  std::int64_t low = 0, high = 0;
  double part = 0;  // of high
};

Sample sample_at(double place, std::int64_t length) {
  Sample s;
  if (!(place >= -1 && place <= static_cast<double>(length))) {
    return s;
  }
  s.inside = true;
  place = std::max(place, 0.0);
  s.low = std::min(static_cast<std::int64_t>(place), length - 1);
  s.high = std::min(s.low + 1, length - 1);
  s.part = s.low == length - 1 ? 0 : place - static_cast<double>(s.low);
  return s;
}

// One axis of a region.
struct Extent {
  double start = 0, cell = 0;
  std::int64_t samples = 1;

  double place(std::int64_t index, std::int64_t sample) const {
    return start + cell * (static_cast<double>(index) +
                           (static_cast<double>(sample) + 0.5) / static_cast<double>(samples));
  }
};

Extent extent_of(const Regions& r, double low, double high, std::int64_t cells) {
  Extent e;
  e.start = low * r.scale - r.offset;
  double size = high * r.scale - r.offset - e.start;
  size = r.at_least_one ? std::max(size, 1.0) : size;
  e.cell = size / static_cast<double>(cells);
  // Regions are data: one without end has no more samples than this.
  const double covered = std::ceil(e.cell);
  e.samples = r.samples > 0    ? r.samples
              : !(covered > 0) ? 0
                               : static_cast<std::int64_t>(std::min(covered, 0x1p14));
  return e;
}

// f(offset, weight) for the elements of one cell of an aligned region; samples outside weigh 0.
template <class F>
void align_taps(const Regions& r, const Extent& rows, const Extent& columns, std::int64_t row,
                std::int64_t column, F f) {
  const double share =
      r.greatest
          ? 1
          : 1 / static_cast<double>(std::max<std::int64_t>(rows.samples * columns.samples, 1));
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

// From begin to end: the elements of cell i.
struct Span {
  std::int64_t begin = 0, end = 0;
};

Span pooled_span(double low, double high, double scale, std::int64_t cells, std::int64_t i,
                 std::int64_t length) {
  const auto bounded = [&](double at) {
    return at > 0 ? static_cast<std::int64_t>(std::min(at, static_cast<double>(length))) : 0;
  };
  const double start = std::round(low * scale);
  const double size = std::max(std::round(high * scale) - start + 1, 1.0);
  const double cell = size / static_cast<double>(cells);
  return {bounded(start + std::floor(static_cast<double>(i) * cell)),
          bounded(start + std::ceil(static_cast<double>(i + 1) * cell))};
}

// What runs over all cells of all regions: the image's number is in rois (MaxRoiPool) or apart.
template <class T>
struct Inputs {
  const T* rois;
  const void* indices;
  bool narrow;

  std::int64_t image(const Regions& r, std::int64_t region) const {
    if (!r.aligned) {
      const auto index = static_cast<double>(rois[region * 5]);
      return index >= 0 && index < 0x1p53 ? static_cast<std::int64_t>(index) : -1;
    }
    return narrow ? static_cast<const std::int32_t*>(indices)[region]
                  : static_cast<const std::int64_t*>(indices)[region];
  }
};

template <class T, class F>
void cell_taps(const Regions& r, const T* roi, std::int64_t row, std::int64_t column, F f) {
  if (r.aligned) {
    const auto extent = [&](int low, std::int64_t cells) {
      return extent_of(r, static_cast<double>(roi[low]), static_cast<double>(roi[low + 2]), cells);
    };
    align_taps(r, extent(1, r.cell_rows), extent(0, r.cell_columns), row, column, f);
    return;
  }
  const auto span = [&](int low, std::int64_t cells, std::int64_t i, std::int64_t length) {
    return pooled_span(static_cast<double>(roi[low]), static_cast<double>(roi[low + 2]), r.scale,
                       cells, i, length);
  };
  const Span rows = span(2, r.cell_rows, row, r.height);
  const Span columns = span(1, r.cell_columns, column, r.width);
  for (std::int64_t i = rows.begin; i < rows.end; ++i) {
    for (std::int64_t j = columns.begin; j < columns.end; ++j) {
      f(i * r.width + j, 1.0);
    }
  }
}

// visit(cell of y, offset of the element in x, weight) for every element that counts.
template <class T, class Visit>
void for_each_part(const Regions& r, const KernelArgs& args, const Inputs<T>& in, const T* x,
                   Visit visit) {
  const std::int64_t plane = r.height * r.width;
  for (std::int64_t region = 0; region < r.count; ++region) {
    const std::int64_t image = in.image(r, region);
    if (image < 0 || image >= r.images) {
      args.note_index(image, 0, r.images);
      continue;
    }
    const T* roi = in.rois + region * (r.aligned ? 4 : 5);
    for (std::int64_t c = 0; c < r.channels; ++c) {
      const std::int64_t base = (image * r.channels + c) * plane;
      for (std::int64_t cell = 0; cell < r.cell_rows * r.cell_columns; ++cell) {
        const std::int64_t y = (region * r.channels + c) * r.cell_rows * r.cell_columns + cell;
        std::int64_t best = -1;
        double best_weight = 0, best_value = 0;
        cell_taps(
            r, roi, cell / r.cell_columns, cell % r.cell_columns,
            [&](std::int64_t offset, double weight) {
              if (!r.greatest) {
                visit(y, base + offset, weight);
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
          visit(y, best, best_weight);
        }
      }
    }
  }
}

// `rois` is the input's number; the one chosen by stands before it, what is summed is input 0.
template <class T>
std::unique_ptr<Kernel> roi_kernel(const OpQuery& query, std::size_t rois, bool backward) {
  const Shape& x_shape = query.inputs[rois - 1].shape;
  const Regions r = regions_of(query, x_shape, (backward ? query.inputs : query.outputs)[0].shape);
  const std::int64_t count = query.outputs[0].shape.element_count();
  const bool narrow = r.aligned && query.inputs[rois + 1].dtype == DType::kInt32;
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const T* given = static_cast<const T*>(args.inputs[0]);
    const Inputs<T> in{static_cast<const T*>(args.inputs[rois]),
                       r.aligned ? args.inputs[rois + 1] : nullptr, narrow};
    double* sums = static_cast<double*>(args.workspace);
    std::fill(sums, sums + count, 0.0);
    for_each_part(r, args, in, static_cast<const T*>(args.inputs[rois - 1]),
                  [&](std::int64_t y, std::int64_t x, double weight) {
                    const std::int64_t to = backward ? x : y;
                    sums[to] += weight * static_cast<double>(given[backward ? y : x]);
                  });
    T* made = static_cast<T*>(args.outputs[0]);
    for (std::int64_t i = 0; i < count; ++i) {
      made[i] = static_cast<T>(sums[i]);
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(count) * sizeof(double);
  return kernel;
}

}  // namespace

void register_roi(KernelTable& table) {
  for (const std::string op : {"RoiAlign", "MaxRoiPool"}) {
    add_float(table, op,
              []<class T>(const OpQuery& query) { return roi_kernel<T>(query, 1, false); });
    add_float(table, op + "Along",
              []<class T>(const OpQuery& query) { return roi_kernel<T>(query, 2, false); });
    add_float(table, op + "Grad",
              []<class T>(const OpQuery& query) { return roi_kernel<T>(query, 2, true); });
  }
}

}  // namespace temper::reference
