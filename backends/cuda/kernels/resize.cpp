// Resize, Upsample and ResizeGrad, plain or with channels last: both are tensors whose axes are
// resized one by one.
#include "backends/cuda/kernels/resize.h"

#include <algorithm>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/layouts.h"
#include "backends/host/cast_element.h"
#include "backends/host/resize_plan.h"

namespace temper::cuda {
namespace {

constexpr double kMostWeights = 0x1p31;

ResizePlan plan_of(const OpQuery& query, bool backward) {
  const Shape &given = query.inputs[0].shape, &made = query.outputs[0].shape;
  return backward ? plan_resize(*query.attrs, made, given) : plan_resize(*query.attrs, given, made);
}

// Of an axis.
double most_weights(const ResizePlan& plan) {
  double most = 0;
  for (const NumberedAxis& axis : plan.axes) {
    most =
        std::max(most, static_cast<double>(axis.sizes.taps) * static_cast<double>(axis.sizes.out));
  }
  return most;
}

Support supports(const OpQuery& query, bool backward) {
  const DType dtype = query.inputs[0].dtype;
  if (!is_float(dtype) && !is_integer(dtype) && dtype != DType::kBool) {
    return Support::no(concat("no ", dtype));
  }
  if (query.inputs[0].shape.rank() > kMaxAxes) {
    return Support::no(concat("more than ", kMaxAxes, " axes"));
  }
  return most_weights(plan_of(query, backward)) > kMostWeights
             ? Support::no("so small a scale needs too many weights")
             : Support::yes();
}

// Shapes and numbers of axes as they lie in memory.
void take_memory_order(OpQuery& query, ResizePlan& plan) {
  const int rank = query.inputs[0].shape.rank();
  const auto number = [&](int axis) { return axis == 0 ? 0 : axis == 1 ? rank - 1 : axis - 1; };
  for (TensorSpec* spec : {&query.inputs[0], &query.outputs[0]}) {
    const Shape logical = spec->shape;
    for (int axis = 0; axis < rank; ++axis) {
      spec->shape[number(axis)] = logical[axis];
    }
  }
  for (NumberedAxis& axis : plan.axes) {
    axis.axis = number(axis.axis);
  }
}

std::unique_ptr<Kernel> moving_kernel(const OpQuery& query, const ResizePlan& plan) {
  const Shape strides = row_major_strides(query.inputs[0].shape);
  const Shape& y = query.outputs[0].shape;
  const DType dtype = query.inputs[0].dtype;
  const double value = query.attrs->get_double("extrapolation_value", 0);
  const std::uint64_t fill =
      visit_any(dtype, [&]<class T>() { return bits_of(cast_element<T>(value)); });
  ResizeMove move{};
  move.output.rank = y.rank();
  move.output.count = y.element_count();
  for (int axis = 0; axis < y.rank(); ++axis) {
    move.output.sizes[axis] = y[axis];
    move.output.steps[0][axis] = strides[axis];
  }
  std::int64_t places = 0;
  for (const NumberedAxis& axis : plan.axes) {
    places += axis.sizes.out;
  }
  auto kernel = make_kernel([=, bytes = size_of(dtype)](const KernelArgs& args) {
    ResizeMove bound = move;
    auto* first = static_cast<std::int64_t*>(args.workspace);
    auto* weights = reinterpret_cast<double*>(first + places);
    for (const NumberedAxis& axis : plan.axes) {
      fill_tables(plan.rule, axis.sizes, {first, weights}, handle_of(args.stream));
      bound.first[axis.axis] = first;
      first += axis.sizes.out;
      weights += axis.sizes.out;
    }
    resize_moving(bound, bytes, fill, args.inputs[0], args.outputs[0], handle_of(args.stream));
  });
  kernel->workspace_bytes =
      static_cast<std::size_t>(places) * (sizeof(std::int64_t) + sizeof(double));
  return kernel;
}

// Axis after axis; between two of them a tensor is in double.
std::vector<ResizePass> passes_of(const OpQuery& query, const ResizePlan& plan, bool backward) {
  Shape shape = (backward ? query.outputs : query.inputs)[0].shape;
  std::vector<ResizePass> passes;
  for (const NumberedAxis& axis : plan.axes) {
    passes.push_back({axis.sizes, shape.count(0, axis.axis),
                      shape.count(axis.axis + 1, shape.rank()), DType::kFloat64, DType::kFloat64,
                      query.attrs->get_double("extrapolation_value", 0),
                      plan.rule.transform != ResizeTransform::kCrop});
    shape[axis.axis] = axis.sizes.out;
  }
  if (backward) {
    std::reverse(passes.begin(), passes.end());
  }
  passes.front().from = query.inputs[0].dtype;
  passes.back().to = query.outputs[0].dtype;
  return passes;
}

std::unique_ptr<Kernel> weighing_kernel(const OpQuery& query, const ResizePlan& plan,
                                        bool backward) {
  const std::vector<ResizePass> passes = passes_of(query, plan, backward);
  std::int64_t most = 0, places = 0, weights = 0;
  for (std::size_t i = 0; i < passes.size(); ++i) {
    const ResizePass& pass = passes[i];
    const std::int64_t made = pass.outer * pass.inner * (backward ? pass.axis.in : pass.axis.out);
    most = i + 1 < passes.size() ? std::max(most, made) : most;
    places = std::max(places, pass.axis.out);
    weights = std::max(weights, pass.axis.out * pass.axis.taps);
  }
  auto kernel = make_kernel([=, rule = plan.rule](const KernelArgs& args) {
    double* one = static_cast<double*>(args.workspace);
    double* other = one + most;
    const ResizeTables tables{reinterpret_cast<std::int64_t*>(other + most + weights),
                              other + most};
    const void* from = args.inputs[0];
    for (std::size_t i = 0; i < passes.size(); ++i) {
      void* to = i + 1 < passes.size() ? (i % 2 == 0 ? one : other) : args.outputs[0];
      fill_tables(rule, passes[i].axis, tables, handle_of(args.stream));
      resize_pass(passes[i], tables, backward, from, to, handle_of(args.stream));
      from = to;
    }
  });
  kernel->workspace_bytes = static_cast<std::size_t>(2 * most + weights) * sizeof(double) +
                            static_cast<std::size_t>(places) * sizeof(std::int64_t);
  return kernel;
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, bool backward) {
  ResizePlan plan = plan_of(query, backward);
  OpQuery laid = query;
  const bool last = goes_on_last(query.inputs[0]);
  if (last) {
    take_memory_order(laid, plan);
  }
  const bool moves = backward ? plan.axes.empty() : plan.rule.moves;
  auto kernel = moves ? moving_kernel(laid, plan) : weighing_kernel(laid, plan, backward);
  if (last) {
    kernel->input_layouts.resize(query.inputs.size());
    kernel->input_layouts[0] = channels_last(query.inputs[0].shape);
    kernel->output_layouts = {channels_last(query.outputs[0].shape)};
  }
  return kernel;
}

}  // namespace

void register_resize(KernelTable& table) {
  const auto add = [&](const char* op, bool backward) {
    add_row(
        table, op, [backward](const OpQuery& query) { return supports(query, backward); },
        [backward](const OpQuery& query) { return prepare(query, backward); });
  };
  add("Resize", false);
  add("Upsample", false);
  add("ResizeGrad", true);
}

}  // namespace temper::cuda
