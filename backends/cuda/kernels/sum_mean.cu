// A thread per element adds up in double, from the first tensor on.
#include <type_traits>

#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/kernels/sum_mean.h"

namespace temper::cuda {
namespace {

template <class T>
__global__ void __launch_bounds__(kBlock) terms_kernel(const Terms terms, double* sums, T* y) {
  const std::int64_t i = thread_number();
  if (i >= terms.places.count) {
    return;
  }
  // Begins with the term itself: 0 + -0 would be 0.
  double sum = terms.first ? -0.0 : sums[i];
  for (int n = 0; n < terms.count; ++n) {
    sum += static_cast<double>(static_cast<const T*>(terms.x[n])[terms.places.find(i, n)]);
  }
  if (terms.last) {
    using Value = std::conditional_t<std::is_same_v<T, double>, double, float>;
    y[i] = static_cast<Value>(sum / terms.divisor);
  } else {
    sums[i] = sum;
  }
}

}  // namespace

void add_terms(const Terms& terms, DType dtype, double* sums, void* y, StreamHandle stream) {
  const auto run = [&]<class T>(T) {
    launch_elements(terms_kernel<T>, terms.places.count, stream, terms, sums, static_cast<T*>(y));
  };
  if (dtype == DType::kFloat64) {
    run(double{});
  } else {
    visit_stored(dtype, run);
  }
}

}  // namespace temper::cuda
