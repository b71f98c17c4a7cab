// MatMul, Gemm and LinearGradWeights: plain loops; floats are summed in double, integers modulo
// 2^64.
#include <type_traits>

#include "backends/host/matmul_batches.h"
#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/rectifier.h"

namespace temper::reference {
namespace {

// Wide enough for a sum of products of T.
template <class T>
using Wide = std::conditional_t<std::is_floating_point_v<T>, double, std::uint64_t>;

// A matrix or its transpose, as steps in elements.
struct MatrixView {
  std::int64_t row_step = 0;
  std::int64_t column_step = 0;
};

template <class T>
Wide<T> dot(const T* a, MatrixView va, const T* b, MatrixView vb, std::int64_t inner,
            std::int64_t row, std::int64_t column) {
  Wide<T> sum = 0;
  for (std::int64_t k = 0; k < inner; ++k) {
    sum += static_cast<Wide<T>>(a[row * va.row_step + k * va.column_step]) *
           static_cast<Wide<T>>(b[k * vb.row_step + column * vb.column_step]);
  }
  return sum;
}

struct BatchedMatMul {
  std::int64_t rows = 1, inner = 1, columns = 1;
  MatMulBatches batches;
  Rectifier rectifier;
};

BatchedMatMul plan_matmul(const OpQuery& query) {
  const Shape& a_given = query.inputs[0].shape;
  const Shape& b_given = query.inputs[1].shape;
  const Shape a = a_given.rank() == 1 ? Shape{1, a_given[0]} : a_given;
  const Shape b = b_given.rank() == 1 ? Shape{b_given[0], 1} : b_given;
  BatchedMatMul plan;
  plan.rows = a[a.rank() - 2];
  plan.inner = a[a.rank() - 1];
  plan.columns = b[b.rank() - 1];
  plan.rectifier = rectifier_of(*query.attrs);
  plan.batches = MatMulBatches(a, b);
  return plan;
}

template <class T>
void run_matmul(const BatchedMatMul& plan, const T* a, const T* b, T* y) {
  const MatrixView va{plan.inner, 1};
  const MatrixView vb{plan.columns, 1};
  for (std::int64_t batch = 0; batch < plan.batches.count(); ++batch) {
    const auto [a_matrix, b_matrix] = plan.batches.operands(batch);
    const T* a_at = a + a_matrix * plan.rows * plan.inner;
    const T* b_at = b + b_matrix * plan.inner * plan.columns;
    for (std::int64_t i = 0; i < plan.rows; ++i) {
      for (std::int64_t j = 0; j < plan.columns; ++j) {
        *y++ = plan.rectifier(static_cast<T>(dot(a_at, va, b_at, vb, plan.inner, i, j)));
      }
    }
  }
}

std::unique_ptr<Kernel> prepare_matmul(const OpQuery& query) {
  return visit_numeric(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([plan = plan_matmul(query)](const KernelArgs& args) {
      run_matmul(plan, static_cast<const T*>(args.inputs[0]), static_cast<const T*>(args.inputs[1]),
                 static_cast<T*>(args.outputs[0]));
    });
  });
}

struct GemmPlan {
  std::int64_t rows = 0, inner = 0, columns = 0;
  MatrixView a, b, c;
  double alpha = 1, beta = 1;
  bool has_c = false;
  Rectifier rectifier;
};

GemmPlan plan_gemm(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const Shape& a = query.inputs[0].shape;
  const Shape& b = query.inputs[1].shape;
  const bool trans_a = attrs.get_int("transA", 0) != 0;
  const bool trans_b = attrs.get_int("transB", 0) != 0;
  GemmPlan plan;
  plan.rows = a[trans_a ? 1 : 0];
  plan.inner = a[trans_a ? 0 : 1];
  plan.columns = b[trans_b ? 0 : 1];
  plan.a = trans_a ? MatrixView{1, a[1]} : MatrixView{a[1], 1};
  plan.b = trans_b ? MatrixView{1, b[1]} : MatrixView{b[1], 1};
  plan.alpha = attrs.get_double("alpha", 1);
  plan.beta = attrs.get_double("beta", 1);
  plan.rectifier = rectifier_of(attrs);
  plan.has_c = has_input(query, 2);
  if (plan.has_c) {
    const Shape& c = query.inputs[2].shape;
    const std::int64_t c_columns = c.rank() == 0 ? 1 : c[c.rank() - 1];
    const std::int64_t c_rows = c.rank() < 2 ? 1 : c[0];
    plan.c = {c_rows == 1 ? 0 : c_columns, c_columns == 1 ? 0 : 1};
  }
  return plan;
}

template <class T>
Wide<T> scaled(Wide<T> value, double factor) {
  if constexpr (std::is_floating_point_v<T>) {
    return value * factor;
  } else if (factor == 1) {
    return value;
  } else {
    return static_cast<Wide<T>>(
        static_cast<std::int64_t>(static_cast<double>(static_cast<std::int64_t>(value)) * factor));
  }
}

template <class T>
void run_gemm(const GemmPlan& plan, const T* a, const T* b, const T* c, T* y) {
  for (std::int64_t i = 0; i < plan.rows; ++i) {
    for (std::int64_t j = 0; j < plan.columns; ++j) {
      Wide<T> sum = scaled<T>(dot(a, plan.a, b, plan.b, plan.inner, i, j), plan.alpha);
      if (plan.has_c) {
        sum += scaled<T>(static_cast<Wide<T>>(c[i * plan.c.row_step + j * plan.c.column_step]),
                         plan.beta);
      }
      *y++ = plan.rectifier(static_cast<T>(sum));
    }
  }
}

std::unique_ptr<Kernel> prepare_gemm(const OpQuery& query) {
  return visit_numeric(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([plan = plan_gemm(query)](const KernelArgs& args) {
      run_gemm(plan, static_cast<const T*>(args.inputs[0]), static_cast<const T*>(args.inputs[1]),
               plan.has_c ? static_cast<const T*>(args.inputs[2]) : nullptr,
               static_cast<T*>(args.outputs[0]));
    });
  });
}

