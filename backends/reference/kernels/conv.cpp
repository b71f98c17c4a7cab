// Conv and its gradients over up to three spatial dimensions: direct loops, sums in double.
#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/rectifier.h"
#include "runtime/base/window.h"

namespace temper::reference {
namespace {

struct ConvPlan {
  Window window;
  Spatial in{}, out{};
  std::int64_t batch = 0, group = 1;
  std::int64_t group_in = 0, group_out = 0;  // channels per group
  Rectifier rectifier;

  std::int64_t in_channels() const { return group_in * group; }
  std::int64_t out_channels() const { return group_out * group; }
  std::int64_t in_plane() const { return in[0] * in[1] * in[2]; }
  std::int64_t out_plane() const { return out[0] * out[1] * out[2]; }
};

// x [N, C, d...], w [M, C / group, k...], y [N, M, o...]
ConvPlan plan_conv(const Attrs& attrs, const Shape& x, const Shape& w, const Shape& y) {
  ConvPlan plan;
  plan.window = read_window(attrs);
  plan.in = spatial_dims(x);
  plan.out = spatial_dims(y);
  plan.batch = x[0];
  plan.group = attrs.get_int("group", 1);
  plan.group_in = w[1];
  plan.group_out = w[0] / plan.group;
  plan.rectifier = rectifier_of(attrs);
  return plan;
}

// Calls f(input offset, kernel offset) for every kernel element of output position `o` that lies in
// the input.
template <class F>
void for_each_tap(const ConvPlan& p, const Spatial& o, F f) {
  const Window& w = p.window;
  Spatial start;
  std::array<Taps, kMaxSpatialRank> taps;
  for (std::size_t i = 0; i < kMaxSpatialRank; ++i) {
    start[i] = o[i] * w.stride[i] - w.pad_begin[i];
    taps[i] = taps_inside(start[i], w.dilation[i], w.kernel[i], p.in[i]);
  }
  for (std::int64_t a = taps[0].begin; a < taps[0].end; ++a) {
    const std::int64_t depth = (start[0] + a * w.dilation[0]) * p.in[1];
    for (std::int64_t b = taps[1].begin; b < taps[1].end; ++b) {
      const std::int64_t row = (depth + start[1] + b * w.dilation[1]) * p.in[2];
      for (std::int64_t c = taps[2].begin; c < taps[2].end; ++c) {
        f(row + start[2] + c * w.dilation[2], (a * w.kernel[1] + b) * w.kernel[2] + c);
      }
    }
  }
}

// Calls f(output offset, position) for every output position.
template <class F>
void for_each_position(const Spatial& out, F f) {
  std::int64_t offset = 0;
  for (std::int64_t a = 0; a < out[0]; ++a) {
    for (std::int64_t b = 0; b < out[1]; ++b) {
      for (std::int64_t c = 0; c < out[2]; ++c) {
        f(offset++, Spatial{a, b, c});
      }
    }
  }
}

// y[n,m,o] = bias[m] + sum_{c,k} w[m,c,k] x[n,c,o*stride - pad + k*dilation]
template <class T>
void run_conv(const ConvPlan& p, const T* x, const T* w, const T* bias, T* y) {
  const std::int64_t taps = p.window.kernel_elements();
  for (std::int64_t n = 0; n < p.batch; ++n) {
    for (std::int64_t m = 0; m < p.out_channels(); ++m) {
      const T* x_group = x + (n * p.in_channels() + m / p.group_out * p.group_in) * p.in_plane();
      const T* w_filter = w + m * p.group_in * taps;
      T* y_plane = y + (n * p.out_channels() + m) * p.out_plane();
      for_each_position(p.out, [&](std::int64_t at, const Spatial& o) {
        double sum = bias == nullptr ? 0.0 : static_cast<double>(bias[m]);
        for_each_tap(p, o, [&](std::int64_t from, std::int64_t k) {
          for (std::int64_t c = 0; c < p.group_in; ++c) {
            sum += static_cast<double>(x_group[c * p.in_plane() + from]) *
                   static_cast<double>(w_filter[c * taps + k]);
          }
        });
        y_plane[at] = p.rectifier(static_cast<T>(sum));
      });
    }
  }
}

// dx[n,c,i] = sum over the (m, o, k) whose tap is i of w[m,c,k] dy[n,m,o], gathered in double in
// `plane`
template <class T>
void run_conv_grad_data(const ConvPlan& p, const T* w, const T* dy, T* dx, double* plane) {
  const std::int64_t taps = p.window.kernel_elements();
  for (std::int64_t n = 0; n < p.batch; ++n) {
    for (std::int64_t c = 0; c < p.in_channels(); ++c) {
      std::fill(plane, plane + p.in_plane(), 0.0);
      const std::int64_t first = c / p.group_in * p.group_out;
      for (std::int64_t m = first; m < first + p.group_out; ++m) {
        const T* w_channel = w + (m * p.group_in + c % p.group_in) * taps;
        const T* dy_plane = dy + (n * p.out_channels() + m) * p.out_plane();
        for_each_position(p.out, [&](std::int64_t at, const Spatial& o) {
          const double gradient = static_cast<double>(dy_plane[at]);
          for_each_tap(p, o, [&](std::int64_t to, std::int64_t k) {
            plane[to] += gradient * static_cast<double>(w_channel[k]);
          });
        });
      }
      T* dx_plane = dx + (n * p.in_channels() + c) * p.in_plane();
      for (std::int64_t i = 0; i < p.in_plane(); ++i) {
        dx_plane[i] = static_cast<T>(plane[i]);
      }
    }
  }
}

// dw[m,c,k] = sum_{n,o} dy[n,m,o] x[n,c,o*stride - pad + k*dilation], summed in double in `filter`
template <class T>
void run_conv_grad_weights(const ConvPlan& p, const T* x, const T* dy, T* dw, double* filter) {
  const std::int64_t taps = p.window.kernel_elements();
  for (std::int64_t m = 0; m < p.out_channels(); ++m) {
    for (std::int64_t c = 0; c < p.group_in; ++c) {
      std::fill(filter, filter + taps, 0.0);
      const std::int64_t channel = m / p.group_out * p.group_in + c;
      for (std::int64_t n = 0; n < p.batch; ++n) {
        const T* x_plane = x + (n * p.in_channels() + channel) * p.in_plane();
        const T* dy_plane = dy + (n * p.out_channels() + m) * p.out_plane();
        for_each_position(p.out, [&](std::int64_t at, const Spatial& o) {
          const double gradient = static_cast<double>(dy_plane[at]);
          for_each_tap(p, o, [&](std::int64_t from, std::int64_t k) {
            filter[k] += gradient * static_cast<double>(x_plane[from]);
          });
        });
      }
      for (std::int64_t k = 0; k < taps; ++k) {
        dw[(m * p.group_in + c) * taps + k] = static_cast<T>(filter[k]);
      }
    }
  }
}

// db[m] = sum_{n,o} dy[n,m,o]
template <class T>
void run_conv_grad_bias(const ConvPlan& p, const T* dy, T* db) {
  for (std::int64_t m = 0; m < p.out_channels(); ++m) {
    double sum = 0;
    for (std::int64_t n = 0; n < p.batch; ++n) {
      const T* dy_plane = dy + (n * p.out_channels() + m) * p.out_plane();
      for (std::int64_t i = 0; i < p.out_plane(); ++i) {
        sum += static_cast<double>(dy_plane[i]);
      }
    }
    db[m] = static_cast<T>(sum);
  }
}

std::unique_ptr<Kernel> prepare_conv(const OpQuery& query) {
  const ConvPlan plan =
      plan_conv(*query.attrs, query.inputs[0].shape, query.inputs[1].shape, query.outputs[0].shape);
  const bool bias = has_input(query, 2);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      run_conv(plan, static_cast<const T*>(args.inputs[0]), static_cast<const T*>(args.inputs[1]),
               bias ? static_cast<const T*>(args.inputs[2]) : nullptr,
               static_cast<T*>(args.outputs[0]));
    });
  });
}

