// Gemm, MatMul and LinearGradWeights in f32 by our own products: where the library has nothing but
// its reference code, and in builds without it.
#include <algorithm>
#include <optional>

#include "backends/cpu/blocked_product.h"
#include "backends/cpu/channel_groups.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/product_loops.h"
#include "backends/cpu/refusals.h"
#include "backends/host/matmul_batches.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

MatrixView view(const void* data, std::int64_t columns, bool transposed) {
  const auto* at = static_cast<const float*>(data);
  return transposed ? MatrixView{at, 1, columns} : MatrixView{at, columns, 1};
}

double flops_of(std::int64_t m, std::int64_t n, std::int64_t k) {
  return 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
}

void rectify(const Rectifier& rectifier, int threads, float* y, std::int64_t count) {
  if (rectifier.on) {
    parallel_ranges(threads, count, 16, [&](std::int64_t begin, std::int64_t end) {
      finish_rows(rectifier, nullptr, y + begin, 1, 0, end - begin);
    });
  }
}

struct GemmPlan {
  std::int64_t m = 0, n = 0, k = 0;
  bool a_transposed = false, b_transposed = false, has_c = false;
  float alpha = 1, beta = 1;
  std::int64_t c_row = 0, c_column = 0;  // steps of C; 0 where it is repeated
  Rectifier rectifier;
  int threads = 1;
};

GemmPlan plan_gemm(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const Shape &a = query.inputs[0].shape, &y = query.outputs[0].shape;
  GemmPlan plan;
  plan.a_transposed = attrs.get_int("transA", 0) != 0;
  plan.b_transposed = attrs.get_int("transB", 0) != 0;
  plan.m = y[0];
  plan.n = y[1];
  plan.k = a[plan.a_transposed ? 0 : 1];
  plan.alpha = static_cast<float>(attrs.get_double("alpha", 1));
  plan.beta = static_cast<float>(attrs.get_double("beta", 1));
  plan.has_c = has_input(query, 2) && plan.beta != 0;
  if (plan.has_c) {
    const Shape& c = query.inputs[2].shape;
    const std::int64_t columns = c.rank() == 0 ? 1 : c[c.rank() - 1];
    plan.c_row = c.rank() < 2 || c[0] == 1 ? 0 : columns;
    plan.c_column = columns == 1 ? 0 : 1;
  }
  plan.rectifier = rectifier_of(attrs);
  plan.threads = threads_for_flops(query.threads, flops_of(plan.m, plan.n, plan.k));
  return plan;
}

// y = beta C in every place
void spread(const GemmPlan& p, const float* c, float* y) {
  for (std::int64_t i = 0; i < p.m; ++i, c += p.c_row, y += p.n) {
    if (p.c_column == 0) {
      std::fill_n(y, p.n, p.beta * *c);
    } else {
      std::transform(c, c + p.n, y, [&](float x) { return p.beta * x; });
    }
  }
}

std::unique_ptr<Kernel> prepare_gemm(const OpQuery& query) {
  auto kernel = make_kernel([p = plan_gemm(query)](const KernelArgs& args) {
    auto* y = static_cast<float*>(args.outputs[0]);
    if (p.has_c) {
      spread(p, static_cast<const float*>(args.inputs[2]), y);
    }
    blocked_product(
        p.threads, {p.m, p.n, p.k, view(args.inputs[0], p.a_transposed ? p.m : p.k, p.a_transposed),
                    view(args.inputs[1], p.b_transposed ? p.k : p.n, p.b_transposed), p.alpha,
                    p.has_c ? 1.0f : 0.0f, y, p.n});
    rectify(p.rectifier, p.threads, y, p.m * p.n);
  });
  kernel->description = "panels";
  return kernel;
}

// numpy's rules: a 1-D operand gains an axis; where b is one matrix, a's rows of all batches are
// one matrix.
struct MatMulPlan {
  std::int64_t m = 1, n = 1, k = 1;
  MatMulBatches batches;
  Rectifier rectifier;
  int threads = 1;
};

