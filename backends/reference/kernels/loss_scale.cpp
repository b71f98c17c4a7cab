// LossScaleUpdate: products in double, rounded once to f32, as PyTorch's kernel.
#include <algorithm>
#include <cmath>

#include "runtime/backend/kernel_table.h"

namespace temper::reference {
namespace {

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const double growth = query.attrs->get_double("growth_factor", 2.0);
  const double backoff = query.attrs->get_double("backoff_factor", 0.5);
  const std::int64_t interval = query.attrs->get_int("growth_interval", 2000);
  const auto least = static_cast<float>(query.attrs->get_double("min_scale", 1.0));
  return make_kernel([=](const KernelArgs& args) {
    const float scale = *static_cast<const float*>(args.inputs[0]);
    const std::int64_t tracker = *static_cast<const std::int64_t*>(args.inputs[1]);
    const bool finite = *static_cast<const bool*>(args.inputs[2]);
    float next = scale;
    std::int64_t clean = 0;
    if (!finite) {
      next = std::max(static_cast<float>(scale * backoff), least);
    } else if (tracker + 1 == interval) {
      const auto grown = static_cast<float>(scale * growth);
      next = std::isfinite(grown) ? grown : scale;
    } else {
      clean = tracker + 1;
    }
    *static_cast<float*>(args.outputs[0]) = next;
    *static_cast<std::int64_t*>(args.outputs[1]) = clean;
  });
}

}  // namespace

void register_loss_scale(KernelTable& table) {
  table.add("LossScaleUpdate", "reference", {}, prepare);
}

}  // namespace temper::reference