std::unique_ptr<Kernel> prepare_conv_grad_data(const OpQuery& query) {
  const Shape x(query.attrs->get_ints("input_shape"));
  const ConvPlan plan = plan_conv(*query.attrs, x, query.inputs[0].shape, query.inputs[1].shape);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([=](const KernelArgs& args) {
      run_conv_grad_data(plan, static_cast<const T*>(args.inputs[0]),
                         static_cast<const T*>(args.inputs[1]), static_cast<T*>(args.outputs[0]),
                         static_cast<double*>(args.workspace));
    });
    kernel->workspace_bytes = static_cast<std::size_t>(plan.in_plane()) * sizeof(double);
    return kernel;
  });
}

// y = conv_grad_data(w, x) + b, summed in T
std::unique_ptr<Kernel> prepare_conv_transpose(const OpQuery& query) {
  const Shape y = query.outputs[0].shape;
  const ConvPlan plan = plan_conv(*query.attrs, y, query.inputs[1].shape, query.inputs[0].shape);
  const bool bias = has_input(query, 2);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([=](const KernelArgs& args) {
      T* out = static_cast<T*>(args.outputs[0]);
      run_conv_grad_data(plan, static_cast<const T*>(args.inputs[1]),
                         static_cast<const T*>(args.inputs[0]), out,
                         static_cast<double*>(args.workspace));
      const T* b = bias ? static_cast<const T*>(args.inputs[2]) : nullptr;
      for (std::int64_t i = 0; bias && i < y.element_count(); ++i) {
        out[i] += b[i / plan.in_plane() % plan.in_channels()];
      }
    });
    kernel->workspace_bytes = static_cast<std::size_t>(plan.in_plane()) * sizeof(double);
    return kernel;
  });
}

std::unique_ptr<Kernel> prepare_conv_grad_weights(const OpQuery& query) {
  const Shape w(query.attrs->get_ints("weight_shape"));
  const ConvPlan plan = plan_conv(*query.attrs, query.inputs[0].shape, w, query.inputs[1].shape);
  const bool wants_w = has_output(query, 0);
  const bool wants_b = has_output(query, 1);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([=](const KernelArgs& args) {
      const T* dy = static_cast<const T*>(args.inputs[1]);
      if (wants_w) {
        run_conv_grad_weights(plan, static_cast<const T*>(args.inputs[0]), dy,
                              static_cast<T*>(args.outputs[0]),
                              static_cast<double*>(args.workspace));
      }
      if (wants_b) {
        run_conv_grad_bias(plan, dy, static_cast<T*>(args.outputs[1]));
      }
    });
    kernel->workspace_bytes =
        static_cast<std::size_t>(plan.window.kernel_elements()) * sizeof(double);
    return kernel;
  });
}

}  // namespace

void register_conv(KernelTable& table) {
  const auto floats = [](const OpQuery& query) { return one_float_type(query, {0, 1, 2}); };
  table.add("Conv", "reference", floats, prepare_conv);
  table.add("ConvTranspose", "reference", floats, prepare_conv_transpose);
  table.add("ConvGradData", "reference", floats, prepare_conv_grad_data);
  table.add("ConvGradWeights", "reference", floats, prepare_conv_grad_weights);
}

}  // namespace temper::reference
