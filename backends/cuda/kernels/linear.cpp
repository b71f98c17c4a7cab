// MatMul, Gemm and LinearGradWeights: products by cuBLASLt. A broadcast addend that is no row of
// biases is written first and the product added to it: in f32 only, for it would be rounded.
#include "backends/cuda/kernels/linear.h"

#include <algorithm>
#include <vector>

#include "backends/cuda/cublas_support.h"
#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/reduce.h"
#include "backends/cuda/kernels/strided_copies.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

// Nothing to add up: the product is zero, and no library takes it.
bool is_empty(const MatMulProblem& p) { return p.m == 0 || p.n == 0 || p.k == 0 || p.batch == 0; }

// ---------------------------------------------------------------- Gemm

MatMulProblem gemm_problem(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const Shape& a = query.inputs[0].shape;
  const Shape& b = query.inputs[1].shape;
  MatMulProblem p;
  p.transpose_a = attrs.get_int("transA", 0) != 0;
  p.transpose_b = attrs.get_int("transB", 0) != 0;
  p.m = a[p.transpose_a ? 1 : 0];
  p.k = a[p.transpose_a ? 0 : 1];
  p.n = b[p.transpose_b ? 0 : 1];
  p.alpha = static_cast<float>(attrs.get_double("alpha", 1));
  p.dtype = p.c_dtype = query.inputs[0].dtype;
  p.tf32 = query.tf32;
  return p;
}

// The addend is a row of biases, which the product adds itself.
bool adds_bias(const OpQuery& query, const MatMulProblem& p) {
  const Shape& c = query.inputs[2].shape;
  return query.attrs->get_double("beta", 1) == 1 && !is_empty(p) && c.rank() > 0 &&
         c.element_count() == p.n && c[c.rank() - 1] == p.n;
}

Support supports_gemm(const OpQuery& query) {
  const Support types = one_float_type(query);
  const DType dtype = query.inputs[0].dtype;
  if (types.ok && dtype != DType::kFloat32 && has_input(query, 2) &&
      !adds_bias(query, gemm_problem(query))) {
    return Support::no(concat("an addend in ", dtype, " that is no bias"));
  }
  return types;
}

// y = alpha op(a) op(b) + beta c, relu
class GemmKernel final : public Kernel {
 public:
  explicit GemmKernel(const OpQuery& query) : dtype_(query.inputs[0].dtype) {
    MatMulProblem p = gemm_problem(query);
    elements_ = p.m * p.n;
    relu_ = query.attrs->get_int("relu", 0) != 0;
    if (has_input(query, 2)) {
      take_addend(query, p);
    }
    if (!is_empty(p)) {
      plan_ = plan_matmul(p);
      workspace_bytes = plan_->workspace_bytes;
      description = plan_->description;
    }
  }

  void run(const KernelArgs& args) const override {
    const StreamHandle stream = handle_of(args.stream);
    const void* c = adds_ ? args.inputs[2] : nullptr;
    void* y = args.outputs[0];
    if (adds_ && !is_bias_) {
      scale_broadcast(addend_, static_cast<const float*>(c), beta_, static_cast<float*>(y), stream);
    } else if (plan_ == nullptr) {
      fill_elements(size_of(dtype_), 0, y, elements_, stream);
    }
    if (plan_ != nullptr) {
      plan_->run({args.inputs[0], args.inputs[1], is_bias_ ? c : nullptr, y}, args.workspace,
                 stream);
    }
    if (relu_) {
      rectify(dtype_, y, elements_, stream);
    }
  }

 private:
  void take_addend(const OpQuery& query, MatMulProblem& p) {
    const Shape& c = query.inputs[2].shape;
    adds_ = true;
    beta_ = static_cast<float>(query.attrs->get_double("beta", 1));
    is_bias_ = adds_bias(query, p);
    if (is_bias_) {
      p.epilogue = relu_ ? Epilogue::kBiasRelu : Epilogue::kBias;
      relu_ = false;
    } else {
      set_axes(addend_, broadcast_axes(Shape{p.m, p.n}, {c}));
      p.beta = 1;
    }
  }

