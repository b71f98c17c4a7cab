// Reference kernel of FusedElementwise: the program, element by element.
#include <array>
#include <vector>

#include "backends/common/index_math.h"
#include "backends/common/visit_functor.h"
#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

template <class T>
T apply(const FunctorCall& call, T a, T b, T c) {
  T y = static_cast<T>(call.p);
  switch (operand_count(call.functor)) {
    case 1:
      functors::visit_unary<T, functors::StdMath>(call,
                                                  [&](const auto& f) { y = static_cast<T>(f(a)); });
      break;
    case 2:
      functors::visit_binary<T, functors::StdMath>(
          call, [&](const auto& f) { y = static_cast<T>(f(a, b)); });
      break;
    case 3:
      functors::visit_ternary(call, [&](const auto& f) { y = f(a, b, c); });
      break;
    default:
      break;
  }
  return y;
}

template <class T>
std::unique_ptr<Kernel> fused_kernel(const OpQuery& query) {
  const Expression program = expression_of(*query.attrs);
  const Shape& shape = query.outputs[0].shape;
  std::vector<BroadcastPlan<1>> walks;
  std::vector<bool> is_truth;
  for (const TensorSpec& input : query.inputs) {
    walks.push_back(plan_broadcast<1>(shape, {input.shape}));
    is_truth.push_back(input.dtype == DType::kBool);
  }
  const auto element = [walks, is_truth](const KernelArgs& args, std::size_t i, std::int64_t at) {
    std::int64_t offset = 0;
    for (int axis = walks[i].rank - 1; axis >= 0; --axis) {
      offset += at % walks[i].dims[axis] * walks[i].strides[0][axis];
      at /= walks[i].dims[axis];
    }
    return is_truth[i] ? static_cast<T>(static_cast<const bool*>(args.inputs[i])[offset])
                       : static_cast<const T*>(args.inputs[i])[offset];
  };
  auto kernel = make_kernel([=, count = shape.element_count()](const KernelArgs& args) {
    auto* values = static_cast<T*>(args.workspace);
    const auto operand = [&](int i) { return i < 0 ? T(0) : values[i]; };
    for (std::int64_t at = 0; at < count; ++at) {
      for (int v = 0; v < program.value_count(); ++v) {
        const auto i = static_cast<std::size_t>(v);
        if (v < program.inputs) {
          values[i] = element(args, i, at);
          continue;
        }
        const auto& [call, operands] = program.made(v);
        values[i] =
            apply<T>(call, operand(operands[0]), operand(operands[1]), operand(operands[2]));
      }
      for (std::size_t r = 0; r < program.results.size(); ++r) {
        const T value = operand(program.results[r]);
        if (yields_truth(program.made(program.results[r]).call.functor)) {
          static_cast<bool*>(args.outputs[r])[at] = value != T(0);
        } else {
          static_cast<T*>(args.outputs[r])[at] = value;
        }
      }
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(program.value_count()) * sizeof(T);
  return kernel;
}

DType float_type(const OpQuery& query) {
  for (const TensorSpec& input : query.inputs) {
    if (input.dtype != DType::kBool) {
      return input.dtype;
    }
  }
  return DType::kFloat32;
}

Support supports(const OpQuery& query) {
  const DType dtype = float_type(query);
  for (const auto* specs : {&query.inputs, &query.outputs}) {
    for (const TensorSpec& spec : *specs) {
      if (spec.dtype != DType::kBool && (spec.dtype != dtype || !is_wide_float(dtype))) {
        return Support::no(concat("only one of f32 and f64, not ", spec.dtype));
      }
    }
  }
  return Support::yes();
}

}  // namespace

void register_fused_elementwise(KernelTable& table) {
  table.add("FusedElementwise", kFamily, supports, [](const OpQuery& query) {
    return visit_float(float_type(query), [&]<class T>() { return fused_kernel<T>(query); });
  });
}

}  // namespace temper::reference
