// GridSample, its gradient, and AffineGrid. The sums run in double.
#include <algorithm>
#include <array>
#include <cmath>

#include "backends/reference/elementwise.h"
#include "backends/reference/reference_backend.h"
#include "backends/reference/type_support.h"

namespace temper::reference {
namespace {

enum class Mode { kNearest, kLinear, kCubic };
enum class Padding { kZeros, kBorder, kReflection };

constexpr int kMostDims = 3;
constexpr int kMostTaps = 4;

// The elements of one axis around a place, with their weights and the weights' derivatives by the
// number in the grid.
struct Taps {
  int count = 0;
  std::array<std::int64_t, kMostTaps> offset{};  // -1: outside
  std::array<double, kMostTaps> weight{}, slope{};
};

// Keys, "Cubic convolution interpolation for digital image processing", with a = -3/4.
constexpr double kA = -0.75;
double cubic(double d) {
  d = std::abs(d);
  return d <= 1  ? ((kA + 2) * d - (kA + 3)) * d * d + 1
         : d < 2 ? ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA
                 : 0;
}
double cubic_slope(double d) {
  const double sign = d < 0 ? -1 : 1;
  d = std::abs(d);
  return sign * (d <= 1  ? (3 * (kA + 2) * d - 2 * (kA + 3)) * d
                 : d < 2 ? (3 * kA * d - 10 * kA) * d + 8 * kA
                         : 0);
}

// A place folded back between low and high; `slope` becomes the derivative.
double reflected(double place, double low, double high, double& slope) {
  const double range = high - low;
  if (range <= 0) {
    slope = 0;
    return low;
  }
  if (place >= low && place <= high) {
    return place;
  }
  const double beyond = place < low ? low - place : place - high;
  const double folds = std::floor(beyond / range);
  const double rest = beyond - folds * range;
  const bool from_low = (place < low) == (std::fmod(folds, 2) == 0);
  slope *= (place < low) == from_low ? -1 : 1;
  return from_low ? low + rest : high - rest;
}

class Axis {
 public:
  Axis() = default;
  Axis(Mode mode, Padding padding, bool corners, std::int64_t length, std::int64_t stride)
      : mode_(mode), padding_(padding), corners_(corners), length_(length), stride_(stride) {
    low_ = corners ? 0 : -0.5;
    high_ = static_cast<double>(length) - (corners ? 1 : 0.5);
  }

  Taps taps(double number) const {
    const auto length = static_cast<double>(length_);
    double slope = (corners_ ? length - 1 : length) / 2;
    double place = corners_ ? (number + 1) / 2 * (length - 1) : ((number + 1) * length - 1) / 2;
    // As PyTorch: what is no place lies outside.
    if (!(std::abs(place) < 0x1p31)) {
      place = -100;
      slope = 0;
    }
    if (mode_ == Mode::kNearest) {
      place = std::nearbyint(place);
    }
    place = padded(place, slope);
    const double left = std::floor(place);
    const double part = place - left;
    const auto first = static_cast<std::int64_t>(left);
    Taps taps;
    if (mode_ == Mode::kNearest) {
      taps = {1, {first}, {1}, {0}};
    } else if (mode_ == Mode::kLinear) {
      taps = {2, {first, first + 1}, {1 - part, part}, {-slope, slope}};
    } else {
      taps.count = 4;
      for (int t = 0; t < 4; ++t) {
        const auto i = static_cast<std::size_t>(t);
        taps.offset[i] = first - 1 + t;
        taps.weight[i] = cubic(part + 1 - t);
        taps.slope[i] = slope * cubic_slope(part + 1 - t);
      }
    }
    for (std::size_t t = 0; t < static_cast<std::size_t>(taps.count); ++t) {
      const std::int64_t at = element(taps.offset[t]);
      taps.offset[t] = at < 0 ? -1 : at * stride_;
    }
    return taps;
  }

 private:
  // Border and reflection bring a place outside back; but a cubic between copies of the border
  // goes on beyond it, as in PyTorch.
  double padded(double place, double& slope) const {
    if ((place >= low_ && place <= high_) || padding_ == Padding::kZeros ||
        (padding_ == Padding::kBorder && mode_ == Mode::kCubic)) {
      return place;
    }
    if (padding_ == Padding::kBorder) {
      slope = 0;
      return std::clamp(place, 0.0, static_cast<double>(length_ - 1));
    }
    return reflected(place, low_, high_, slope);
  }

  // The element that stands at a position, or -1.
  std::int64_t element(std::int64_t at) const {
    if (at >= 0 && at < length_) {
      return at;
    }
    if (padding_ == Padding::kZeros) {
      return -1;
    }
    if (padding_ == Padding::kReflection) {
      double slope = 1;
      at = static_cast<std::int64_t>(reflected(static_cast<double>(at), low_, high_, slope));
    }
    return std::clamp<std::int64_t>(at, 0, length_ - 1);
  }

