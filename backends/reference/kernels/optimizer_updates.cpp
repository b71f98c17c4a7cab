// The optimizers' updates: one plain loop per flat range, in place in the variables' memory.
#include "backends/common/optimizers/adam.h"
#include "backends/common/optimizers/adam_variants.h"
#include "backends/common/optimizers/adaptive.h"
#include "backends/common/optimizers/rmsprop.h"
#include "backends/common/optimizers/sgd.h"
#include "backends/common/optimizers/trust_ratio.h"
#include "backends/reference/update_kernel.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

struct PlainHost {
  static constexpr std::int64_t kChunk = std::int64_t{1} << 40;
  static constexpr const char* kDescription = "";
  static int threads(int, std::int64_t) { return 1; }
  template <class F>
  static void run(int, std::int64_t count, const F& f) {
    for (std::int64_t i = 0; i < count; ++i) {
      f(i);
    }
  }
  template <class U, class T>
  static void loop(const U& update, const UpdateSlice<T>& slice) {
    update_each(update, slice);
  }
  template <class U, class T>
  static UpdateSums measure(const U& update, const UpdateSlice<T>& slice) {
    return measure_each(update, slice);
  }
};

// The forms of one optimizer, one per set of states.
template <template <class> class... Forms>
void add(KernelTable& table, const char* op) {
  table.add(
      op, "reference", [](const OpQuery& query) { return supports_update(query, true); },
      [](const OpQuery& query) {
        return visit_float(query.inputs[kUpdateScalars].dtype, [&]<class T>() {
          return prepare_update<PlainHost, T, Forms...>(query);
        });
      });
}

}  // namespace

void register_optimizer_updates(KernelTable& table) {
  add<SgdUpdate, SgdMomentumUpdate>(table, "SgdUpdate");
  add<AdamUpdate, AdamAmsgradUpdate>(table, "AdamUpdate");
  add<RmspropUpdate, RmspropMomentumUpdate, RmspropCenteredUpdate, RmspropCenteredMomentumUpdate>(
      table, "RmspropUpdate");
  add<RadamUpdate>(table, "RadamUpdate");
  add<NadamUpdate>(table, "NadamUpdate");
  add<AdamaxUpdate>(table, "AdamaxUpdate");
  add<AdagradUpdate>(table, "AdagradUpdate");
  add<AdadeltaUpdate>(table, "AdadeltaUpdate");
  add<LionUpdate>(table, "LionUpdate");
  add<LambUpdate>(table, "LambUpdate");
  add<LarsUpdate>(table, "LarsUpdate");
}

}  // namespace temper::reference
