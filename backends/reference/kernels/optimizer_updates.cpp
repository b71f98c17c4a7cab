// The optimizers' updates: one plain loop per flat range, in place in the variables' memory.
#include "backends/host/matrix_updates.h"
#include "backends/host/optimizer_forms.h"
#include "backends/host/update_kernel.h"
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
  template <class T>
  static void product(int, const MatrixProduct<T>& product) {
    const auto [a, b, c, m, n, k, a_transposed, b_transposed, alpha, beta] = product;
    for (std::int64_t i = 0; i < m; ++i) {
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < k; ++l) {
          sum += static_cast<double>(a_transposed ? a[l * m + i] : a[i * k + l]) *
                 static_cast<double>(b_transposed ? b[j * k + l] : b[l * n + j]);
        }
        T& out = c[i * n + j];
        // beta 0 must not read what was never written.
        out = static_cast<T>(static_cast<double>(alpha) * sum +
                             (beta == T(0) ? 0.0 : static_cast<double>(beta * out)));
      }
    }
  }
};

struct Adder {
  KernelTable& table;

  // The forms of one optimizer, one per set of states.
  template <template <class> class... Forms>
  void add(const char* op) const {
    table.add(
        op, "reference", [](const OpQuery& query) { return supports_update(query, true); },
        [](const OpQuery& query) {
          return visit_float(query.inputs[UpdateLayout::kScalars].dtype, [&]<class T>() {
            return prepare_update<PlainHost, T, Forms...>(query);
          });
        });
  }
};

template <template <class, class> class MatrixKernel>
void add_matrix_update(KernelTable& table, const char* op) {
  table.add(
      op, "reference", [](const OpQuery& query) { return supports_update(query, true); },
      [](const OpQuery& query) {
        return visit_float(query.inputs[UpdateLayout::kScalars].dtype,
                           [&]<class T>() -> std::unique_ptr<Kernel> {
                             return std::make_unique<MatrixKernel<T, PlainHost>>(query);
                           });
      });
}

}  // namespace

void register_optimizer_updates(KernelTable& table) {
  add_optimizer_updates(Adder{table});
  add_matrix_update<MuonKernel>(table, "MuonUpdate");
  add_matrix_update<AdafactorMatrixKernel>(table, "AdafactorUpdate");
}

}  // namespace temper::reference
