// Conv and its gradients over up to three spatial dimensions: direct loops, sums in double.
#include <algorithm>

#include "backends/host/conv_plan.h"
#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

// y[n,m,o] = bias[m] + sum_{k,c} w[m,c,k] x[n,c,o*stride - pad + k*dilation], summed in double in
// `plane`
template <class T>
void run_conv(const ConvPlan& p, const T* x, const T* w, const T* bias, T* y, double* plane) {
  const std::int64_t taps = p.window.kernel_elements();
  for (std::int64_t n = 0; n < p.batch; ++n) {
    for (std::int64_t m = 0; m < p.out_channels(); ++m) {
      const T* x_group = x + (n * p.in_channels() + m / p.group_out * p.group_in) * p.in_plane();
      const T* w_filter = w + m * p.group_in * taps;
      std::fill(plane, plane + p.out_plane(), bias == nullptr ? 0.0 : static_cast<double>(bias[m]));
      for (std::int64_t k = 0; k < taps; ++k) {
        for (std::int64_t c = 0; c < p.group_in; ++c) {
          const T* x_plane = x_group + c * p.in_plane();
          const double weight = static_cast<double>(w_filter[c * taps + k]);
          for_each_run(p, k, [&](const ConvRun& run) {
            for (std::int64_t i = 0; i < run.count; ++i) {
              plane[run.out + i] += weight * static_cast<double>(x_plane[run.in + i * run.step]);
            }
          });
        }
      }
      T* y_plane = y + (n * p.out_channels() + m) * p.out_plane();
      for (std::int64_t i = 0; i < p.out_plane(); ++i) {
        y_plane[i] = p.rectifier(static_cast<T>(plane[i]));
      }
    }
  }
}

// dx[n,c,i] = sum over the (m, o, k) whose tap is i of w[m,c,k] dy[n,m,o], gathered in double in
// `plane`. From the last kernel element to the first, an input meets its outputs in order.
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
        for (std::int64_t k = taps - 1; k >= 0; --k) {
          const double weight = static_cast<double>(w_channel[k]);
          for_each_run(p, k, [&](const ConvRun& run) {
            for (std::int64_t i = 0; i < run.count; ++i) {
              plane[run.in + i * run.step] += weight * static_cast<double>(dy_plane[run.out + i]);
            }
          });
        }
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
        for (std::int64_t k = 0; k < taps; ++k) {
          double sum = filter[k];
          for_each_run(p, k, [&](const ConvRun& run) {
            for (std::int64_t i = 0; i < run.count; ++i) {
              sum += static_cast<double>(dy_plane[run.out + i]) *
                     static_cast<double>(x_plane[run.in + i * run.step]);
            }
          });
          filter[k] = sum;
        }
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
    auto kernel = make_kernel([=](const KernelArgs& args) {
      run_conv(plan, static_cast<const T*>(args.inputs[0]), static_cast<const T*>(args.inputs[1]),
               bias ? static_cast<const T*>(args.inputs[2]) : nullptr,
               static_cast<T*>(args.outputs[0]), static_cast<double*>(args.workspace));
    });
    kernel->workspace_bytes = static_cast<std::size_t>(plan.out_plane()) * sizeof(double);
    return kernel;
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
