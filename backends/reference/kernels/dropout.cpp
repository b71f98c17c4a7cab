// Dropout: a copy outside training; in training a mask drawn from Philox by sample position.
#include <cstring>

#include "backends/common/philox.h"
#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

Support support_identity(const OpQuery& query) {
  if (query.attrs->get_int("training_mode", 0) != 0 && query.attrs->get_double("ratio", 0.5) != 0) {
    return Support::no("training_mode=1 must be turned into DropoutTrain");
  }
  return Support::yes();
}

std::unique_ptr<Kernel> prepare_identity(const OpQuery& query) {
  const std::size_t elements = static_cast<std::size_t>(query.inputs[0].shape.element_count());
  const std::size_t bytes = elements * size_of(query.inputs[0].dtype);
  const bool wants_y = has_output(query, 0);
  const bool wants_mask = has_output(query, 1);
  return make_kernel([=](const KernelArgs& args) {
    if (wants_y) {
      std::memmove(args.outputs[0], args.inputs[0], bytes);
    }
    if (wants_mask) {
      std::memset(args.outputs[1], 1, elements);
    }
  });
}

struct DropoutPlan {
  std::int64_t elements = 0, per_sample = 1;
  double ratio = 0, scale = 0;
  PhiloxStream stream;
};

DropoutPlan plan_dropout(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const Shape& x = query.inputs[0].shape;
  const double ratio = attrs.get_double("ratio", 0.5);
  return {x.element_count(), x.rank() == 0 ? 1 : x.count(1, x.rank()), ratio,
          ratio < 1 ? 1.0 / (1.0 - ratio) : 0.0,
          PhiloxStream(static_cast<std::uint64_t>(attrs.get_int("seed", 0)),
                       static_cast<std::uint64_t>(attrs.get_int("random_id", 0)))};
}

template <class T>
void run_dropout(const DropoutPlan& p, const T* x, std::int64_t position, T* y, bool* mask) {
  const std::uint64_t first =
      static_cast<std::uint64_t>(position) * static_cast<std::uint64_t>(p.per_sample);
  for (std::int64_t i = 0; i < p.elements; ++i) {
    const std::uint32_t word = p.stream.word(first + static_cast<std::uint64_t>(i));
    const bool keep = static_cast<double>(philox_uniform(word)) >= p.ratio;
    if (y != nullptr) {
      y[i] = keep ? x[i] * static_cast<T>(p.scale) : T(0);
    }
    if (mask != nullptr) {
      mask[i] = keep;
    }
  }
}

std::unique_ptr<Kernel> prepare_train(const OpQuery& query) {
  const bool wants_y = has_output(query, 0);
  const bool wants_mask = has_output(query, 1);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=, plan = plan_dropout(query)](const KernelArgs& args) {
      run_dropout(plan, static_cast<const T*>(args.inputs[0]),
                  *static_cast<const std::int64_t*>(args.inputs[1]),
                  wants_y ? static_cast<T*>(args.outputs[0]) : nullptr,
                  wants_mask ? static_cast<bool*>(args.outputs[1]) : nullptr);
    });
  });
}

}  // namespace

void register_dropout(KernelTable& table) {
  table.add("Dropout", "reference", support_identity, prepare_identity);
  table.add(
      "DropoutTrain", "reference", [](const OpQuery& query) { return one_float_type(query, {0}); },
      prepare_train);
}

}  // namespace temper::reference
