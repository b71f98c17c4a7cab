// A build without a math library: the products that recurrent layers and Muon ask it for.
#include "backends/cpu/blocked_product.h"
#include "backends/cpu/library_product.h"

namespace temper::cpu {

void run_product(int threads, const LibraryProduct& p) {
  const auto view = [](const float* data, std::int64_t row, bool transposed) {
    return transposed ? MatrixView{data, 1, row} : MatrixView{data, row, 1};
  };
  blocked_product(threads, {p.m, p.n, p.k, view(p.a, p.a_row, p.a_transposed),
                            view(p.b, p.b_row, p.b_transposed), p.alpha, p.beta, p.c, p.c_row});
}

}  // namespace temper::cpu
