// AdafactorUpdate and MuonUpdate.
#include "backends/cuda/kernels/matrix_updates.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/cuda/cublas_support.h"
#include "backends/cuda/device_array.h"
#include "backends/cuda/kernel_rows.h"
#include "backends/host/matrix_updates.h"

namespace temper::cuda {
namespace {

constexpr std::int64_t kWhole = std::int64_t{1} << 40;  // tensors are not cut

// What both have: the groups' numbers on the device.
struct DeviceNumbers {
  DeviceArray<double> numbers, signs, rate_factors;

  DeviceNumbers() = default;
  DeviceNumbers(const std::vector<double>& values, const UpdateScalars& s, StreamHandle stream)
      : numbers(values, stream),
        signs({s.signs, s.signs + s.groups}, stream),
        rate_factors({s.rate_factors, s.rate_factors + s.groups}, stream) {}

  MatrixStep step(const KernelArgs& args, const UpdateScalars& scalars) const {
    MatrixStep made{input<bool>(args, UpdateLayout::kOk), scalars, numbers.address()};
    made.scalars.signs = signs.address();
    made.scalars.rate_factors = rate_factors.address();
    return made;
  }
};

// ---------------------------------------------------------------- Adafactor

class DeviceAdafactorKernel final : public UpdateKernel {
 public:
  explicit DeviceAdafactorKernel(const OpQuery& query)
      : UpdateKernel(
            query,
            {AdafactorStep<float>::kParameters.begin(), AdafactorStep<float>::kParameters.end()},
            kWhole, false) {
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      const Shape& shape = query.inputs[layout().parameter(i)].shape;
      MatrixTensor m;
      m.rows = shape[shape.rank() - 2];
      m.columns = shape[shape.rank() - 1];
      m.batch = shape.count(0, shape.rank() - 2);
      m.first_row = rows_;
      m.first_column = columns_;
      m.first_matrix = matrices_;
      if (shape.element_count() > 0) {
        rows_ += m.batch * m.rows;
        columns_ += m.batch * m.columns;
        matrices_ += m.batch;
      }
      tensors_.push_back(m);
    }
    workspace_bytes = group_count() * sizeof(AdafactorStep<float>) +
                      static_cast<std::size_t>(rows_) * sizeof(UpdateSums) +
                      (static_cast<std::size_t>(matrices_) + tensor_count()) * sizeof(float);
    kept_bytes += tensor_count() * sizeof(MatrixTensor) +
                  static_cast<std::size_t>(rows_ + columns_ + matrices_) * sizeof(std::int32_t);
    description = "rows and columns";
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    BoundUpdate ranges;
    set_ranges(ranges, args);
    std::vector<MatrixTensor> tensors;
    std::vector<std::int32_t> of_row, of_column, of_matrix;
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      if (ranges.chunk_begin[i] == ranges.chunk_begin[i + 1]) {
        continue;  // an empty tensor
      }
      MatrixTensor m = tensors_[i];
      m.range = ranges.chunks[ranges.chunk_begin[i]];
      const auto number = static_cast<std::int32_t>(tensors.size());
      of_row.insert(of_row.end(), static_cast<std::size_t>(m.batch * m.rows), number);
      of_column.insert(of_column.end(), static_cast<std::size_t>(m.batch * m.columns), number);
      of_matrix.insert(of_matrix.end(), static_cast<std::size_t>(m.batch), number);
      tensors.push_back(m);
    }
    const StreamHandle stream = handle_of(args.stream);
    auto state = std::make_unique<State>();
    state->numbers = {numbers(), scalars_of(args), stream};
    state->tensors = {tensors, stream};
    state->of_row = {of_row, stream};
    state->of_column = {of_column, stream};
    state->of_matrix = {of_matrix, stream};
    state->count = static_cast<std::int64_t>(tensors.size());
    return state;
  }

