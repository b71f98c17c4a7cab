// The optimizers' updates over f32 variables: neighbours in the flat buffers are joined when
// addresses are bound, and the whole update is one pass in chunks of 16384 elements. The moments of
// a parameter without gradient (behind a dead ReLU) would shrink until they are denormal, and stay
// so: here they stop before that, or are zeros.
#include <limits>

#include "backends/cpu/library_product.h"
#include "backends/cpu/optimizer_loops.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/processor.h"
#include "backends/host/matrix_updates.h"
#include "backends/host/optimizer_forms.h"
#include "backends/host/update_kernel.h"

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
    const FlushedDenormals flushed;
    update_loop(update, slice);
  }
  template <class U>
  static UpdateSums measure(const U& update, const UpdateSlice<float>& slice) {
    const FlushedDenormals flushed;
    return measure_loop(update, slice);
  }
  static void product(int threads, const MatrixProduct<float>& p) {
    run_product(threads,
                {p.m, p.n, p.k, p.a_transposed, p.b_transposed, p.a, p.a_transposed ? p.m : p.k,
                 p.b, p.b_transposed ? p.k : p.n, p.alpha, p.beta, p.c, p.n});
  }
};

Support supports(const OpQuery& query) {
  for (const double eps : query.attrs->get_doubles("eps")) {
    if (!(eps >= std::numeric_limits<float>::min())) {
      return Support::no("with so small an eps padding would become 0 / 0");
    }
  }
  return supports_update(query, false);
}

struct Adder {
  KernelTable& table;

  // The forms of one optimizer, one per set of states.
  template <template <class> class... Forms>
  void add(const char* op) const {
    table.add(op, "cpu", supports,
              [](const OpQuery& query) { return prepare_update<CpuHost, float, Forms...>(query); });
  }
};

template <template <class, class> class MatrixKernel>
void add_matrix_update(KernelTable& table, const char* op) {
  table.add(
      op, "cpu", [](const OpQuery& query) { return supports_update(query, false); },
      [](const OpQuery& query) -> std::unique_ptr<Kernel> {
        return std::make_unique<MatrixKernel<float, CpuHost>>(query);
      });
}

}  // namespace

void register_optimizer_updates(KernelTable& table) {
  add_optimizer_updates(Adder{table});
  add_matrix_update<MuonKernel>(table, "MuonUpdate");
  add_matrix_update<AdafactorMatrixKernel>(table, "AdafactorUpdate");
}

}  // namespace temper::cpu
