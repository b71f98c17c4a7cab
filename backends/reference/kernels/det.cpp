// Reference kernel of Det: elimination in double with the largest pivot of each column.
#include <cmath>
#include <utility>

#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

// Overwrites the matrix.
double determinant(double* a, std::int64_t n) {
  double det = 1;
  for (std::int64_t k = 0; k < n; ++k) {
    std::int64_t pivot = k;
    for (std::int64_t i = k + 1; i < n; ++i) {
      if (!(std::abs(a[i * n + k]) <= std::abs(a[pivot * n + k]))) {  // also NaN
        pivot = i;
      }
    }
    if (pivot != k) {
      for (std::int64_t j = k; j < n; ++j) {
        std::swap(a[k * n + j], a[pivot * n + j]);
      }
      det = -det;
    }
    const double head = a[k * n + k];
    det *= head;
    for (std::int64_t i = k + 1; i < n && head != 0; ++i) {
      const double factor = a[i * n + k] / head;
      for (std::int64_t j = k; j < n; ++j) {
        a[i * n + j] -= factor * a[k * n + j];
      }
    }
  }
  return det;
}

template <class T>
std::unique_ptr<Kernel> det_kernel(const OpQuery& query) {
  const Shape& x = query.inputs[0].shape;
  const std::int64_t n = x[x.rank() - 1];
  const std::int64_t count = query.outputs[0].shape.element_count();
  auto kernel = make_kernel([n, count](const KernelArgs& args) {
    const T* in = static_cast<const T*>(args.inputs[0]);
    T* y = static_cast<T*>(args.outputs[0]);
    double* a = static_cast<double*>(args.workspace);
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t k = 0; k < n * n; ++k) {
        a[k] = static_cast<double>(in[i * n * n + k]);
      }
      y[i] = static_cast<T>(determinant(a, n));
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(n * n) * sizeof(double);
  return kernel;
}

}  // namespace

void register_det(KernelTable& table) {
  add_float(table, "Det", []<class T>(const OpQuery& query) { return det_kernel<T>(query); });
}

}  // namespace temper::reference