struct LinearGradPlan {
  std::int64_t rows = 0, inputs = 0, outputs = 0;
  bool transposed = false;
};

// dw[k, n] = sum_m x[m, k] dy[m, n], stored as [n, k] when transposed;  db[n] = sum_m dy[m, n]
template <class T>
void run_linear_grad(const LinearGradPlan& plan, const T* x, const T* dy, T* dw, T* db) {
  const MatrixView x_transposed{1, plan.inputs};
  const MatrixView dy_plain{plan.outputs, 1};
  for (std::int64_t k = 0; dw != nullptr && k < plan.inputs; ++k) {
    for (std::int64_t n = 0; n < plan.outputs; ++n) {
      const double sum = dot(x, x_transposed, dy, dy_plain, plan.rows, k, n);
      dw[plan.transposed ? n * plan.inputs + k : k * plan.outputs + n] = static_cast<T>(sum);
    }
  }
  for (std::int64_t n = 0; db != nullptr && n < plan.outputs; ++n) {
    double sum = 0;
    for (std::int64_t m = 0; m < plan.rows; ++m) {
      sum += static_cast<double>(dy[m * plan.outputs + n]);
    }
    db[n] = static_cast<T>(sum);
  }
}

std::unique_ptr<Kernel> prepare_linear_grad(const OpQuery& query) {
  const LinearGradPlan plan{query.inputs[0].shape[0], query.inputs[0].shape[1],
                            query.inputs[1].shape[1], query.attrs->get_int("trans_w", 0) != 0};
  const bool wants_w = has_output(query, 0);
  const bool wants_b = has_output(query, 1);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      run_linear_grad(plan, static_cast<const T*>(args.inputs[0]),
                      static_cast<const T*>(args.inputs[1]),
                      wants_w ? static_cast<T*>(args.outputs[0]) : nullptr,
                      wants_b ? static_cast<T*>(args.outputs[1]) : nullptr);
    });
  });
}

}  // namespace

void register_matmul(KernelTable& table) {
  table.add("MatMul", "reference", numeric_type, prepare_matmul);
  table.add("Gemm", "reference", numeric_type, prepare_gemm);
  table.add(
      "LinearGradWeights", "reference",
      [](const OpQuery& query) { return one_float_type(query, {0, 1}); }, prepare_linear_grad);
}

}  // namespace temper::reference
