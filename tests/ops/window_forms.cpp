#include "tests/ops/window_forms.h"

#include <algorithm>
#include <limits>

namespace temper::op_suite {
namespace {

Ints spatial(const Ints& index) { return {index.begin() + 2, index.end()}; }

Ints join_index(std::int64_t first, std::int64_t second, const Ints& rest) {
  Ints index{first, second};
  index.insert(index.end(), rest.begin(), rest.end());
  return index;
}

Shape shape_of(const Ints& dims) { return Shape(std::span<const std::int64_t>(dims)); }

std::int64_t offset(const Shape& shape, const Ints& index) {
  std::int64_t position = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    position = position * shape[axis] + index[static_cast<std::size_t>(axis)];
  }
  return position;
}

// Calls f(x index, w index, y index) for every product of the convolution.
template <class F>
void for_each_product(const WindowForm& form, const Shape& x, const Shape& w, F f) {
  const std::int64_t per_group = w[0] / form.group;
  const Shape y = shape_of(join_index(x[0], w[0], form.out));
  for (std::int64_t i = 0; i < y.element_count(); ++i) {
    const Ints o = coordinates(y, i);
    for_each_kernel(form.kernel, [&](const Ints& k) {
      const Ints at_x = tap(form, spatial(o), k);
      for (std::int64_t c = 0; c < w[1] && inside(at_x, x); ++c) {
        f(join_index(o[0], o[1] / per_group * w[1] + c, at_x), join_index(o[1], c, k), o);
      }
    });
  }
}

// How many elements of the window an average counts.
double counted(const WindowForm& form, const Ints& o, PoolKind kind, const Shape& x) {
  double count = 0;
  for_each_kernel(form.kernel, [&](const Ints& k) {
    const Ints position = tap(form, o, k);
    bool counts = kind != PoolKind::kAverage || inside(position, x);
    for (std::size_t i = 0; i < position.size(); ++i) {
      counts = counts && position[i] < x[static_cast<int>(i) + 2] + form.pad_end[i];
    }
    count += counts ? 1 : 0;
  });
  return count;
}

}  // namespace

Ints tap(const WindowForm& form, const Ints& o, const Ints& k) {
  Ints position;
  for (std::size_t i = 0; i < k.size(); ++i) {
    position.push_back(o[i] * form.stride[i] - form.pad_begin[i] + k[i] * form.dilation[i]);
  }
  return position;
}

bool inside(const Ints& position, const Shape& shape) {
  for (std::size_t i = 0; i < position.size(); ++i) {
    if (position[i] < 0 || position[i] >= shape[static_cast<int>(i) + 2]) {
      return false;
    }
  }
  return true;
}

ClosedForm conv_form(const WindowForm& form) {
  return [form](const std::vector<HostTensor>& in) {
    const HostTensor& x = in[0];
    const HostTensor& w = in[1];
    const bool bias = in.size() > 2 && !in[2].values.empty();
    HostTensor y = generate(shape_of(join_index(x.shape[0], w.shape[0], form.out)),
                            [&](const Ints& o) { return bias ? in[2][o[1]] : 0.0; });
    for_each_product(form, x.shape, w.shape,
                     [&](const Ints& at_x, const Ints& at_w, const Ints& o) {
                       y[offset(y.shape, o)] += at(x, at_x) * at(w, at_w);
                     });
    return std::vector{y};
  };
}

ClosedForm conv_grad_data_form(const WindowForm& form, const Shape& x) {
  return [form, x](const std::vector<HostTensor>& in) {
    HostTensor dx = generate(x, [](const Ints&) { return 0.0; });
    for_each_product(form, x, in[0].shape, [&](const Ints& at_x, const Ints& at_w, const Ints& o) {
      dx[offset(x, at_x)] += at(in[0], at_w) * at(in[1], o);
    });
    return std::vector{dx};
  };
}

ClosedForm conv_grad_weights_form(const WindowForm& form, const Shape& w) {
  return [form, w](const std::vector<HostTensor>& in) {
    HostTensor dw = generate(w, [](const Ints&) { return 0.0; });
    for_each_product(form, in[0].shape, w, [&](const Ints& at_x, const Ints& at_w, const Ints& o) {
      dw[offset(w, at_w)] += at(in[0], at_x) * at(in[1], o);
    });
    HostTensor db = generate(Shape{w[0]}, [](const Ints&) { return 0.0; });
    for (std::int64_t i = 0; i < in[1].count(); ++i) {
      db[coordinates(in[1].shape, i)[1]] += in[1][i];
    }
    return std::vector{dw, db};
  };
}

ClosedForm pool_form(const WindowForm& form, PoolKind kind) {
  return [form, kind](const std::vector<HostTensor>& in) {
    const HostTensor& x = in[0];
    const Shape y = shape_of(join_index(x.shape[0], x.shape[1], form.out));
    return std::vector{generate(y, [&](const Ints& o) {
      double sum = 0;
      double largest = -std::numeric_limits<double>::infinity();
      for_each_kernel(form.kernel, [&](const Ints& k) {
        const Ints position = tap(form, spatial(o), k);
        if (inside(position, x.shape)) {
          const double value = at(x, join_index(o[0], o[1], position));
          sum += value;
          largest = std::max(largest, value);
        }
      });
      return kind == PoolKind::kMax ? largest : sum / counted(form, spatial(o), kind, x.shape);
    })};
  };
}

ClosedForm average_pool_grad_form(const WindowForm& form, PoolKind kind, const Shape& x) {
  return [form, kind, x](const std::vector<HostTensor>& in) {
    HostTensor dx = generate(x, [](const Ints&) { return 0.0; });
    for (std::int64_t i = 0; i < in[0].count(); ++i) {
      const Ints o = coordinates(in[0].shape, i);
      const double share = in[0][i] / counted(form, spatial(o), kind, x);
      for_each_kernel(form.kernel, [&](const Ints& k) {
        const Ints position = tap(form, spatial(o), k);
        if (inside(position, x)) {
          dx[offset(x, join_index(o[0], o[1], position))] += share;
        }
      });
    }
    return std::vector{dx};
  };
}

}  // namespace temper::op_suite
