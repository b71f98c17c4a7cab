// GridSample, its gradient, and AffineGrid. The sums run in double.
#include <algorithm>
#include <array>

#include "backends/host/grid_sampling.h"
#include "backends/reference/elementwise.h"
#include "backends/reference/reference_backend.h"
#include "backends/reference/type_support.h"

namespace temper::reference {
namespace {

template <class T>
std::unique_ptr<Kernel> grid_sample_kernel(const OpQuery& query) {
  const GridSampling s = grid_sampling_of(query);
  auto kernel = make_kernel([s](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    const T* grid = static_cast<const T*>(args.inputs[1]);
    T* y = static_cast<T*>(args.outputs[0]);
    double* sums = static_cast<double*>(args.workspace);  // one per channel
    for (std::int64_t n = 0; n < s.batch; ++n) {
      const T* image = x + n * s.channels * s.elements;
      for (std::int64_t p = 0; p < s.places; ++p) {
        std::fill(sums, sums + s.channels, 0.0);
        for_each_tap(s, grid + (n * s.places + p) * s.dims,
                     [&](std::int64_t offset, double weight, const double*) {
                       for (std::int64_t c = 0; c < s.channels; ++c) {
                         sums[c] += weight * static_cast<double>(image[c * s.elements + offset]);
                       }
                     });
        for (std::int64_t c = 0; c < s.channels; ++c) {
          y[(n * s.channels + c) * s.places + p] = static_cast<T>(sums[c]);
        }
      }
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(s.channels) * sizeof(double);
  return kernel;
}

template <class T>
std::unique_ptr<Kernel> grid_sample_grad_kernel(const OpQuery& query) {
  const GridSampling s = grid_sampling_of(query);
  const std::int64_t count = s.batch * s.channels * s.elements;
  auto kernel = make_kernel([s, count](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    const T* grid = static_cast<const T*>(args.inputs[1]);
    const T* dy = static_cast<const T*>(args.inputs[2]);
    T* dgrid = static_cast<T*>(args.outputs[1]);
    double* sums = static_cast<double*>(args.workspace);
    std::fill(sums, sums + count, 0.0);
    for (std::int64_t n = 0; n < s.batch; ++n) {
      const std::int64_t image = n * s.channels * s.elements;
      for (std::int64_t p = 0; p < s.places; ++p) {
        double moved[kMostGridDims] = {};
        const std::int64_t place = (n * s.places + p) * s.dims;
        for_each_tap(
            s, grid + place, [&](std::int64_t offset, double weight, const double* slopes) {
              double product = 0;
              for (std::int64_t c = 0; c < s.channels; ++c) {
                const std::int64_t at = image + c * s.elements + offset;
                const auto d = static_cast<double>(dy[(n * s.channels + c) * s.places + p]);
                sums[at] += weight * d;
                product += d * static_cast<double>(x[at]);
              }
              for (int k = 0; k < s.dims; ++k) {
                moved[k] += product * slopes[k];
              }
            });
        for (int k = 0; k < s.dims && dgrid != nullptr; ++k) {
          dgrid[place + k] = static_cast<T>(moved[k]);
        }
      }
    }
    T* dx = static_cast<T*>(args.outputs[0]);
    for (std::int64_t i = 0; i < count && dx != nullptr; ++i) {
      dx[i] = static_cast<T>(sums[i]);
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(count) * sizeof(double);
  return kernel;
}

template <class T>
std::unique_ptr<Kernel> affine_grid_kernel(const OpQuery& query) {
  const Shape y_shape = query.outputs[0].shape;
  const bool corners = query.attrs->get_int("align_corners", 0) != 0;
  const int dims = y_shape.rank() - 2;
  const std::int64_t places = y_shape.count(1, dims + 1);
  return make_kernel([=](const KernelArgs& args) {
    const T* theta = static_cast<const T*>(args.inputs[0]);
    T* y = static_cast<T*>(args.outputs[0]);
    for (std::int64_t n = 0; n < y_shape[0]; ++n, theta += dims * (dims + 1)) {
      for (std::int64_t p = 0; p < places; ++p) {
        std::array<double, kMostGridDims + 1> from{};  // the last axis first, then 1
        std::int64_t rest = p;
        for (int axis = dims; axis > 0; --axis) {
          from[static_cast<std::size_t>(dims - axis)] =
              regular_number(rest % y_shape[axis], y_shape[axis], corners);
          rest /= y_shape[axis];
        }
        from[static_cast<std::size_t>(dims)] = 1;
        for (int i = 0; i < dims; ++i) {
          double sum = 0;
          for (int k = 0; k <= dims; ++k) {
            sum +=
                static_cast<double>(theta[i * (dims + 1) + k]) * from[static_cast<std::size_t>(k)];
          }
          *y++ = static_cast<T>(sum);
        }
      }
    }
  });
}

}  // namespace

void register_grid_sample(KernelTable& table) {
  add_float(table, "GridSample",
            []<class T>(const OpQuery& query) { return grid_sample_kernel<T>(query); });
  add_float(table, "GridSampleGrad",
            []<class T>(const OpQuery& query) { return grid_sample_grad_kernel<T>(query); });
  add_float(table, "AffineGrid",
            []<class T>(const OpQuery& query) { return affine_grid_kernel<T>(query); });
}

}  // namespace temper::reference
