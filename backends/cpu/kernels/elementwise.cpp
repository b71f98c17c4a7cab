// Elementwise ops of one and two f32 inputs. Inputs of one shape are walked in memory order,
// whatever their layout; broadcasting is done on plain tensors.
#include <cmath>
#include <optional>

#include "backends/common/index_math.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/vector_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kGrain = 1024;

// What an op computes and whether f(0) or f(0, 0) is 0, so that zero padding stays zero.
template <class Op>
struct Element {
  Op op;
  bool keeps_zero = false;
  float p = 0, q = 0;
};

std::string refuse(const OpQuery& query, std::size_t inputs) {
  if (query.inputs.size() < inputs || !query.outputs[0].present()) {
    return "inputs are missing";
  }
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    if (query.inputs[i].present() && query.inputs[i].dtype != DType::kFloat32) {
      return concat("only f32, not ", query.inputs[i].dtype);
    }
    if (i >= inputs && query.inputs[i].present()) {
      return concat("takes ", inputs, " inputs");
    }
  }
  return {};
}

// The layout to walk in: that of the first input unless f would fill its padding.
Layout walk_layout(const TensorSpec& x, bool keeps_zero) {
  return keeps_zero || !has_padding(x.shape, x.layout) ? x.layout : Layout{};
}

std::unique_ptr<Kernel> prepare_unary(const OpQuery& query, const Element<Unary>& element) {
  const TensorSpec& x = query.inputs[0];
  const Layout layout = walk_layout(x, element.keeps_zero);
  const std::int64_t count = storage_elements(x.shape, layout);
  const int threads = threads_for_elements(query.threads, count);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* in = static_cast<const float*>(args.inputs[0]);
    auto* out = static_cast<float*>(args.outputs[0]);
    parallel_ranges(threads, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      unary_loop(element.op, in + begin, out + begin, end - begin, element.p, element.q);
    });
  });
  kernel->input_layouts = {layout};
  kernel->output_layouts = {layout};
  kernel->inplace = {{0, 0}};
  kernel->description = "vector";
  return kernel;
}

// Both inputs in step (stride 1) or one number for all (stride 0).
std::unique_ptr<Kernel> prepare_flat(const OpQuery& query, const Element<Binary>& element,
                                     const Layout& layout, std::int64_t a_stride,
                                     std::int64_t b_stride) {
  const std::int64_t count = storage_elements(query.outputs[0].shape, layout);
  const int threads = threads_for_elements(query.threads, count);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* a = static_cast<const float*>(args.inputs[0]);
    const auto* b = static_cast<const float*>(args.inputs[1]);
    auto* y = static_cast<float*>(args.outputs[0]);
    parallel_ranges(threads, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      binary_loop(element.op, a + begin * a_stride, a_stride, b + begin * b_stride, b_stride,
                  y + begin, end - begin, element.p);
    });
  });
  kernel->input_layouts = {a_stride != 0 ? layout : Layout{}, b_stride != 0 ? layout : Layout{}};
  kernel->output_layouts = {layout};
  kernel->description = "vector";
  return kernel;
}

std::unique_ptr<Kernel> prepare_broadcast(const OpQuery& query, const Element<Binary>& element) {
  const auto plan =
      plan_broadcast<2>(query.outputs[0].shape, {query.inputs[0].shape, query.inputs[1].shape});
  const int threads = plan.rank > 1 ? threads_for_elements(query.threads, plan.count) : 1;
  auto kernel = make_kernel([=](const KernelArgs& args) {
    // Each thread takes a part of the outermost axis.
    parallel_ranges(threads, plan.dims[0], 1, [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t slice = plan.count / plan.dims[0];
      BroadcastPlan<2> part = plan;
      part.dims[0] = end - begin;
      part.count = slice * (end - begin);
      const auto* a = static_cast<const float*>(args.inputs[0]) + begin * plan.strides[0][0];
      const auto* b = static_cast<const float*>(args.inputs[1]) + begin * plan.strides[1][0];
      auto* y = static_cast<float*>(args.outputs[0]) + begin * slice;
      for_each_run(part, [&](std::int64_t out, std::int64_t length, const std::int64_t* offsets,
                             const std::int64_t* strides) {
        binary_loop(element.op, a + offsets[0], strides[0], b + offsets[1], strides[1], y + out,
                    length, element.p);
      });
    });
  });
  kernel->input_layouts.resize(2);
  kernel->output_layouts.resize(1);
  kernel->description = "vector broadcast";
  return kernel;
}

