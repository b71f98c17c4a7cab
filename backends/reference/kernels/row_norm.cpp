// Reference kernels of RowNorm and its gradient, in double.
#include <algorithm>
#include <array>
#include <cmath>

#include "backends/reference/elementwise.h"
#include "backends/reference/type_support.h"

namespace temper::reference {
namespace {

struct Rows {
  std::int64_t count = 1, size = 1;
  double epsilon = 0;
  bool centred = true;

  explicit Rows(const OpQuery& query)
      : epsilon(query.attrs->get_double("epsilon", 1e-5)),
        centred(query.attrs->get_int("centred", 1) != 0) {
    const Shape& x = query.inputs[0].shape;
    const auto axis = static_cast<int>(query.attrs->get_int("axis", -1));
    count = x.count(0, axis);
    size = x.count(axis, x.rank());
  }
};

struct Statistics {
  double mean = 0, inverse = 0;
};

template <class T>
Statistics statistics_of(const Rows& rows, const T* x) {
  const auto size = static_cast<double>(rows.size);
  Statistics s;
  for (std::int64_t i = 0; i < rows.size && rows.centred; ++i) {
    s.mean += static_cast<double>(x[i]) / size;
  }
  double variance = 0;
  for (std::int64_t i = 0; i < rows.size; ++i) {
    const double centred = static_cast<double>(x[i]) - s.mean;
    variance += centred * centred / size;
  }
  s.inverse = 1 / std::sqrt(variance + rows.epsilon);
  return s;
}

template <class T>
double at(const T* values, std::int64_t i, double fallback) {
  return values != nullptr ? static_cast<double>(values[i]) : fallback;
}

template <class T>
std::unique_ptr<Kernel> row_norm_kernel(const OpQuery& query) {
  return make_kernel([rows = Rows(query), has_scale = has_input(query, 1),
                      has_bias = has_input(query, 2), has_mean = has_output(query, 1),
                      has_inverse = has_output(query, 2)](const KernelArgs& args) {
    const auto* x = static_cast<const T*>(args.inputs[0]);
    const auto* scale = has_scale ? static_cast<const T*>(args.inputs[1]) : nullptr;
    const auto* bias = has_bias ? static_cast<const T*>(args.inputs[2]) : nullptr;
    auto* y = static_cast<T*>(args.outputs[0]);
    for (std::int64_t r = 0; r < rows.count; ++r, x += rows.size, y += rows.size) {
      const Statistics s = statistics_of(rows, x);
      for (std::int64_t i = 0; i < rows.size; ++i) {
        const double h = (static_cast<double>(x[i]) - s.mean) * s.inverse;
        y[i] = static_cast<T>(h * at(scale, i, 1) + at(bias, i, 0));
      }
      if (has_mean) {
        static_cast<T*>(args.outputs[1])[r] = static_cast<T>(s.mean);
      }
      if (has_inverse) {
        static_cast<T*>(args.outputs[2])[r] = static_cast<T>(s.inverse);
      }
    }
  });
}

// The addresses of one row's part of everything; null where it is not there.
template <class T>
struct GradientRow {
  const T *x, *scale, *dy;
  double dmean, dinverse;
  T* dx;
};

template <class T>
void gradient_of_row(const Rows& rows, const GradientRow<T>& row, double* dscale, double* dbias) {
  const Statistics s = statistics_of(rows, row.x);
  const auto size = static_cast<double>(rows.size);
  double mean_g = 0, mean_gh = 0;
  for (std::int64_t i = 0; i < rows.size; ++i) {
    const double h = (static_cast<double>(row.x[i]) - s.mean) * s.inverse;
    const double g = static_cast<double>(row.dy[i]) * at(row.scale, i, 1);
    mean_g += rows.centred ? g / size : 0;
    mean_gh += g * h / size;
    dscale[i] += static_cast<double>(row.dy[i]) * h;
    dbias[i] += static_cast<double>(row.dy[i]);
  }
  for (std::int64_t i = 0; i < rows.size && row.dx != nullptr; ++i) {
    const double h = (static_cast<double>(row.x[i]) - s.mean) * s.inverse;
    const double g = static_cast<double>(row.dy[i]) * at(row.scale, i, 1);
    const double by_statistics =
        ((rows.centred ? row.dmean : 0) - row.dinverse * s.inverse * s.inverse * h) / size;
    row.dx[i] = static_cast<T>(s.inverse * (g - mean_g - h * mean_gh) + by_statistics);
  }
}

template <class T>
std::unique_ptr<Kernel> row_norm_grad_kernel(const OpQuery& query) {
  const Rows rows(query);
  const auto size = static_cast<std::size_t>(rows.size);
  std::array<bool, 6> given{};
  for (std::size_t i = 0; i < given.size(); ++i) {
    given[i] = has_input(query, i);
  }
  auto kernel = make_kernel([rows, size, given, has_dx = has_output(query, 0),
                             has_dscale = has_output(query, 1),
                             has_dbias = has_output(query, 2)](const KernelArgs& args) {
    const auto input = [&](std::size_t i) {
      return given[i] ? static_cast<const T*>(args.inputs[i]) : nullptr;
    };
    auto* dscale = static_cast<double*>(args.workspace);
    double* dbias = dscale + size;
    std::fill(dscale, dscale + 2 * size, 0.0);
    for (std::int64_t r = 0; r < rows.count; ++r) {
      const std::int64_t first = r * rows.size;
      const GradientRow<T> row{
          input(0) + first,   input(1),
          input(3) + first,   at(input(4), r, 0),
          at(input(5), r, 0), has_dx ? static_cast<T*>(args.outputs[0]) + first : nullptr};
      gradient_of_row(rows, row, dscale, dbias);
    }
    for (std::size_t i = 0; i < size; ++i) {
      if (has_dscale) {
        static_cast<T*>(args.outputs[1])[i] = static_cast<T>(dscale[i]);
      }
      if (has_dbias) {
        static_cast<T*>(args.outputs[2])[i] = static_cast<T>(dbias[i]);
      }
    }
  });
  kernel->workspace_bytes = 2 * size * sizeof(double);
  return kernel;
}

Support supports(const OpQuery& query) { return one_float_type(query, {0, 1, 2, 3, 4, 5}); }

}  // namespace

void register_row_norm(KernelTable& table) {
  table.add("RowNorm", kFamily, supports, [](const OpQuery& query) {
    return visit_float(query.inputs[0].dtype, [&]<class T>() { return row_norm_kernel<T>(query); });
  });
  table.add("RowNormGrad", kFamily, supports, [](const OpQuery& query) {
    return visit_float(query.inputs[0].dtype,
                       [&]<class T>() { return row_norm_grad_kernel<T>(query); });
  });
}

}  // namespace temper::reference
