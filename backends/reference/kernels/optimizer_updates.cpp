// SgdUpdate and AdamUpdate: one plain loop per flat range, in place in the variables' memory.
#include <cstddef>
#include <vector>

#include "backends/common/flat_ranges.h"
#include "backends/common/optimizer_math.h"
#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

constexpr std::size_t kFirstParameter = 4;  // after ok, rates, step, scale

struct UpdatePlan {
  std::size_t count = 0;
  std::size_t sets = 2;                // p, g and the states
  std::vector<std::int64_t> elements;  // of storage, padding included
  std::vector<std::int64_t> group_of;
  std::vector<double> group_rate, group_decay;
  std::int64_t rate_count = 1;
  bool has_scale = false, double_scale = false, maximize = false;
};

UpdatePlan plan_update(const OpQuery& query, std::size_t sets) {
  const Attrs& attrs = *query.attrs;
  UpdatePlan plan;
  plan.sets = sets;
  plan.count = (query.inputs.size() - kFirstParameter) / sets;
  for (std::size_t i = 0; i < plan.count; ++i) {
    const TensorSpec& parameter = query.inputs[kFirstParameter + i];
    plan.elements.push_back(storage_elements(parameter.shape, parameter.layout));
  }
  plan.group_of = attrs.get_ints("group_of");
  plan.group_rate = attrs.get_doubles("group_lr_scale");
  plan.group_decay = attrs.get_doubles("group_weight_decay");
  plan.rate_count = query.inputs[1].shape.element_count();
  plan.has_scale = has_input(query, 3);
  plan.double_scale = plan.has_scale && query.inputs[3].dtype == DType::kFloat64;
  plan.maximize = attrs.get_int("maximize", 0) != 0;
  return plan;
}

// What changes from step to step.
struct StepValues {
  double rate = 0, scale = 1;
  std::int64_t step = 0;
};

class UpdateKernel : public Kernel {
 public:
  UpdateKernel(const OpQuery& query, std::size_t sets, std::size_t element_bytes, bool over_padding)
      : plan_(plan_update(query, sets)),
        element_bytes_(element_bytes),
        over_padding_(over_padding) {
    // The update is elementwise: it takes whatever layout the parameter has, for its gradient and
    // states too.
    for (std::size_t i = 0; i < query.inputs.size(); ++i) {
      const bool scalar = i < kFirstParameter;
      const std::size_t parameter =
          scalar ? i : kFirstParameter + (i - kFirstParameter) % plan_.count;
      input_layouts.push_back(scalar ? Layout{} : query.inputs[parameter].layout);
    }
    for (std::size_t i = 0; i < query.outputs.size(); ++i) {
      output_layouts.push_back(query.inputs[kFirstParameter + i % plan_.count].layout);
    }
  }

  void bind(const KernelArgs& args) override {
    const auto output = [&](std::size_t set, std::size_t i) {
      return static_cast<std::byte*>(args.outputs[set * plan_.count + i]);
    };
    ranges_.clear();
    for (std::size_t i = 0; i < plan_.count; ++i) {
      FlatRange range;
      range.parameter = output(0, i);
      range.gradient =
          static_cast<const std::byte*>(args.inputs[kFirstParameter + plan_.count + i]);
      range.first_state = plan_.sets > 2 ? output(1, i) : nullptr;
      range.second_state = plan_.sets > 3 ? output(2, i) : nullptr;
      range.elements = plan_.elements[i];
      range.group = plan_.group_of[i];
      ranges_.push_back(range);
    }
    merge_flat_ranges(ranges_, static_cast<std::int64_t>(element_bytes_), over_padding_);
  }

 protected:
  // False: this step must write nothing.
  static bool wanted(const KernelArgs& args) { return *static_cast<const bool*>(args.inputs[0]); }

  StepValues read_step(const KernelArgs& args) const {
    StepValues values;
    values.step = *static_cast<const std::int64_t*>(args.inputs[2]);
    values.rate = static_cast<const double*>(args.inputs[1])[values.step % plan_.rate_count];
    if (plan_.has_scale) {
      values.scale = plan_.double_scale
                         ? *static_cast<const double*>(args.inputs[3])
                         : static_cast<double>(*static_cast<const float*>(args.inputs[3]));
    }
    return values;
  }

  double rate(const FlatRange& range, const StepValues& values) const {
    return values.rate * plan_.group_rate[static_cast<std::size_t>(range.group)];
  }
  double decay(const FlatRange& range) const {
    return plan_.group_decay[static_cast<std::size_t>(range.group)];
  }

