// Reference kernels of Softmax, LogSoftmax, their gradients, and Hardmax; sums are kept in double.
#include <algorithm>
#include <cmath>

#include "backends/common/functors.h"
#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

// x: [outer, length, inner], the axis in the middle.
struct Rows {
  std::int64_t outer = 1;
  std::int64_t length = 1;
  std::int64_t inner = 1;

  explicit Rows(const OpQuery& query) {
    const Shape& shape = query.inputs[0].shape;
    const int axis = static_cast<int>(query.attrs->get_int("axis", -1));
    const int positive = axis < 0 ? axis + shape.rank() : axis;
    outer = shape.count(0, positive);
    length = shape[positive];
    inner = shape.count(positive + 1, shape.rank());
  }

  // Calls f(offset of the first element) for every row; elements of a row are `inner` apart.
  template <class F>
  void each(const F& f) const {
    for (std::int64_t o = 0; o < outer; ++o) {
      for (std::int64_t i = 0; i < inner; ++i) {
        f(o * length * inner + i);
      }
    }
  }
};

// log: LogSoftmax instead of Softmax
template <class T>
std::unique_ptr<Kernel> softmax_kernel(const OpQuery& query, bool log) {
  const Rows rows(query);
  auto kernel = make_kernel([rows, log](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    T* y = static_cast<T*>(args.outputs[0]);
    if (rows.length == 0) {
      return;
    }
    rows.each([&](std::int64_t first) {
      T largest = x[first];
      for (std::int64_t k = 1; k < rows.length; ++k) {
        largest = functors::Max{}(largest, x[first + k * rows.inner]);
      }
      double sum = 0;
      for (std::int64_t k = 0; k < rows.length; ++k) {
        sum += std::exp(static_cast<double>(x[first + k * rows.inner]) - largest);
      }
      const double log_sum = std::log(sum);
      for (std::int64_t k = 0; k < rows.length; ++k) {
        const std::int64_t at = first + k * rows.inner;
        const double shifted = static_cast<double>(x[at]) - largest;
        y[at] = static_cast<T>(log ? shifted - log_sum : std::exp(shifted) / sum);
      }
    });
  });
  kernel->inplace = {{0, 0}};
  return kernel;
}

// dx = y * (dy - sum(dy * y)), or dx = dy - exp(y) * sum(dy)
template <class T>
std::unique_ptr<Kernel> softmax_grad_kernel(const OpQuery& query, bool log) {
  const Rows rows(query);
  auto kernel = make_kernel([rows, log](const KernelArgs& args) {
    const T* dy = static_cast<const T*>(args.inputs[0]);
    const T* y = static_cast<const T*>(args.inputs[1]);
    T* dx = static_cast<T*>(args.outputs[0]);
    rows.each([&](std::int64_t first) {
      double sum = 0;
      for (std::int64_t k = 0; k < rows.length; ++k) {
        const std::int64_t at = first + k * rows.inner;
        sum += log ? static_cast<double>(dy[at]) : static_cast<double>(dy[at]) * y[at];
      }
      for (std::int64_t k = 0; k < rows.length; ++k) {
        const std::int64_t at = first + k * rows.inner;
        const double out = static_cast<double>(y[at]);
        const double dout = static_cast<double>(dy[at]);
        dx[at] = static_cast<T>(log ? dout - std::exp(out) * sum : out * (dout - sum));
      }
    });
  });
  kernel->inplace = {{0, 0}, {0, 1}};
  return kernel;
}

// 1 at the first largest element of each row; NaN is larger than every number (NumPy).
template <class T>
std::unique_ptr<Kernel> hardmax_kernel(const OpQuery& query) {
  const Rows rows(query);
  return make_kernel([rows](const KernelArgs& args) {
    const T* x = static_cast<const T*>(args.inputs[0]);
    T* y = static_cast<T*>(args.outputs[0]);
    rows.each([&](std::int64_t first) {
      std::int64_t best = 0;
      for (std::int64_t k = 1; k < rows.length; ++k) {
        const T largest = x[first + best * rows.inner];
        const T challenger = x[first + k * rows.inner];
        best = challenger > largest || (std::isnan(challenger) && !std::isnan(largest)) ? k : best;
      }
      for (std::int64_t k = 0; k < rows.length; ++k) {
        y[first + k * rows.inner] = k == best ? T(1) : T(0);
      }
    });
  });
}

}  // namespace

void register_softmax(KernelTable& table) {
  add_float(table, "Hardmax",
            []<class T>(const OpQuery& query) { return hardmax_kernel<T>(query); });
  for (const bool log : {false, true}) {
    const std::string name = log ? "LogSoftmax" : "Softmax";
    add_float(table, name,
              [log]<class T>(const OpQuery& query) { return softmax_kernel<T>(query, log); });
    add_float(table, name + "Grad",
              [log]<class T>(const OpQuery& query) { return softmax_grad_kernel<T>(query, log); });
  }
}

}  // namespace temper::reference
