// BatchNormalization with given statistics, its training form and that form's gradient; sums in
// double.
#include <cmath>

#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/rectifier.h"

namespace temper::reference {
namespace {

struct NormPlan {
  std::int64_t batch = 0, channels = 0, plane = 0;
  double epsilon = 0, momentum = 0;
  bool unbiased = false;
  Rectifier rectifier;

  std::int64_t values() const { return batch * plane; }  // per channel
};

NormPlan plan_norm(const Attrs& attrs, const Shape& x) {
  return {x[0],
          x[1],
          x.count(2, x.rank()),
          attrs.get_double("epsilon", 1e-5),
          attrs.get_double("momentum", 0.9),
          attrs.get_int("unbiased", 1) != 0,
          rectifier_of(attrs)};
}

// Calls f(offset) for every element of a channel.
template <class F>
void for_each_of_channel(const NormPlan& p, std::int64_t channel, F f) {
  for (std::int64_t n = 0; n < p.batch; ++n) {
    const std::int64_t first = (n * p.channels + channel) * p.plane;
    for (std::int64_t i = first; i < first + p.plane; ++i) {
      f(i);
    }
  }
}

struct Affine {
  double mean = 0, factor = 0, bias = 0;  // y = (x - mean) * factor + bias

  double operator()(double x) const { return (x - mean) * factor + bias; }
};

template <class T>
void run_inference(const NormPlan& p, void* const* inputs, T* y) {
  const auto in = [&](int i) { return static_cast<const T*>(inputs[i]); };
  for (std::int64_t c = 0; c < p.channels; ++c) {
    const Affine affine{
        static_cast<double>(in(3)[c]),
        static_cast<double>(in(1)[c]) / std::sqrt(static_cast<double>(in(4)[c]) + p.epsilon),
        static_cast<double>(in(2)[c])};
    for_each_of_channel(p, c, [&](std::int64_t i) {
      y[i] = static_cast<T>(p.rectifier(affine(static_cast<double>(in(0)[i]))));
    });
  }
}

std::unique_ptr<Kernel> prepare_inference(const OpQuery& query) {
  const NormPlan plan = plan_norm(*query.attrs, query.inputs[0].shape);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      run_inference(plan, args.inputs, static_cast<T*>(args.outputs[0]));
    });
  });
}

// new = old * momentum + batch * (1 - momentum)
double blend(double old_value, double batch_value, double momentum) {
  return old_value * momentum + batch_value * (1.0 - momentum);
}

// outputs: y, new_mean, new_var, batch_mean, batch_var, saved; null where not wanted.
template <class T>
void run_train(const NormPlan& p, void* const* inputs, void* const* outputs) {
  const auto in = [&](int i) { return static_cast<const T*>(inputs[i]); };
  const auto put = [&](int i, std::int64_t at, double value) {
    if (outputs[i] != nullptr) {
      static_cast<T*>(outputs[i])[at] = static_cast<T>(value);
    }
  };
  bool* mask = static_cast<bool*>(outputs[5]);
  const double n = static_cast<double>(p.values());
  for (std::int64_t c = 0; c < p.channels; ++c) {
    double sum = 0;
    for_each_of_channel(p, c, [&](std::int64_t i) { sum += static_cast<double>(in(0)[i]); });
    const double mean = sum / n;
    double squares = 0;
    for_each_of_channel(p, c, [&](std::int64_t i) {
      const double centred = static_cast<double>(in(0)[i]) - mean;
      squares += centred * centred;
    });
    const double var = squares / n;
    const double kept_var = p.unbiased ? squares / (n - 1.0) : var;
    const Affine affine{mean, static_cast<double>(in(1)[c]) / std::sqrt(var + p.epsilon),
                        static_cast<double>(in(2)[c])};
    for_each_of_channel(p, c, [&](std::int64_t i) {
      const double value = affine(static_cast<double>(in(0)[i]));
      put(0, i, p.rectifier(value));
      if (mask != nullptr) {
        mask[i] = p.rectifier.passes(value);
      }
    });
    put(1, c, blend(static_cast<double>(in(3)[c]), mean, p.momentum));
    put(2, c, blend(static_cast<double>(in(4)[c]), kept_var, p.momentum));
    put(3, c, mean);
    put(4, c, var);
  }
}

constexpr std::size_t kTrainOutputs = 6;