  void run(const KernelArgs& args) const override {
    const State& state = args.state_as<State>();
    AdafactorTables t;
    t.tensors = state.tensors.address();
    t.of_row = state.of_row.address();
    t.of_column = state.of_column.address();
    t.of_matrix = state.of_matrix.address();
    t.tensor_count = state.count;
    t.rows = rows_;
    t.columns = columns_;
    t.matrices = matrices_;
    t.sums = static_cast<UpdateSums*>(args.workspace);
    t.steps = reinterpret_cast<AdafactorStep<float>*>(t.sums + rows_);
    t.means = reinterpret_cast<float*>(t.steps + group_count());
    t.factors = t.means + matrices_;
    update_adafactor(state.numbers.step(args, scalars_of(args)), t, handle_of(args.stream));
  }

 private:
  struct State final : KernelState {
    DeviceNumbers numbers;
    DeviceArray<MatrixTensor> tensors;
    DeviceArray<std::int32_t> of_row, of_column, of_matrix;
    std::int64_t count = 0;
  };

  std::vector<MatrixTensor> tensors_;
  std::int64_t rows_ = 0, columns_ = 0, matrices_ = 0;
};

// ---------------------------------------------------------------- Muon

// The products of one parameter's iteration: G = X X^T, b G + c G G, and that times X. With more
// rows than columns G = X^T X and the products change sides.
struct MuonProducts {
  std::unique_ptr<MatMulPlan> gram, square, apply;

  MuonProducts(std::int64_t rows, std::int64_t columns, const double* h) {
    const bool tall = rows > columns;
    const std::int64_t side = std::min(rows, columns), length = std::max(rows, columns);
    MatMulProblem p;
    p.m = p.n = side;
    p.k = length;
    p.transpose_a = tall;
    p.transpose_b = !tall;
    gram = plan_matmul(p);
    MatMulProblem q;
    q.m = q.n = q.k = side;
    q.alpha = static_cast<float>(h[7]);
    q.beta = static_cast<float>(h[6]);
    square = plan_matmul(q);
    MatMulProblem r;
    r.m = rows;
    r.n = columns;
    r.k = side;
    r.beta = static_cast<float>(h[5]);
    apply = plan_matmul(r);
  }
  std::size_t workspace_bytes() const {
    return std::max({gram->workspace_bytes, square->workspace_bytes, apply->workspace_bytes});
  }
};

