// The optimizers' updates over f32 variables: neighbours in the flat buffers are joined when
// addresses are bound, and the whole update is one pass in chunks of 16384 elements.
#include "backends/cpu/optimizer_loops.h"
#include "backends/cpu/parallel.h"
#include "backends/reference/update_kernel.h"

namespace temper::cpu {
namespace {

struct CpuHost {
  static constexpr std::int64_t kChunk = 16384;
  static constexpr const char* kDescription = "vector, flat";
  static int threads(int threads, std::int64_t elements) {
    return threads_for_elements(threads, elements);
  }
  template <class F>
  static void run(int threads, std::int64_t count, const F& f) {
    parallel_ranges(threads, count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        f(i);
      }
    });
  }
  template <class U>
  static void loop(const U& update, const UpdateSlice<float>& slice) {
    update_loop(update, slice);
  }
  template <class U>
  static UpdateSums measure(const U& update, const UpdateSlice<float>& slice) {
    return measure_loop(update, slice);
  }
};

Support supports(const OpQuery& query) {
  for (const double eps : query.attrs->get_doubles("eps")) {
    if (!(eps > 0)) {
      return Support::no("without eps padding would become 0 / 0");
    }
  }
  return supports_update(query, false);
}

// The forms of one optimizer, one per set of states.
template <template <class> class... Forms>
void add(KernelTable& table, const char* op) {
  table.add(op, "cpu", supports,
            [](const OpQuery& query) { return prepare_update<CpuHost, float, Forms...>(query); });
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

}  // namespace temper::cpu