std::unique_ptr<Kernel> prepare_train(const OpQuery& query) {
  const NormPlan plan = plan_norm(*query.attrs, query.inputs[0].shape);
  std::array<bool, kTrainOutputs> wanted{};
  for (std::size_t i = 0; i < kTrainOutputs; ++i) {
    wanted[i] = has_output(query, i);
  }
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([=](const KernelArgs& args) {
      std::array<void*, kTrainOutputs> outputs{};
      for (std::size_t i = 0; i < kTrainOutputs; ++i) {
        outputs[i] = wanted[i] ? args.outputs[i] : nullptr;
      }
      run_train<T>(plan, args.inputs, outputs.data());
    });
    kernel->opaque_bytes.assign(query.outputs.size(), 0);
    if (wanted[5]) {
      kernel->opaque_bytes[5] =
          static_cast<std::size_t>(query.inputs[0].shape.element_count()) * sizeof(bool);
    }
    return kernel;
  });
}

// inputs: dy, x, scale, bias, batch_mean, batch_var, mask; outputs: dx, dscale, dbias; null where
// not there. dscale = sum dy h,  dbias = sum dy,  dx = r scale (dy - dbias / n - h dscale / n) with
// h = (x - mean) r
template <class T>
void run_train_grad(const NormPlan& p, const std::array<const void*, 7>& inputs,
                    const std::array<void*, 3>& outputs) {
  const auto in = [&](std::size_t i, std::int64_t at) {
    return static_cast<double>(static_cast<const T*>(inputs[i])[at]);
  };
  const auto put = [&](std::size_t i, std::int64_t at, double value) {
    if (outputs[i] != nullptr) {
      static_cast<T*>(outputs[i])[at] = static_cast<T>(value);
    }
  };
  const bool* mask = static_cast<const bool*>(inputs[6]);
  const double n = static_cast<double>(p.values());
  for (std::int64_t c = 0; c < p.channels; ++c) {
    // Of the values rather than rounded to T: a large mean would cost digits.
    double total = 0;
    for_each_of_channel(p, c, [&](std::int64_t i) { total += in(1, i) - in(4, c); });
    const double mean = in(4, c) + total / n;
    const double r = 1.0 / std::sqrt(in(5, c) + p.epsilon);
    const double scale = in(2, c);
    const auto gradient = [&](std::int64_t i) {
      if (!p.rectifier.on) {
        return in(0, i);
      }
      const bool passed = mask != nullptr
                              ? mask[i]
                              : p.rectifier.passes((in(1, i) - mean) * (scale * r) + in(3, c));
      return passed ? in(0, i) : 0.0;
    };
    double dscale = 0;
    double dbias = 0;
    for_each_of_channel(p, c, [&](std::int64_t i) {
      dbias += gradient(i);
      dscale += gradient(i) * (in(1, i) - mean) * r;
    });
    put(1, c, dscale);
    put(2, c, dbias);
    if (outputs[0] != nullptr) {
      for_each_of_channel(p, c, [&](std::int64_t i) {
        const double h = (in(1, i) - mean) * r;
        put(0, i, r * scale * (gradient(i) - dbias / n - h * dscale / n));
      });
    }
  }
}

std::unique_ptr<Kernel> prepare_train_grad(const OpQuery& query) {
  const NormPlan plan = plan_norm(*query.attrs, query.inputs[1].shape);
  const bool saved = has_input(query, 6);
  const std::array<bool, 3> wanted{has_output(query, 0), has_output(query, 1),
                                   has_output(query, 2)};
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      std::array<const void*, 7> inputs{};
      for (std::size_t i = 0; i < (saved ? 7u : 6u); ++i) {
        inputs[i] = args.inputs[i];
      }
      std::array<void*, 3> outputs{};
      for (std::size_t i = 0; i < 3; ++i) {
        outputs[i] = wanted[i] ? args.outputs[i] : nullptr;
      }
      run_train_grad<T>(plan, inputs, outputs);
    });
  });
}

Support support_inference(const OpQuery& query) {
  if (query.attrs->get_int("training_mode", 0) != 0) {
    return Support::no("training_mode=1 must be turned into BatchNormTrain");
  }
  return one_float_type(query, {0, 1, 2, 3, 4});
}

}  // namespace

void register_batch_norm(KernelTable& table) {
  table.add("BatchNormalization", "reference", support_inference, prepare_inference);
  table.add(
      "BatchNormTrain", "reference",
      [](const OpQuery& query) { return one_float_type(query, {0, 1, 2, 3, 4}); }, prepare_train);
  table.add(
      "BatchNormTrainGrad", "reference",
      [](const OpQuery& query) { return one_float_type(query, {0, 1, 2, 3, 4, 5}); },
      prepare_train_grad);
}

}  // namespace temper::reference