  std::unique_ptr<MatMulPlan> plan_;
  Places<1> addend_;
  std::int64_t elements_ = 0;
  float beta_ = 1;
  DType dtype_;
  bool adds_ = false, is_bias_ = false, relu_ = false;
};

// ---------------------------------------------------------------- MatMul

// Leading axes of the batch that both operands walk in step are one product of the library; those
// further out are products of their own.
struct BatchedProduct {
  MatMulProblem problem;
  struct Call {
    std::int64_t a, b, c;  // first elements
  };
  std::vector<Call> calls;
};

BatchedProduct plan_batches(const OpQuery& query) {
  const Shape& a_given = query.inputs[0].shape;
  const Shape& b_given = query.inputs[1].shape;
  const Shape a = a_given.rank() == 1 ? Shape{1, a_given[0]} : a_given;
  const Shape b = b_given.rank() == 1 ? Shape{b_given[0], 1} : b_given;
  BatchedProduct made;
  MatMulProblem& p = made.problem;
  p.dtype = p.c_dtype = query.inputs[0].dtype;
  p.tf32 = query.tf32;
  p.m = a[a.rank() - 2];
  p.k = a[a.rank() - 1];
  p.n = b[b.rank() - 1];
  Shape a_batch, b_batch, y_batch;
  const int rank = std::max(a.rank(), b.rank()) - 2;
  for (int i = 0; i < rank; ++i) {
    const int from_end = rank - i;  // 1: the last batch axis
    const std::int64_t of_a = from_end <= a.rank() - 2 ? a[a.rank() - 2 - from_end] : 1;
    const std::int64_t of_b = from_end <= b.rank() - 2 ? b[b.rank() - 2 - from_end] : 1;
    a_batch.push_back(of_a);
    b_batch.push_back(of_b);
    y_batch.push_back(of_a == 1 ? of_b : of_a);
  }
  std::vector<WalkAxis> axes = joined_axes(broadcast_axes(y_batch, {a_batch, b_batch, y_batch}));
  if (axes.size() == 1 && axes[0].steps[0] == 1 && axes[0].steps[1] == 0) {
    p.m *= axes[0].size;  // one matrix b for all of a: rows of one product
    axes.clear();
  }
  if (!axes.empty()) {
    p.batch = axes.back().size;
    p.stride_a = axes.back().steps[0] * p.m * p.k;
    p.stride_b = axes.back().steps[1] * p.k * p.n;
    p.stride_c = axes.back().steps[2] * p.m * p.n;
    axes.pop_back();
  }
  Places<3> outer;
  set_axes(outer, axes);
  for (std::int64_t i = 0; i < outer.count; ++i) {
    made.calls.push_back(
        {outer.find(i, 0) * p.m * p.k, outer.find(i, 1) * p.k * p.n, outer.find(i, 2) * p.m * p.n});
    p.begin_at_multiples_of(made.calls.back().a);
    p.begin_at_multiples_of(made.calls.back().b);
    p.begin_at_multiples_of(made.calls.back().c);
  }
  return made;
}

class MatMulKernel final : public Kernel {
 public:
  explicit MatMulKernel(const OpQuery& query)
      : product_(plan_batches(query)),
        elements_(query.outputs[0].shape.element_count()),
        relu_(query.attrs->get_int("relu", 0) != 0) {
    kept_bytes = product_.calls.size() * sizeof(BatchedProduct::Call);
    if (elements_ > 0 && !is_empty(product_.problem)) {
      plan_ = plan_matmul(product_.problem);
      workspace_bytes = plan_->workspace_bytes;
      description = plan_->description;
    }
  }

  void run(const KernelArgs& args) const override {
    const StreamHandle stream = handle_of(args.stream);
    const auto* a = input<std::byte>(args, 0);
    const auto* b = input<std::byte>(args, 1);
    auto* y = output<std::byte>(args, 0);
    const DType dtype = product_.problem.dtype;
    const auto bytes = static_cast<std::int64_t>(size_of(dtype));
    if (plan_ == nullptr) {
      fill_elements(size_of(dtype), 0, y, elements_, stream);
      return;
    }
    for (const BatchedProduct::Call& call : product_.calls) {
      plan_->run({a + call.a * bytes, b + call.b * bytes, nullptr, y + call.c * bytes},
                 args.workspace, stream);
    }
    if (relu_) {
      rectify(dtype, y, elements_, stream);
    }
  }