class DeviceMuonKernel final : public UpdateKernel {
 public:
  explicit DeviceMuonKernel(const OpQuery& query)
      : UpdateKernel(query,
                     {"weight_decay", "momentum", "nesterov", "eps", "ns_steps", "ns_coefficients1",
                      "ns_coefficients2", "ns_coefficients3", "adjust_lr"},
                     kWhole, false) {
    const auto units_last =
        query.attrs->get_ints("units_last", std::vector<std::int64_t>(tensor_count(), 0));
    const std::vector<std::int64_t> group_of = query.attrs->get_ints("group_of");
    std::size_t largest_rows = 1, for_products = 0;
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      const Shape& shape = query.inputs[layout().parameter(i)].shape;
      const int split = units_last[i] != 0 ? shape.rank() - 1 : 1;
      Matrix m;
      m.rows = shape.count(0, split);
      m.columns = shape.count(split, shape.rank());
      const double* h = numbers().data() + group_of[i] * kMuonParameters;
      m.steps = static_cast<int>(h[4]);
      const auto units = static_cast<double>(units_last[i] != 0 ? m.columns : m.rows);
      const auto others = static_cast<double>(units_last[i] != 0 ? m.rows : m.columns);
      m.ratio = h[8] == 0   ? std::sqrt(std::max(1.0, units / others))
                : h[8] == 1 ? 0.2 * std::sqrt(std::max(units, others))
                            : std::sqrt(units / others);
      if (m.rows * m.columns > 0) {
        m.products = std::make_unique<MuonProducts>(m.rows, m.columns, h);
        for_products = std::max(for_products, m.products->workspace_bytes());
      }
      const std::int64_t side = std::min(m.rows, m.columns);
      elements_ = std::max(elements_, rounded(m.rows * m.columns));
      gram_elements_ = std::max(gram_elements_, rounded(side * side));
      largest_rows = std::max(largest_rows, static_cast<std::size_t>(m.rows));
      matrices_.push_back(std::move(m));
    }
    squares_ = static_cast<std::int64_t>(largest_rows);
    workspace_bytes = for_products + kAligned +
                      static_cast<std::size_t>(2 * (elements_ + gram_elements_)) * sizeof(float) +
                      (largest_rows + 1) * sizeof(double);
    description = "Newton-Schulz";
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<State>();
    set_ranges(*state, args);
    state->numbers = {numbers(), scalars_of(args), handle_of(args.stream)};
    return state;
  }

  void run(const KernelArgs& args) const override {
    const State& state = args.state_as<State>();
    const MatrixStep step = state.numbers.step(args, scalars_of(args));
    const StreamHandle stream = handle_of(args.stream);
    auto* x = static_cast<float*>(args.workspace);
    auto* squares = reinterpret_cast<double*>(x + 2 * (elements_ + gram_elements_));
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      if (state.chunk_begin[i] == state.chunk_begin[i + 1]) {
        continue;  // an empty tensor
      }
      const Matrix& m = matrices_[i];
      const MuonTensor tensor{
          state.chunks[state.chunk_begin[i]],          m.rows, m.columns, m.ratio, x, squares,
          reinterpret_cast<float*>(squares + squares_)};
      begin_muon(step, tensor, stream);
      finish_muon(step, tensor, iterate(m, x, aligned(squares + squares_ + 1), stream), stream);
    }
  }

 private:
  static constexpr std::size_t kAligned = 256;  // of a library's workspace

  struct Matrix {
    std::int64_t rows = 0, columns = 0;
    int steps = 0;
    double ratio = 1;
    std::unique_ptr<const MuonProducts> products;
  };
  struct State final : BoundUpdate {
    DeviceNumbers numbers;
  };

  // Matrices begin at whole lines of memory.
  static std::int64_t rounded(std::int64_t elements) { return (elements + 63) / 64 * 64; }
  static void* aligned(void* address) {
    const auto number = reinterpret_cast<std::uintptr_t>(address);
    return reinterpret_cast<void*>((number + kAligned - 1) / kAligned * kAligned);
  }

  // The result is in one of the first two matrices of the workspace.
  const float* iterate(const Matrix& m, float* x, void* workspace, StreamHandle stream) const {
    float* next = x + elements_;
    float* gram = next + elements_;
    float* polynomial = gram + gram_elements_;
    const bool tall = m.rows > m.columns;
    const std::int64_t side = std::min(m.rows, m.columns);
    const auto bytes = [](std::int64_t count) {
      return static_cast<std::size_t>(count) * sizeof(float);
    };
    for (int i = 0; i < m.steps; ++i) {
      m.products->gram->run({x, x, nullptr, gram}, workspace, stream);
      copy_within(polynomial, gram, bytes(side * side), stream);
      m.products->square->run({gram, gram, nullptr, polynomial}, workspace, stream);
      copy_within(next, x, bytes(m.rows * m.columns), stream);
      m.products->apply->run({tall ? x : polynomial, tall ? polynomial : x, nullptr, next},
                             workspace, stream);
      std::swap(x, next);
    }
    return x;
  }

  std::vector<Matrix> matrices_;
  std::int64_t elements_ = 0, gram_elements_ = 0, squares_ = 1;
};

Support supports(const OpQuery& query) {
  const Support types = supports_update(query, false);
  return types.ok ? plain_tensors(query) : types;
}

template <class K>
void add_update(KernelTable& table, std::string_view op) {
  add_row(table, op, supports, [](const OpQuery& query) -> std::unique_ptr<Kernel> {
    return std::make_unique<K>(query);
  });
}

}  // namespace

void register_matrix_updates(KernelTable& table) {
  add_update<DeviceAdafactorKernel>(table, "AdafactorUpdate");
  add_update<DeviceMuonKernel>(table, "MuonUpdate");
}

}  // namespace temper::cuda
