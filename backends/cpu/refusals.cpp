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

std::string refuse_row_types(const OpQuery& query, std::initializer_list<std::size_t> inputs,
                             std::initializer_list<std::size_t> outputs) {
  OpQuery wide = query;
  const DType type = query.inputs[*inputs.begin()].dtype;
  std::string reason;
  const auto widen = [&](std::vector<TensorSpec>& specs, std::size_t i) {
    if (i >= specs.size() || !specs[i].present()) {
      return;
    }
    if (specs[i].dtype != type) {
      reason = concat("one tensor is ", type, ", another ", specs[i].dtype);
    } else if (type == DType::kBFloat16) {
      specs[i].dtype = DType::kFloat32;
    }
  };
  for (const std::size_t i : inputs) {
    widen(wide.inputs, i);
  }
  for (const std::size_t i : outputs) {
    widen(wide.outputs, i);
  }
  return reason.empty() ? refuse_dtypes(wide) : reason;
}

Support support_from(const std::string& reason) {
  return reason.empty() ? Support::yes() : Support::no(reason);
}

}  // namespace temper::cpu
