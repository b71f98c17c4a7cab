// Updates of optimizers that see the axes of a parameter: Muon and Adafactor of matrices. The
// variables are plain. Shared by the backends that run on the host: Host gives threads(), run() as
// for flat updates (update_kernel.h) and product(), a matrix product.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>

#include "backends/common/optimizers/adafactor.h"
#include "backends/host/update_kernel.h"
#include "runtime/base/concat.h"

namespace temper {

// c = alpha a b + beta c in row-major order; a is [m, k] and b [k, n], or the other way round when
// transposed.
template <class T>
struct MatrixProduct {
  const T* a;
  const T* b;
  T* c;
  std::int64_t m, n, k;
  bool a_transposed = false, b_transposed = false;
  T alpha = T(1), beta = T(0);
};

// "No" unless every tensor is plain.
inline Support plain_tensors(const OpQuery& query) {
  for (std::size_t i = UpdateLayout::kScalars; i < query.inputs.size(); ++i) {
    if (!query.inputs[i].layout.plain) {
      return Support::no(concat("input ", i, " is not plain"));
    }
  }
  return Support::yes();
}

// Where the units of a parameter lie: [rows, columns] with a unit per row, or per column when
// `units_last`.
struct MatrixShape {
  std::int64_t rows = 1, columns = 1;
  bool units_last = false;
};

// torch.optim.Muon: B = momentum B + (1 - momentum) g; X = B, or with Nesterov g + momentum (B -
// g); X /= max(|X|, eps); ns_steps times G = X X^T, X = a X + (b G + c G G) X; then p = p (1 - rate
// weight_decay) - rate ratio X, ratio by adjust_lr and the shape [units, others]: 0 sqrt(max(1,
// units / others)), 1 0.2 sqrt(max(units, others)), 2 sqrt(units / others).
template <class T, class Host>
class MuonKernel final : public UpdateKernel {
 public:
  explicit MuonKernel(const OpQuery& query)
      : UpdateKernel(query,
                     {"weight_decay", "momentum", "nesterov", "eps", "ns_steps", "ns_coefficients1",
                      "ns_coefficients2", "ns_coefficients3", "adjust_lr"},
                     std::int64_t{1} << 40, false),
        threads_(Host::threads(query.threads, total_elements())) {
    description = Host::kDescription;
    const auto units_last =
        query.attrs->get_ints("units_last", std::vector<std::int64_t>(tensor_count(), 0));
    std::int64_t largest = 0, largest_gram = 0;
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      const Shape& shape = query.inputs[layout().parameter(i)].shape;
      MatrixShape matrix;
      matrix.units_last = units_last[i] != 0;
      const int split = matrix.units_last ? shape.rank() - 1 : 1;
      for (int axis = 0; axis < shape.rank(); ++axis) {
        (axis < split ? matrix.rows : matrix.columns) *= shape[axis];
      }
      shapes_.push_back(matrix);
      const std::int64_t side = std::min(matrix.rows, matrix.columns);
      largest = std::max(largest, matrix.rows * matrix.columns);
      largest_gram = std::max(largest_gram, side * side);
      most_rows_ = std::max(most_rows_, static_cast<std::size_t>(matrix.rows));
    }
    matrix_elements_ = largest;
    gram_elements_ = largest_gram;
    kept_bytes += most_rows_ * sizeof(double);
    workspace_bytes = static_cast<std::size_t>(2 * (largest + largest_gram)) * sizeof(T);
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<State>();
    set_ranges(*state, args);
    state->row_squares.resize(most_rows_);
    return state;
  }