  Mode mode_ = Mode::kLinear;
  Padding padding_ = Padding::kZeros;
  bool corners_ = false;
  std::int64_t length_ = 1, stride_ = 1;
  double low_ = 0, high_ = 0;
};

struct Sampling {
  int dims = 0;
  std::array<Axis, kMostDims> axes;  // of x, in order
  std::int64_t batch = 0, channels = 0, elements = 0, places = 0;
};

Sampling sampling_of(const Attrs& attrs, const Shape& x, const Shape& grid) {
  const std::string mode = attrs.get_string("mode", "linear");
  const std::string padding = attrs.get_string("padding_mode", "zeros");
  Sampling s;
  s.dims = x.rank() - 2;
  for (int i = 0; i < s.dims; ++i) {
    s.axes[static_cast<std::size_t>(i)] =
        Axis(mode == "nearest" ? Mode::kNearest
             : mode == "cubic" ? Mode::kCubic
                               : Mode::kLinear,
             padding == "border"       ? Padding::kBorder
             : padding == "reflection" ? Padding::kReflection
                                       : Padding::kZeros,
             attrs.get_int("align_corners", 0) != 0, x[i + 2], x.count(i + 3, x.rank()));
  }
  s.batch = x[0];
  s.channels = x[1];
  s.elements = x.count(2, x.rank());
  s.places = grid.count(1, grid.rank() - 1);
  return s;
}

// f(offset, weight, slopes) for the elements around one place; slopes are by the grid's numbers.
template <class T, class F>
void for_each_tap(const Sampling& s, const T* numbers, F f) {
  std::array<Taps, kMostDims> taps;
  int combinations = 1;
  for (int i = 0; i < s.dims; ++i) {
    const auto at = static_cast<std::size_t>(i);
    taps[at] = s.axes[at].taps(static_cast<double>(numbers[s.dims - 1 - i]));
    combinations *= taps[at].count;
  }
  for (int combination = 0; combination < combinations; ++combination) {
    std::int64_t offset = 0;
    double weight = 1;
    std::array<double, kMostDims> slopes{1, 1, 1};  // in the grid's order
    bool outside = false;
    int rest = combination;
    for (int i = s.dims - 1; i >= 0; --i) {
      const Taps& one = taps[static_cast<std::size_t>(i)];
      const auto t = static_cast<std::size_t>(rest % one.count);
      rest /= one.count;
      outside = outside || one.offset[t] < 0;
      offset += one.offset[t];
      weight *= one.weight[t];
      for (int k = 0; k < s.dims; ++k) {
        slopes[static_cast<std::size_t>(k)] *= k == s.dims - 1 - i ? one.slope[t] : one.weight[t];
      }
    }
    if (!outside) {
      f(offset, weight, slopes);
    }
  }
}

template <class T>
std::unique_ptr<Kernel> grid_sample_kernel(const OpQuery& query) {
  const Sampling s = sampling_of(*query.attrs, query.inputs[0].shape, query.inputs[1].shape);
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
                     [&](std::int64_t offset, double weight, const auto&) {
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
  const Sampling s = sampling_of(*query.attrs, query.inputs[0].shape, query.inputs[1].shape);
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
        std::array<double, kMostDims> moved{};
        const std::int64_t place = (n * s.places + p) * s.dims;
        for_each_tap(s, grid + place, [&](std::int64_t offset, double weight, const auto& slopes) {
          double product = 0;
          for (std::int64_t c = 0; c < s.channels; ++c) {
            const std::int64_t at = image + c * s.elements + offset;
            const auto d = static_cast<double>(dy[(n * s.channels + c) * s.places + p]);
            sums[at] += weight * d;
            product += d * static_cast<double>(x[at]);
          }
          for (std::size_t k = 0; k < kMostDims; ++k) {
            moved[k] += product * slopes[k];
          }
        });
        for (int k = 0; k < s.dims && dgrid != nullptr; ++k) {
          dgrid[place + k] = static_cast<T>(moved[static_cast<std::size_t>(k)]);
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

// The numbers from -1 to 1 at the middles of `length` parts, or from end to end.
double regular(std::int64_t i, std::int64_t length, bool corners) {
  const auto parts = static_cast<double>(length);
  return corners ? (length > 1 ? 2 * static_cast<double>(i) / (parts - 1) - 1 : 0)
                 : (2 * static_cast<double>(i) + 1) / parts - 1;
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
        std::array<double, kMostDims + 1> from{};  // the last axis first, then 1
        std::int64_t rest = p;
        for (int axis = dims; axis > 0; --axis) {
          from[static_cast<std::size_t>(dims - axis)] =
              regular(rest % y_shape[axis], y_shape[axis], corners);
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
