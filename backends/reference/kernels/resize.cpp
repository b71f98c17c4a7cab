// Resize, Upsample and ResizeGrad. An output element lies at a place between input elements along
// each resized axis, and takes them by weights; the axes are independent, so one is resized after
// the other, in double. The nearest element is moved as it is. Places and weights are computed as
// an axis is walked.
#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/host/cast_element.h"
#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

struct ResizedAxis {
  int axis = 0;
  std::int64_t in = 0, out = 0;
  double scale = 1;
  double start = 0, end = 1;  // the region of tf_crop_and_resize
};

enum class Transform { kHalf, kSymmetric, kPytorch, kCorners, kAsymmetric, kCrop, kNearestOfTf };

Transform transform_of(const std::string& name) {
  return name == "half_pixel_symmetric"   ? Transform::kSymmetric
         : name == "pytorch_half_pixel"   ? Transform::kPytorch
         : name == "align_corners"        ? Transform::kCorners
         : name == "asymmetric"           ? Transform::kAsymmetric
         : name == "tf_crop_and_resize"   ? Transform::kCrop
         : name == "tf_half_pixel_for_nn" ? Transform::kNearestOfTf
                                          : Transform::kHalf;
}

// Scales are floats: what lies this close to an element, or to the middle of two, is meant to be
// there.
double settled(double place) {
  const double half = std::round(2 * place) / 2;
  return std::abs(place - half) <= 1.2e-7 * (std::abs(place) + 1) ? half : place;
}

class Sampler {
 public:
  Sampler(const Attrs& attrs, const Shape& x, const Shape& y)
      : transform_(transform_of(attrs.get_string("coordinate_transformation_mode", ""))),
        nearest_(attrs.get_string("nearest_mode", "")),
        cubic_(attrs.get_string("mode", "") == "cubic"),
        moves_(attrs.get_string("mode", "") == "nearest" || attrs.get_ints("axes").empty()),
        antialias_(attrs.get_int("antialias", 0) != 0),
        exclude_outside_(attrs.get_int("exclude_outside", 0) != 0),
        a_(attrs.get_double("cubic_coeff_a", -0.75)) {
    const std::vector<std::int64_t> named = attrs.get_ints("axes");
    const std::vector<double> scales = attrs.get_doubles("scales");
    const std::vector<double> region = attrs.get_doubles("roi");
    for (std::size_t i = 0; i < named.size(); ++i) {
      const int axis = static_cast<int>(named[i]);
      axes_.push_back({axis, x[axis], y[axis], scales[i]});
      if (!region.empty()) {
        axes_.back().start = region[i];
        axes_.back().end = region[i + named.size()];
      }
    }
  }

  const std::vector<ResizedAxis>& axes() const { return axes_; }
  bool moves() const { return moves_; }

  // Where element i of the output lies among those of the input.
  double place(const ResizedAxis& axis, std::int64_t i) const {
    const auto at = static_cast<double>(i);
    const auto in = static_cast<double>(axis.in);
    const double length = axis.scale * in;  // of the output, before it is cut to whole elements
    switch (transform_) {
      case Transform::kSymmetric:
        return in / 2 * (1 - static_cast<double>(axis.out) / length) + (at + 0.5) / axis.scale -
               0.5;
      case Transform::kPytorch:
        return length > 1 ? (at + 0.5) / axis.scale - 0.5 : 0;
      case Transform::kCorners:
        return length == 1 ? 0 : at * (in - 1) / (length - 1);
      case Transform::kAsymmetric:
        return at / axis.scale;
      case Transform::kCrop:
        return length == 1
                   ? (axis.start + axis.end) * (in - 1) / 2
                   : axis.start * (in - 1) + at * (axis.end - axis.start) * (in - 1) / (length - 1);
      case Transform::kNearestOfTf:
        return (at + 0.5) / axis.scale;
      case Transform::kHalf:
        break;
    }
    return (at + 0.5) / axis.scale - 0.5;
  }

  bool is_outside(const ResizedAxis& axis, double place) const {
    return transform_ == Transform::kCrop &&
           !(place >= 0 && place <= static_cast<double>(axis.in - 1));
  }

  std::int64_t nearest(const ResizedAxis& axis, double place) const {
    const double at = settled(place);
    const double below = std::floor(at);
    const double chosen = nearest_ == "floor"               ? below
                          : nearest_ == "ceil"              ? std::ceil(at)
                          : nearest_ == "round_prefer_ceil" ? std::floor(at + 0.5)
                                                            : std::ceil(at - 0.5);
    return static_cast<std::int64_t>(
        std::clamp(chosen, 0.0, static_cast<double>(std::max<std::int64_t>(axis.in - 1, 0))));
  }