MatMulPlan plan_matmul(const OpQuery& query) {
  const Shape &a = query.inputs[0].shape, &b = query.inputs[1].shape;
  MatMulPlan plan;
  plan.k = a[a.rank() - 1];
  plan.n = b.rank() == 1 ? 1 : b[b.rank() - 1];
  plan.rectifier = rectifier_of(*query.attrs);
  if (b.rank() <= 2) {
    plan.m = a.count(0, a.rank() - 1);
  } else {
    plan.m = a.rank() == 1 ? 1 : a[a.rank() - 2];
    plan.batches = MatMulBatches(a, b);
  }
  plan.threads = threads_for_flops(
      query.threads, static_cast<double>(plan.batches.count()) * flops_of(plan.m, plan.n, plan.k));
  return plan;
}

void multiply_batch(const MatMulPlan& p, std::int64_t at, int threads, const KernelArgs& args) {
  const auto [a, b] = p.batches.operands(at);
  blocked_product(
      threads,
      {p.m, p.n, p.k, view(static_cast<const float*>(args.inputs[0]) + a * p.m * p.k, p.k, false),
       view(static_cast<const float*>(args.inputs[1]) + b * p.k * p.n, p.n, false), 1, 0,
       static_cast<float*>(args.outputs[0]) + at * p.m * p.n, p.n});
}

std::unique_ptr<Kernel> prepare_matmul(const OpQuery& query) {
  auto kernel = make_kernel([p = plan_matmul(query)](const KernelArgs& args) {
    const std::int64_t batches = p.batches.count();
    if (batches < 2 * p.threads) {
      for (std::int64_t i = 0; i < batches; ++i) {
        multiply_batch(p, i, p.threads, args);
      }
    } else {
      parallel_ranges(p.threads, batches, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          multiply_batch(p, i, 1, args);
        }
      });
    }
    rectify(p.rectifier, p.threads, static_cast<float*>(args.outputs[0]), batches * p.m * p.n);
  });
  kernel->description = "panels";
  return kernel;
}

// inputs: x [M, K], dy [M, N]; outputs: dw = x^T dy or its transpose, db
std::unique_ptr<Kernel> prepare_gradient(const OpQuery& query) {
  const Shape& dy = query.inputs[1].shape;
  const std::int64_t m = dy[0], n = dy[1], k = query.inputs[0].shape[1];
  const bool transposed = query.attrs->get_int("trans_w", 0) != 0;
  const int threads = threads_for_flops(query.threads, flops_of(m, n, k));
  const auto bias = has_output(query, 1) ? groups_of(dy, {}) : std::nullopt;
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const void *x = args.inputs[0], *gradient = args.inputs[1];
    auto* dw = static_cast<float*>(args.outputs[0]);
    if (transposed) {
      blocked_product(threads, {n, k, m, view(gradient, n, true), view(x, k, false), 1, 0, dw, k});
    } else {
      blocked_product(threads, {k, n, m, view(x, k, true), view(gradient, n, false), 1, 0, dw, n});
    }
    if (bias) {
      sum_channels(*bias, threads, static_cast<const float*>(gradient),
                   static_cast<LaneMoments*>(args.workspace), static_cast<float*>(args.outputs[1]));
    }
  });
  if (bias) {
    kernel->workspace_bytes = static_cast<std::size_t>(sum_parts(*bias)) * sizeof(LaneMoments);
  }
  kernel->description = "panels";
  return kernel;
}

Support supports(const OpQuery& query) {
  std::string reason = refuse_dtypes(query);
  if (reason.empty() && (query.inputs[0].shape.rank() == 0 || query.inputs[1].shape.rank() == 0)) {
    reason = "a scalar operand";
  }
  return support_from(reason);
}

Support supports_gradient(const OpQuery& query) {
  return has_output(query, 0) ? supports(query)
                              : Support::no("without dw there is nothing for a product to do");
}

}  // namespace

void register_product_linear(KernelTable& table) {
  table.add("Gemm", "cpu", supports, prepare_gemm);
  table.add("MatMul", "cpu", supports, prepare_matmul);
  table.add("LinearGradWeights", "cpu", supports_gradient, prepare_gradient);
}

}  // namespace temper::cpu