  UpdatePlan plan_;
  std::vector<FlatRange> ranges_;

 private:
  std::size_t element_bytes_;
  bool over_padding_;
};

template <class T>
class SgdKernel final : public UpdateKernel {
 public:
  SgdKernel(const OpQuery& query, std::size_t sets)
      : UpdateKernel(query, sets, sizeof(T), true),
        momentum_(query.attrs->get_double("momentum", 0)),
        dampening_(query.attrs->get_double("dampening", 0)),
        nesterov_(query.attrs->get_int("nesterov", 0) != 0) {}

  void run(const KernelArgs& args) override {
    if (!wanted(args)) {
      return;
    }
    const StepValues values = read_step(args);
    for (const FlatRange& range : ranges_) {
      const SgdStep<T> step =
          make_sgd_step<T>(values.scale, plan_.maximize, rate(range, values), decay(range),
                           momentum_, dampening_, nesterov_, values.step);
      T* p = reinterpret_cast<T*>(range.parameter);
      const T* g = reinterpret_cast<const T*>(range.gradient);
      T* m = reinterpret_cast<T*>(range.first_state);
      for (std::int64_t i = 0; i < range.elements; ++i) {
        if (m == nullptr) {
          sgd_element(step, p[i], g[i]);
        } else {
          sgd_momentum_element(step, p[i], g[i], m[i]);
        }
      }
    }
  }

 private:
  double momentum_, dampening_;
  bool nesterov_;
};

template <class T>
class AdamKernel final : public UpdateKernel {
 public:
  explicit AdamKernel(const OpQuery& query)
      : UpdateKernel(query, 4, sizeof(T), query.attrs->get_double("epsilon", 1e-8) > 0),
        beta1_(query.attrs->get_double("beta1", 0.9)),
        beta2_(query.attrs->get_double("beta2", 0.999)),
        epsilon_(query.attrs->get_double("epsilon", 1e-8)),
        decoupled_(query.attrs->get_int("decoupled", 0) != 0) {}

  void run(const KernelArgs& args) override {
    if (!wanted(args)) {
      return;
    }
    const StepValues values = read_step(args);
    for (const FlatRange& range : ranges_) {
      const AdamStep<T> step =
          make_adam_step<T>(values.scale, plan_.maximize, rate(range, values), decay(range),
                            decoupled_, beta1_, beta2_, epsilon_, values.step);
      T* p = reinterpret_cast<T*>(range.parameter);
      const T* g = reinterpret_cast<const T*>(range.gradient);
      T* m = reinterpret_cast<T*>(range.first_state);
      T* v = reinterpret_cast<T*>(range.second_state);
      for (std::int64_t i = 0; i < range.elements; ++i) {
        adam_element(step, p[i], g[i], m[i], v[i]);
      }
    }
  }

 private:
  double beta1_, beta2_, epsilon_;
  bool decoupled_;
};

Support support_update(const OpQuery& query) {
  for (std::size_t i = kFirstParameter; i < query.inputs.size(); ++i) {
    const DType dtype = query.inputs[i].dtype;
    if (dtype != query.inputs[kFirstParameter].dtype ||
        (dtype != DType::kFloat32 && dtype != DType::kFloat64)) {
      return Support::no(concat("input ", i, " is ", dtype, ", expected all f32 or all f64"));
    }
  }
  return Support::yes();
}

std::unique_ptr<Kernel> prepare_sgd(const OpQuery& query) {
  const std::size_t sets = query.attrs->get_double("momentum", 0) != 0 ? 3 : 2;
  return visit_float(query.inputs[kFirstParameter].dtype,
                     [&]<class T>() -> std::unique_ptr<Kernel> {
                       return std::make_unique<SgdKernel<T>>(query, sets);
                     });
}

std::unique_ptr<Kernel> prepare_adam(const OpQuery& query) {
  return visit_float(
      query.inputs[kFirstParameter].dtype,
      [&]<class T>() -> std::unique_ptr<Kernel> { return std::make_unique<AdamKernel<T>>(query); });
}

}  // namespace

void register_optimizer_updates(KernelTable& table) {
  table.add("SgdUpdate", "reference", support_update, prepare_sgd);
  table.add("AdamUpdate", "reference", support_update, prepare_adam);
}

}  // namespace temper::reference