  // The number of elements that have weights.
  std::int64_t taps(const ResizedAxis& axis) const {
    if (moves_) {
      return 1;
    }
    const double reach = (cubic_ ? 2 : 1) / shrinking(axis);
    return static_cast<std::int64_t>(std::min(-2 * std::floor(-reach), 0x1p50));
  }

  // Fills `weights` for the elements from the one returned on.
  std::int64_t weigh(const ResizedAxis& axis, double place, std::int64_t count,
                     double* weights) const {
    if (moves_) {
      weights[0] = 1;
      return nearest(axis, place);
    }
    const double at = settled(place);
    const double left = std::ceil(at) - 1;  // the place is in (left, left + 1]
    const auto first = static_cast<std::int64_t>(left) + 1 - count / 2;
    const double scale = shrinking(axis);
    double sum = 0;
    for (std::int64_t t = 0; t < count; ++t) {
      const auto element = static_cast<double>(first + t);
      const bool dropped = exclude_outside_ && (first + t < 0 || first + t >= axis.in);
      weights[t] = dropped ? 0 : weight((element - at) * scale);
      sum += weights[t];
    }
    if ((antialias_ || exclude_outside_) && sum != 0) {
      for (std::int64_t t = 0; t < count; ++t) {
        weights[t] /= sum;
      }
    }
    return first;
  }

 private:
  double shrinking(const ResizedAxis& axis) const {
    return antialias_ ? std::min(axis.scale, 1.0) : 1.0;
  }

  // Keys, "Cubic convolution interpolation for digital image processing", or the hat function.
  double weight(double distance) const {
    const double d = std::abs(distance);
    if (!cubic_) {
      return std::max(1 - d, 0.0);
    }
    return d <= 1  ? ((a_ + 2) * d - (a_ + 3)) * d * d + 1
           : d < 2 ? ((a_ * d - 5 * a_) * d + 8 * a_) * d - 4 * a_
                   : 0;
  }

  Transform transform_;
  std::string nearest_;
  bool cubic_, moves_, antialias_, exclude_outside_;
  double a_;
  std::vector<ResizedAxis> axes_;
};

// Where each element of an axis is taken from; `offsets` is null where the axis stays.
struct MovedAxis {
  const std::int64_t* offsets = nullptr;
  std::int64_t stride = 0;

  std::int64_t operator()(std::int64_t i) const {
    return offsets != nullptr ? offsets[i] : i * stride;
  }
};

std::unique_ptr<Kernel> moving_kernel(const OpQuery& query, const Sampler& sampler) {
  const Shape& y_shape = query.outputs[0].shape;
  const Shape strides = row_major_strides(query.inputs[0].shape);
  const double value = query.attrs->get_double("extrapolation_value", 0);
  const DType dtype = query.inputs[0].dtype;
  const std::uint64_t fill =
      visit_any(dtype, [&]<class T>() { return bits_of(cast_element<T>(value)); });
  auto kernel = visit_bits(dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=, fill = static_cast<T>(fill)](const KernelArgs& args) {
      auto* offsets = static_cast<std::int64_t*>(args.workspace);
      std::array<MovedAxis, kMaxRank> axes{};
      for (int axis = 0; axis < y_shape.rank(); ++axis) {
        axes[static_cast<std::size_t>(axis)].stride = strides[axis];
      }
      for (const ResizedAxis& axis : sampler.axes()) {
        axes[static_cast<std::size_t>(axis.axis)].offsets = offsets;
        for (std::int64_t i = 0; i < axis.out; ++i) {
          const double place = sampler.place(axis, i);
          *offsets++ = sampler.is_outside(axis, place)
                           ? -1
                           : sampler.nearest(axis, place) * strides[axis.axis];
        }
      }
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      walk_mapped(y_shape, axes,
                  [&](std::int64_t to, std::int64_t from) { y[to] = from < 0 ? fill : x[from]; });
    });
  });
  for (const ResizedAxis& axis : sampler.axes()) {
    kernel->workspace_bytes += static_cast<std::size_t>(axis.out) * sizeof(std::int64_t);
  }
  return kernel;
}

// One axis of a tensor in double: [outer, in, inner] and [outer, out, inner].
struct Pass {
  ResizedAxis axis;
  std::int64_t outer = 1, inner = 1, taps = 1;

  std::int64_t in_count() const { return outer * axis.in * inner; }
  std::int64_t out_count() const { return outer * axis.out * inner; }
};

