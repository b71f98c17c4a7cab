// CtcLoss and its gradient, sample by sample; see backends/host/ctc.h.
#include "backends/host/ctc.h"

#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"

namespace temper::reference {
namespace {

struct OneThread {
  static int threads(int /*wanted*/, double /*operations*/) { return 1; }
  template <class F>
  static void run(int /*threads*/, std::int64_t count, const F& f) {
    for (std::int64_t i = 0; i < count; ++i) {
      f(i, 0);
    }
  }
};

}  // namespace

void register_ctc(KernelTable& table) {
  table.add(
      "CtcLoss", "reference", [](const OpQuery& query) { return one_float_type(query, {0}); },
      ctc::prepare_loss<OneThread>);
  table.add(
      "CtcLossGrad", "reference",
      [](const OpQuery& query) { return one_float_type(query, {0, 3}); },
      ctc::prepare_gradient<OneThread>);
}

}  // namespace temper::reference