  void run(const KernelArgs& args) const override {
    if (!wanted(args)) {
      return;
    }
    State& state = args.state_as<State>();
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      if (state.chunk_begin[i] == state.chunk_begin[i + 1]) {
        continue;  // an empty tensor
      }
      const FlatRange& range = state.chunks[state.chunk_begin[i]];
      const auto group = static_cast<std::size_t>(range.group);
      update(shapes_[i], step_of(args, group), numbers_of(group), slice_of<T>(range),
             static_cast<T*>(args.workspace), state.row_squares);
    }
  }

 private:
  struct State final : BoundUpdate {
    std::vector<double> row_squares;
  };

  void update(const MatrixShape& shape, const UpdateStep& step, const double* h,
              const UpdateSlice<T>& slice, T* workspace, std::vector<double>& row_squares) const {
    const double momentum = step.scheduled_or(h[1]);
    const auto rest = static_cast<T>(1.0 - momentum), kept = static_cast<T>(momentum);
    const auto scale = static_cast<T>(step.scale);
    const bool nesterov = h[2] != 0;
    T* x = workspace;
    Host::run(threads_, shape.rows, [&](std::int64_t r) {
      double squares = 0;
      for (std::int64_t i = r * shape.columns; i < (r + 1) * shape.columns; ++i) {
        const T g = slice.gradient[i] * scale;
        T& buffer = slice.states[0][i];
        buffer = lerp(buffer, g, rest);
        x[i] = nesterov ? lerp(g, buffer, kept) : buffer;
        squares += static_cast<double>(x[i]) * static_cast<double>(x[i]);
      }
      row_squares[static_cast<std::size_t>(r)] = squares;
    });
    // In the rows' order, whatever the number of threads.
    const double squares =
        std::accumulate(row_squares.begin(), row_squares.begin() + shape.rows, 0.0);
    const auto norm = static_cast<T>(std::max(std::sqrt(squares), h[3]));
    for (std::int64_t i = 0; i < shape.rows * shape.columns; ++i) {
      x[i] = x[i] / norm;
    }
    const T* made = iterate(x, shape.rows, shape.columns, h);
    const double units = static_cast<double>(shape.units_last ? shape.columns : shape.rows);
    const double others = static_cast<double>(shape.units_last ? shape.rows : shape.columns);
    const auto rate = static_cast<T>(step.rate * ratio(h[8], units, others));
    const auto shrink = static_cast<T>(1.0 - step.rate * h[0]);
    Host::run(threads_, shape.rows, [&](std::int64_t r) {
      for (std::int64_t i = r * shape.columns; i < (r + 1) * shape.columns; ++i) {
        slice.parameter[i] = slice.parameter[i] * shrink - rate * made[i];
      }
    });
  }

  // The iteration; the result is in one of the two matrices of the workspace. With more rows than
  // columns G = X^T X and the products change sides, which is the iteration of X^T.
  const T* iterate(T* x, std::int64_t rows, std::int64_t columns, const double* h) const {
    T* next = x + matrix_elements_;
    T* gram = next + matrix_elements_;
    T* polynomial = gram + gram_elements_;
    const bool tall = rows > columns;
    const std::int64_t side = std::min(rows, columns), length = std::max(rows, columns);
    const auto a = static_cast<T>(h[5]), b = static_cast<T>(h[6]), c = static_cast<T>(h[7]);
    for (int i = 0; i < static_cast<int>(h[4]); ++i) {
      Host::product(threads_, MatrixProduct<T>{x, x, gram, side, side, length, tall, !tall});
      std::copy(gram, gram + side * side, polynomial);
      Host::product(threads_,
                    MatrixProduct<T>{gram, gram, polynomial, side, side, side, false, false, c, b});
      std::copy(x, x + rows * columns, next);
      Host::product(threads_, MatrixProduct<T>{tall ? x : polynomial, tall ? polynomial : x, next,
                                               rows, columns, side, false, false, T(1), a});
      std::swap(x, next);
    }
    return x;
  }

  static double ratio(double adjust, double units, double others) {
    return adjust == 0   ? std::sqrt(std::max(1.0, units / others))
           : adjust == 1 ? 0.2 * std::sqrt(std::max(units, others))
                         : std::sqrt(units / others);
  }

  std::vector<MatrixShape> shapes_;
  std::int64_t matrix_elements_ = 0, gram_elements_ = 0;
  std::size_t most_rows_ = 0;
  int threads_;
};

// torch.optim.Adafactor of tensors with two or more dimensions: v = row col / mean of row, over the
// last two.
template <class T, class Host>
class AdafactorMatrixKernel final : public UpdateKernel {
 public:
  explicit AdafactorMatrixKernel(const OpQuery& query)
      : UpdateKernel(query,
                     {AdafactorStep<T>::kParameters.begin(), AdafactorStep<T>::kParameters.end()},
                     std::int64_t{1} << 40, false),
        threads_(Host::threads(query.threads, total_elements())) {
    description = Host::kDescription;
    for (std::size_t i = 0; i < tensor_count(); ++i) {
      const Shape& shape = query.inputs[layout().parameter(i)].shape;
      rows_.push_back(shape[shape.rank() - 2]);
      columns_.push_back(shape[shape.rank() - 1]);
      column_sums_at_.push_back(column_sums_);
      column_sums_ += columns_.back();
    }
    workspace_bytes = static_cast<std::size_t>(column_sums_) * sizeof(double);
  }

