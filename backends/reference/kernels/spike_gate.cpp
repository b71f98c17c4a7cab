// SpikeGate.
#include "backends/common/spike_gate.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"

namespace temper::reference {
namespace {

// The two elements in the middle, of an odd count one.
template <class T>
std::pair<T, T> middle_of(std::vector<T> sorted) {
  std::sort(sorted.begin(), sorted.end());
  return {sorted[(sorted.size() - 1) / 2], sorted[sorted.size() / 2]};
}

// The window may be written where it is read.
template <class T>
void gate(const KernelArgs& args, std::size_t count, double factor) {
  const auto* window = static_cast<const T*>(args.inputs[0]);
  auto* next = static_cast<T*>(args.outputs[2]);
  const T value = *static_cast<const T*>(args.inputs[1]);
  const bool ok = *static_cast<const bool*>(args.inputs[2]);
  const std::vector<T> before(window, window + count);
  bool spike = false;
  if (std::isfinite(before.front())) {
    const auto [low, high] = middle_of(before);
    spike = is_spike(value, low, high, factor);
  }
  std::copy(before.begin(), before.end(), next);
  if (ok && !spike && std::isfinite(value)) {
    std::copy(before.begin() + 1, before.end(), next);
    next[count - 1] = value;
  }
  *static_cast<bool*>(args.outputs[0]) = ok && !spike;
  *static_cast<bool*>(args.outputs[1]) = spike;
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const double factor = query.attrs->get_double("factor", 0);
  const auto count = static_cast<std::size_t>(query.inputs[0].shape.element_count());
  if (query.inputs[0].dtype == DType::kFloat64) {
    return make_kernel([=](const KernelArgs& args) { gate<double>(args, count, factor); });
  }
  return make_kernel([=](const KernelArgs& args) { gate<float>(args, count, factor); });
}

Support supports(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 || dtype == DType::kFloat64
             ? Support::yes()
             : Support::no(concat("only f32 and f64, not ", dtype));
}

}  // namespace

void register_spike_gate(KernelTable& table) {
  table.add("SpikeGate", "reference", supports, prepare);
}

}  // namespace temper::reference