 private:
  BatchedProduct product_;
  std::unique_ptr<MatMulPlan> plan_;
  std::int64_t elements_;
  bool relu_;
};

// ---------------------------------------------------------------- LinearGradWeights

// dw[k, n] = sum_m x[m, k] dy[m, n], stored as [n, k] when transposed;  db[n] = sum_m dy[m, n]; of
// 16-bit x and dy in their type or in f32 (attribute wide)
class LinearGradKernel final : public Kernel {
 public:
  explicit LinearGradKernel(const OpQuery& query) {
    const std::int64_t rows = query.inputs[0].shape[0], inputs = query.inputs[0].shape[1],
                       outputs = query.inputs[1].shape[1];
    transposed_ = query.attrs->get_int("trans_w", 0) != 0;
    wants_w_ = has_output(query, 0);
    wants_b_ = has_output(query, 1);
    dtype_ = query.inputs[0].dtype;
    result_ = query.outputs[wants_w_ ? 0 : 1].dtype;
    elements_ = inputs * outputs;
    set_axes(columns_, {{outputs, {1}}});
    set_axes(rows_, {{rows, {outputs}}});
    MatMulProblem p;
    p.m = transposed_ ? outputs : inputs;
    p.n = transposed_ ? inputs : outputs;
    p.k = rows;
    p.transpose_a = true;
    p.dtype = dtype_;
    p.c_dtype = result_;
    p.tf32 = query.tf32;
    if (wants_w_ && !is_empty(p)) {
      make_plan(p);
      workspace_bytes = plan_->workspace_bytes;
      description = plan_->description;
    }
  }

  void run(const KernelArgs& args) const override {
    const StreamHandle stream = handle_of(args.stream);
    const void *x = args.inputs[0], *dy = args.inputs[1];
    if (plan_ != nullptr) {
      plan_->run({transposed_ ? dy : x, transposed_ ? x : dy, nullptr, args.outputs[0],
                  plan_sums_ ? args.outputs[1] : nullptr},
                 args.workspace, stream);
    } else if (wants_w_) {
      fill_elements(size_of(result_), 0, args.outputs[0], elements_, stream);
    }
    if (!wants_b_ || plan_sums_) {
      return;
    }
    if (result_ == dtype_) {
      reduce(Reduction::kSum, dtype_, columns_, rows_, dy, args.outputs[1], stream);
    } else {
      reduce_sum(dtype_, result_, columns_, rows_, dy, args.outputs[1], stream);
    }
  }

  static Support supports(const OpQuery& query) {
    const bool wide = query.attrs->get_int("wide", 0) != 0;
    return wide ? one_float_type_beside(query, {}, {0, 1}) : one_float_type(query);
  }

 private:
  // With the sums of dy as its epilogue, where there is an algorithm for both.
  void make_plan(MatMulProblem p) {
    if (wants_b_) {
      p.epilogue = transposed_ ? Epilogue::kSumsOfA : Epilogue::kSumsOfB;
      try {
        plan_ = plan_matmul(p);
        plan_sums_ = true;
        return;
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kUnsupported) {
          throw;
        }
      }
      p.epilogue = Epilogue::kNone;
    }
    plan_ = plan_matmul(p);
  }

  std::unique_ptr<MatMulPlan> plan_;
  Places<1> columns_, rows_;
  std::int64_t elements_ = 0;
  DType dtype_ = DType::kFloat32, result_ = DType::kFloat32;
  bool transposed_ = false, wants_w_ = false, wants_b_ = false, plan_sums_ = false;
};

template <class K>
void add(KernelTable& table, std::string_view op, KernelTable::SupportsFunction supports) {
  add_row(table, op, std::move(supports), [](const OpQuery& query) -> std::unique_ptr<Kernel> {
    return std::make_unique<K>(query);
  });
}

}  // namespace

void register_linear(KernelTable& table) {
  add<GemmKernel>(table, "Gemm", supports_gemm);
  add<MatMulKernel>(table, "MatMul", one_float_type);
  add<LinearGradKernel>(table, "LinearGradWeights", LinearGradKernel::supports);
}

}  // namespace temper::cuda