// `to` and `from` are rows of y and x, or of dx and dy.
void add_row(double* to, const double* from, double weight, std::int64_t count) {
  for (std::int64_t i = 0; i < count && weight != 0; ++i) {
    to[i] += weight * from[i];
  }
}

// y = A x + b forward; dx = A^T dy backward.
void run_pass(const Sampler& sampler, const Pass& pass, bool backward, const double* from,
              double* to, double* weights, double outside) {
  const ResizedAxis& axis = pass.axis;
  std::fill(to, to + (backward ? pass.in_count() : pass.out_count()), 0.0);
  for (std::int64_t i = 0; i < axis.out; ++i) {
    const double place = sampler.place(axis, i);
    const bool is_outside = sampler.is_outside(axis, place);
    const std::int64_t first = is_outside ? 0 : sampler.weigh(axis, place, pass.taps, weights);
    for (std::int64_t outer = 0; outer < pass.outer; ++outer) {
      const std::int64_t y_row = (outer * axis.out + i) * pass.inner;
      if (is_outside && !backward) {
        std::fill(to + y_row, to + y_row + pass.inner, outside);
      }
      for (std::int64_t t = 0; t < pass.taps && !is_outside; ++t) {
        const std::int64_t at = std::clamp<std::int64_t>(first + t, 0, axis.in - 1);
        const std::int64_t x_row = (outer * axis.in + at) * pass.inner;
        add_row(to + (backward ? x_row : y_row), from + (backward ? y_row : x_row), weights[t],
                pass.inner);
      }
    }
  }
}

std::vector<Pass> passes_of(const Sampler& sampler, Shape shape) {
  std::vector<Pass> passes;
  for (const ResizedAxis& axis : sampler.axes()) {
    passes.push_back({axis, shape.count(0, axis.axis), shape.count(axis.axis + 1, shape.rank()),
                      sampler.taps(axis)});
    shape[axis.axis] = axis.out;
  }
  return passes;
}

template <class T>
T stored(double value) {
  if constexpr (std::is_integral_v<T>) {
    return cast_element<T>(std::nearbyint(value));
  } else {
    return convert_element<T>(value);
  }
}

std::unique_ptr<Kernel> weighing_kernel(const OpQuery& query, const Sampler& sampler,
                                        bool backward) {
  const Shape& x_shape = (backward ? query.outputs : query.inputs)[0].shape;
  std::vector<Pass> passes = passes_of(sampler, x_shape);
  std::int64_t most =
      std::max(query.inputs[0].shape.element_count(), query.outputs[0].shape.element_count());
  std::int64_t taps = 1;
  for (const Pass& pass : passes) {
    most = std::max({most, pass.in_count(), pass.out_count()});
    taps = std::max(taps, pass.taps);
  }
  if (backward) {
    std::reverse(passes.begin(), passes.end());
  }
  const double outside = query.attrs->get_double("extrapolation_value", 0);
  const std::int64_t given = query.inputs[0].shape.element_count();
  const std::int64_t wanted = query.outputs[0].shape.element_count();
  auto kernel = visit_any(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      double* from = static_cast<double*>(args.workspace);
      double* to = from + most;
      double* weights = to + most;
      for (std::int64_t i = 0; i < given; ++i) {
        from[i] = convert_element<double>(x[i]);
      }
      for (const Pass& pass : passes) {
        run_pass(sampler, pass, backward, from, to, weights, outside);
        std::swap(from, to);
      }
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t i = 0; i < wanted; ++i) {
        y[i] = stored<T>(from[i]);
      }
    });
  });
  kernel->workspace_bytes = static_cast<std::size_t>(2 * most + taps) * sizeof(double);
  return kernel;
}

std::unique_ptr<Kernel> prepare_resize(const OpQuery& query) {
  const Sampler sampler(*query.attrs, query.inputs[0].shape, query.outputs[0].shape);
  return sampler.moves() ? moving_kernel(query, sampler) : weighing_kernel(query, sampler, false);
}

std::unique_ptr<Kernel> prepare_resize_grad(const OpQuery& query) {
  const Sampler sampler(*query.attrs, query.outputs[0].shape, query.inputs[0].shape);
  return weighing_kernel(query, sampler, true);
}

}  // namespace

void register_resize(KernelTable& table) {
  table.add("Resize", "reference", {}, prepare_resize);
  table.add("Upsample", "reference", {}, prepare_resize);
  table.add("ResizeGrad", "reference", {}, prepare_resize_grad);
}

}  // namespace temper::reference
