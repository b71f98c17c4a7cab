// Reorder (any layout to any other), CommitIf, AllFinite.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backends/reference/index_walk.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

Support supports_reorder(const OpQuery& query) {
  return query.inputs[0].dtype == query.outputs[0].dtype
             ? Support::yes()
             : Support::no("the types differ; Cast converts");
}

// Padding of the output becomes zero.
std::unique_ptr<Kernel> prepare_reorder(const OpQuery& query) {
  const TensorSpec& in = query.inputs[0];
  const TensorSpec& out = query.outputs[0];
  auto kernel = visit_bits(in.dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([shape = in.shape, from = in.layout, to = out.layout,
                        bytes = static_cast<std::size_t>(out.bytes())](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      T* y = static_cast<T*>(args.outputs[0]);
      if (has_padding(shape, to)) {
        std::memset(args.outputs[0], 0, bytes);
      }
      walk_indices(shape, [&](std::int64_t, const std::int64_t* index) {
        y[element_offset(shape, to, index)] = x[element_offset(shape, from, index)];
      });
    });
  });
  kernel->input_layouts = {in.layout};
  kernel->output_layouts = {out.layout};
  return kernel;
}

Support supports_commit(const OpQuery& query) {
  const TensorSpec& out = query.outputs[0];
  return out.layout_free || out.layout == query.inputs[1].layout
             ? Support::yes()
             : Support::no("the value's layout is not the variable's");
}

std::unique_ptr<Kernel> prepare_commit(const OpQuery& query) {
  const auto bytes = static_cast<std::size_t>(query.inputs[1].bytes());
  auto kernel = make_kernel([bytes](const KernelArgs& args) {
    if (*static_cast<const bool*>(args.inputs[0]) && args.inputs[1] != args.outputs[0] &&
        bytes != 0) {
      std::memcpy(args.outputs[0], args.inputs[1], bytes);
    }
  });
  kernel->input_layouts = {query.inputs[0].layout, query.inputs[1].layout};
  kernel->output_layouts = {query.inputs[1].layout};
  return kernel;
}

using FiniteFunction = bool (*)(const void* data, std::int64_t count);

template <class T>
bool finite(const void* data, std::int64_t count) {
  const T* x = static_cast<const T*>(data);
  return std::all_of(x, x + count, [](T v) { return std::isfinite(convert_element<double>(v)); });
}

// Null for types whose elements are always finite.
FiniteFunction finite_function(DType dtype) {
  switch (dtype) {
    case DType::kFloat32:
      return finite<float>;
    case DType::kFloat64:
      return finite<double>;
    case DType::kFloat16:
      return finite<Float16>;
    case DType::kBFloat16:
      return finite<BFloat16>;
    default:
      return nullptr;
  }
}

// Storage order will do: padding is zero.
std::unique_ptr<Kernel> prepare_all_finite(const OpQuery& query) {
  struct Part {
    FiniteFunction function;
    std::size_t input;
    std::int64_t count;
  };
  std::vector<Part> parts;
  std::vector<Layout> layouts;
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    const TensorSpec& in = query.inputs[i];
    layouts.push_back(in.layout);
    if (const FiniteFunction function = finite_function(in.dtype)) {
      parts.push_back({function, i, storage_elements(in.shape, in.layout)});
    }
  }
  auto kernel = make_kernel([parts](const KernelArgs& args) {
    *static_cast<bool*>(args.outputs[0]) = std::all_of(
        parts.begin(), parts.end(),
        [&](const Part& part) { return part.function(args.inputs[part.input], part.count); });
  });
  kernel->input_layouts = std::move(layouts);
  kernel->output_layouts = {Layout{}};
  return kernel;
}

}  // namespace

void register_plan_ops(KernelTable& table) {
  table.add("Reorder", "reference", supports_reorder, prepare_reorder);
  table.add("CommitIf", "reference", supports_commit, prepare_commit);
  table.set_any_type("CommitIf");
  table.add("AllFinite", "reference", {}, prepare_all_finite);
}

}  // namespace temper::reference
