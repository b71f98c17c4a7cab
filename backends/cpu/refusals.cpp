#include "backends/cpu/refusals.h"

#include <algorithm>
#include <limits>

#include "runtime/base/error.h"

namespace temper::cpu {

std::string refuse_size(const Shape& shape) {
  if (shape.element_count() == 0) {
    return "a tensor has no elements";
  }
  const int last = std::max(shape.rank() - 1, 0);
  const std::int64_t rows = shape.count(0, last), row = shape.count(last, shape.rank());
  return std::max(rows, row) > std::numeric_limits<std::int32_t>::max()
             ? concat("the tensor ", shape, " is longer than the library counts")
             : std::string();
}

std::string refuse_dtypes(const OpQuery& query) {
  for (const auto* specs : {&query.inputs, &query.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (!spec.present() || spec.dtype == DType::kOpaque) {
        continue;
      }
      if (spec.dtype != DType::kFloat32) {
        return concat("only f32, not ", spec.dtype);
      }
      if (std::string reason = refuse_size(spec.shape); !reason.empty()) {
        return reason;
      }
    }
  }
  return {};
}

Support support_from(const std::string& reason) {
  return reason.empty() ? Support::yes() : Support::no(reason);
}

}  // namespace temper::cpu
