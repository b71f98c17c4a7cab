// CtcLoss and its gradient, f32, the samples of a batch spread over threads.
#include "backends/host/ctc.h"

#include <omp.h>

#include "backends/cpu/parallel.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"

namespace temper::cpu {
namespace {

struct Samples {
  static int threads(int wanted, double operations) {
    return threads_for_flops(wanted, operations);
  }
  template <class F>
  static void run(int threads, std::int64_t count, const F& f) {
    parallel_ranges(threads, count, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        f(i, omp_get_thread_num());
      }
    });
  }
};

Support supports(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 ? Support::yes()
                                  : Support::no(concat("input 0 is ", dtype, ", not f32"));
}

}  // namespace

void register_ctc(KernelTable& table) {
  table.add("CtcLoss", "cpu", supports, ctc::prepare_loss<Samples>);
  table.add("CtcLossGrad", "cpu", supports, ctc::prepare_gradient<Samples>);
}

}  // namespace temper::cpu
