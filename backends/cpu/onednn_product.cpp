// The products of library_product.h by oneDNN.
#include <oneapi/dnnl/dnnl.h>

#include "backends/cpu/library_calls.h"
#include "backends/cpu/library_product.h"
#include "backends/cpu/parallel.h"
#include "runtime/base/error.h"

namespace temper::cpu {

void run_product(int threads, const LibraryProduct& p) {
  const ThreadCountScope scope(threads);
  const LibraryCall call;
  const dnnl_status_t status =
      dnnl_sgemm(p.a_transposed ? 'T' : 'N', p.b_transposed ? 'T' : 'N', p.m, p.n, p.k, p.alpha,
                 p.a, p.a_row, p.b, p.b_row, p.beta, p.c, p.c_row);
  TEMPER_CHECK(status == dnnl_success, ErrorCode::kDevice, "oneDNN's sgemm of ", p.m, " x ", p.k,
               " by ", p.k, " x ", p.n, " gave status ", static_cast<int>(status));
}

}  // namespace temper::cpu