std::unique_ptr<Kernel> prepare_binary(const OpQuery& query, const Element<Binary>& element) {
  const TensorSpec& a = query.inputs[0];
  const TensorSpec& b = query.inputs[1];
  const Shape& y = query.outputs[0].shape;
  const bool a_full = a.shape == y, b_full = b.shape == y;
  std::unique_ptr<Kernel> kernel;
  if (a_full && b_full) {
    kernel = prepare_flat(query, element, walk_layout(a, element.keeps_zero), 1, 1);
  } else if (a_full && b.shape.element_count() == 1) {
    // 0 * b is -0, infinite or NaN for some b, so padding would not stay zero.
    kernel = prepare_flat(query, element, walk_layout(a, false), 1, 0);
  } else if (b_full && a.shape.element_count() == 1) {
    kernel = prepare_flat(query, element, walk_layout(b, false), 0, 1);
  } else {
    kernel = prepare_broadcast(query, element);
  }
  for (const int i : {0, 1}) {
    if (i == 0 ? a_full : b_full) {
      kernel->inplace.emplace_back(0, i);
    }
  }
  return kernel;
}

using ReadUnary = Element<Unary> (*)(const Attrs&);

void add_unary(KernelTable& table, std::string_view op, ReadUnary read) {
  table.add(
      op, "cpu",
      [](const OpQuery& query) {
        const std::string reason = refuse(query, 1);
        return reason.empty() ? Support::yes() : Support::no(reason);
      },
      [read](const OpQuery& query) { return prepare_unary(query, read(*query.attrs)); });
}

void add_binary(KernelTable& table, std::string_view op, Binary code, bool keeps_zero) {
  table.add(
      op, "cpu",
      [](const OpQuery& query) {
        const std::string reason = refuse(query, 2);
        return reason.empty() ? Support::yes() : Support::no(reason);
      },
      [=](const OpQuery& query) {
        const auto alpha = static_cast<float>(query.attrs->get_double("alpha", 0.01));
        return prepare_binary(query, {code, keeps_zero, alpha, 0});
      });
}

float number(const Attrs& attrs, std::string_view name, double fallback) {
  return static_cast<float>(attrs.get_double(name, fallback));
}

}  // namespace

void register_elementwise(KernelTable& table) {
  using E = Element<Unary>;
  add_unary(table, "Relu", [](const Attrs&) { return E{Unary::kRelu, true}; });
  add_unary(table, "Neg",
            [](const Attrs&) { return E{Unary::kNeg, false}; });  // -0 is not all zero bits
  add_unary(table, "Abs", [](const Attrs&) { return E{Unary::kAbs, true}; });
  add_unary(table, "Sqrt", [](const Attrs&) { return E{Unary::kSqrt, true}; });
  add_unary(table, "Reciprocal", [](const Attrs&) { return E{Unary::kReciprocal}; });
  add_unary(table, "Exp", [](const Attrs&) { return E{Unary::kExp}; });
  add_unary(table, "Log", [](const Attrs&) { return E{Unary::kLog}; });
  add_unary(table, "Tanh", [](const Attrs&) { return E{Unary::kTanh, true}; });
  add_unary(table, "Sigmoid", [](const Attrs&) { return E{Unary::kSigmoid}; });
  add_unary(table, "HardSwish", [](const Attrs&) { return E{Unary::kHardSwish, true}; });
  add_unary(table, "LeakyRelu", [](const Attrs& a) {
    const float alpha = number(a, "alpha", 0.01);
    return E{Unary::kLeakyRelu, alpha >= 0, alpha};
  });
  add_unary(table, "Elu", [](const Attrs& a) {
    return E{Unary::kElu, false, number(a, "alpha", 1), number(a, "gamma", 1)};
  });
  add_unary(table, "Selu", [](const Attrs& a) {
    return E{Unary::kElu, false, number(a, "alpha", 1.67326319217681884765625),
             number(a, "gamma", 1.05070102214813232421875)};
  });
  add_unary(table, "HardSigmoid", [](const Attrs& a) {
    return E{Unary::kHardSigmoid, false, number(a, "alpha", 0.2), number(a, "beta", 0.5)};
  });
  add_binary(table, "Add", Binary::kAdd, true);
  add_binary(table, "Sub", Binary::kSub, true);
  add_binary(table, "Mul", Binary::kMul, true);
  add_binary(table, "Div", Binary::kDiv, false);
  add_binary(table, "Max", Binary::kMax, true);
  add_binary(table, "Min", Binary::kMin, true);
  add_binary(table, "ReluGrad", Binary::kReluGrad, true);
  add_binary(table, "LeakyReluGrad", Binary::kLeakyReluGrad, true);
  add_binary(table, "TanhGrad", Binary::kTanhGrad, true);
  add_binary(table, "SigmoidGrad", Binary::kSigmoidGrad, true);
}

}  // namespace temper::cpu
