// GlobalNorm, ClipFactor and AdaptiveClip. The norm adds chunks of 16384 elements in a fixed order,
// so any number of threads that sums the same chunks gives the same bits.
#include <algorithm>
#include <cmath>
#include <vector>

#include "backends/common/adaptive_clip.h"
#include "backends/host/unit_view.h"
#include "backends/reference/type_support.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

constexpr std::int64_t kChunk = 16384;
constexpr double kClipEpsilon = 1e-6;  // torch.nn.utils.clip_grad_norm_

template <class T, class Norm>
double norm_part(const Norm& norm, const T* values, std::int64_t count) {
  double total = 0;
  for (std::int64_t first = 0; first < count; first += kChunk) {
    double chunk = 0;
    for (std::int64_t i = first; i < std::min(first + kChunk, count); ++i) {
      norm.add(chunk, static_cast<double>(values[i]));
    }
    norm.join(total, chunk);
  }
  return total;
}

std::unique_ptr<Kernel> prepare_norm(const OpQuery& query) {
  std::vector<std::int64_t> counts;
  for (const TensorSpec& input : query.inputs) {
    counts.push_back(input.shape.element_count());
  }
  const bool scaled = query.attrs->get_int("scaled", 0) != 0;
  if (scaled) {
    counts.pop_back();
  }
  const double norm_type = query.attrs->get_double("norm_type", 2);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([counts, norm_type, scaled](const KernelArgs& args) {
      visit_norm(norm_type, [&](auto norm) {
        double total = 0;
        for (std::size_t i = 0; i < counts.size(); ++i) {
          norm.join(total, norm_part(norm, static_cast<const T*>(args.inputs[i]), counts[i]));
        }
        const double factor =
            scaled ? static_cast<double>(*static_cast<const T*>(args.inputs[counts.size()])) : 1;
        *static_cast<T*>(args.outputs[0]) = static_cast<T>(norm.finish(total) * factor);
      });
    });
  });
}

std::unique_ptr<Kernel> prepare_adaptive_clip(const OpQuery& query) {
  const AdaptiveClip clip = adaptive_clip_of(query);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    auto kernel = make_kernel([clip](const KernelArgs& args) {
      clip.run(static_cast<const T*>(args.inputs[0]), static_cast<const T*>(args.inputs[1]),
               static_cast<T*>(args.outputs[0]), static_cast<double*>(args.workspace), 0,
               clip.view.units);
    });
    kernel->workspace_bytes = static_cast<std::size_t>(clip.view.units) * 2 * sizeof(double);
    return kernel;
  });
}

// min(1, max_norm / (norm + 1e-6)), rounded, times the second input; NaN stays NaN.
std::unique_ptr<Kernel> prepare_factor(const OpQuery& query) {
  const double max_norm = query.attrs->get_double("max_norm", 0);
  const bool scaled = has_input(query, 1);
  return visit_float(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([max_norm, scaled](const KernelArgs& args) {
      const double norm = static_cast<double>(*static_cast<const T*>(args.inputs[0]));
      const double factor = max_norm / (norm + kClipEpsilon);
      const T clip = static_cast<T>(factor > 1 ? 1 : factor);
      *static_cast<T*>(args.outputs[0]) =
          scaled ? clip * *static_cast<const T*>(args.inputs[1]) : clip;
    });
  });
}

Support support_norm(const OpQuery& query) {
  for (const TensorSpec& input : query.inputs) {
    if (input.dtype != DType::kFloat32 && input.dtype != DType::kFloat64) {
      return Support::no(concat("a gradient is ", input.dtype, ", only f32 and f64 are supported"));
    }
  }
  return Support::yes();
}

}  // namespace

void register_gradient_clip(KernelTable& table) {
  table.add("GlobalNorm", "reference", support_norm, prepare_norm);
  table.add("AdaptiveClip", "reference", support_norm, prepare_adaptive_clip);
  table.add(
      "ClipFactor", "reference", [](const OpQuery& query) { return one_float_type(query, {0}); },
      prepare_factor);
}

}  // namespace temper::reference