  std::unique_ptr<KernelState> bind(const KernelArgs& args) const override {
    auto state = std::make_unique<State>();
    set_ranges(*state, args);
    state->steps.resize(group_count());
    return state;
  }

  void run(const KernelArgs& args) const override {
    if (!wanted(args)) {
      return;
    }
    State& state = args.state_as<State>();
    for (std::size_t g = 0; g < state.steps.size(); ++g) {
      state.steps[g] = AdafactorStep<T>::make(step_of(args, g), numbers_of(g));
    }
    // A tensor belongs to one thread, so the sums do not depend on their number.
    Host::run(threads_, static_cast<std::int64_t>(tensor_count()), [&](std::int64_t tensor) {
      const auto i = static_cast<std::size_t>(tensor);
      if (state.chunk_begin[i] != state.chunk_begin[i + 1]) {
        const FlatRange& range = state.chunks[state.chunk_begin[i]];
        update(state.steps[static_cast<std::size_t>(range.group)], slice_of<T>(range), rows_[i],
               columns_[i], static_cast<double*>(args.workspace) + column_sums_at_[i]);
      }
    });
  }

 private:
  struct State final : BoundUpdate {
    std::vector<AdafactorStep<T>> steps;
  };

  static void update(const AdafactorStep<T>& step, const UpdateSlice<T>& slice, std::int64_t rows,
                     std::int64_t columns, double* column_sums) {
    UpdateSums sums;
    sums.count = static_cast<double>(slice.count);
    const std::int64_t matrix = rows * columns;
    for (std::int64_t b = 0; b < slice.count / matrix; ++b) {
      const T* g = slice.gradient + b * matrix;
      T* row = slice.states[0] + b * rows;
      T* column = slice.states[1] + b * columns;
      move_variances(step, g, row, column, rows, columns, column_sums);
      const T mean = mean_of(row, rows, step.smallest);
      const T* p = slice.parameter + b * matrix;
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) {
          const std::int64_t i = r * columns + c;
          const auto u =
              static_cast<double>(step.direction(g[i] * step.scale, row[r] * column[c] / mean));
          sums.first += static_cast<double>(p[i]) * static_cast<double>(p[i]);
          sums.second += u * u;
        }
      }
    }
    const T factor = step.factor(sums);
    for (std::int64_t b = 0; b < slice.count / matrix; ++b) {
      const T* g = slice.gradient + b * matrix;
      const T* row = slice.states[0] + b * rows;
      const T* column = slice.states[1] + b * columns;
      const T mean = mean_of(row, rows, step.smallest);
      T* p = slice.parameter + b * matrix;
      for (std::int64_t r = 0; r < rows; ++r) {
        for (std::int64_t c = 0; c < columns; ++c) {
          const std::int64_t i = r * columns + c;
          const T v = row[r] * column[c] / mean;
          p[i] = p[i] * step.shrink - factor * step.direction(g[i] * step.scale, v);
        }
      }
    }
  }

  // Mean squares of rows and columns into their running means.
  static void move_variances(const AdafactorStep<T>& step, const T* gradient, T* row, T* column,
                             std::int64_t rows, std::int64_t columns, double* column_sums) {
    std::fill(column_sums, column_sums + columns, 0.0);
    for (std::int64_t r = 0; r < rows; ++r) {
      double of_row = 0;
      for (std::int64_t c = 0; c < columns; ++c) {
        const auto g = static_cast<double>(gradient[r * columns + c] * step.scale);
        of_row += g * g;
        column_sums[c] += g * g;
      }
      row[r] = lerp(row[r], static_cast<T>(of_row / static_cast<double>(columns)), step.rest);
    }
    for (std::int64_t c = 0; c < columns; ++c) {
      column[c] =
          lerp(column[c], static_cast<T>(column_sums[c] / static_cast<double>(rows)), step.rest);
    }
  }

  static T mean_of(const T* row, std::int64_t rows, T smallest) {
    double sum = 0;
    for (std::int64_t r = 0; r < rows; ++r) {
      sum += static_cast<double>(row[r]);
    }
    return std::max(static_cast<T>(sum / static_cast<double>(rows)), smallest);
  }

  std::vector<std::int64_t> rows_, columns_, column_sums_at_;
  std::int64_t column_sums_ = 0;
  int threads_;
};

}  // namespace temper
