// Elementwise ops of f32, f16, bf16 and bool, each a program of one functor, and FusedElementwise,
// a program of several: all by one kernel that interprets it.
#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/expression.h"
#include "backends/cuda/walks.h"
#include "backends/host/kernels/elementwise_ops.h"

namespace temper::cuda {
namespace {

// Tensors aside; empty when the program is too long, else what is wrong.
std::string fill(const OpQuery& query, const Expression& program, DeviceExpression& made) {
  if (program.inputs > kMostExpressionInputs ||
      program.results.size() > static_cast<std::size_t>(kMostExpressionOutputs) ||
      program.code.size() > static_cast<std::size_t>(kMostExpressionCode)) {
    return concat("a program of ", program.inputs, " inputs, ", program.results.size(),
                  " outputs and ", program.code.size(), " instructions is too long");
  }
  const Shape& shape = query.outputs[0].shape;
  std::vector<TensorSpec> repeated;
  made.inputs = static_cast<std::int16_t>(program.inputs);
  made.steps = static_cast<std::int16_t>(program.code.size());
  made.outputs = static_cast<std::int16_t>(program.results.size());
  made.flat = true;
  for (std::size_t i = 0; i < static_cast<std::size_t>(program.inputs); ++i) {
    made.input_types[i] = query.inputs[i].dtype;
    made.flat = made.flat && query.inputs[i].shape == shape;
    repeated.push_back(query.inputs[i]);
  }
  for (std::size_t i = 0; i < program.code.size(); ++i) {
    const Instruction& step = program.code[i];
    DeviceExpression::Step& to = made.code[i];
    to.functor = step.call.functor;
    to.p = static_cast<float>(step.call.p);
    to.q = static_cast<float>(step.call.q);
    for (std::size_t o = 0; o < step.operands.size(); ++o) {
      to.operands[o] = static_cast<std::int16_t>(step.operands[o]);
    }
  }
  for (std::size_t r = 0; r < program.results.size(); ++r) {
    made.results[r] = static_cast<std::int16_t>(program.results[r]);
    made.output_types[r] = query.outputs[r].dtype;
  }
  return set_axes(made.places, broadcast_axes(query.outputs[0], repeated))
             ? std::string{}
             : concat("more than ", kMaxAxes, " axes that cannot be joined");
}

// Each tensor as the program sees it: arithmetic is in f32.
OpQuery widened(OpQuery query) {
  for (auto* specs : {&query.inputs, &query.outputs}) {
    for (TensorSpec& spec : *specs) {
      spec.dtype = size_of(spec.dtype) == 2 && is_float(spec.dtype) ? DType::kFloat32 : spec.dtype;
    }
  }
  return query;
}

Support supports(const OpQuery& query, const Expression& program) {
  std::string reason = refuse_types(widened(query), program);
  DeviceExpression made;
  if (reason.empty()) {
    OpQuery laid = query;
    take_elementwise_layouts(laid);
    reason = fill(laid, program, made);
  }
  return reason.empty() ? Support::yes() : Support::no(reason);
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, const Expression& program) {
  DeviceExpression made;
  OpQuery laid = query;
  take_elementwise_layouts(laid);
  fill(laid, program, made);
  auto kernel = make_kernel([made](const KernelArgs& args) {
    DeviceExpression bound = made;
    for (int i = 0; i < made.inputs; ++i) {
      bound.x[i] = args.inputs[i];
    }
    for (int i = 0; i < made.outputs; ++i) {
      bound.y[i] = args.outputs[i];
    }
    run_expression(bound, handle_of(args.stream));
  });
  // Each thread reads its element before it writes it.
  const Shape& shape = query.outputs[0].shape;
  for (int i = 0; i < made.inputs && made.outputs == 1; ++i) {
    const TensorSpec& input = query.inputs[static_cast<std::size_t>(i)];
    if (input.shape == shape && input.dtype == query.outputs[0].dtype) {
      kernel->inplace.emplace_back(0, i);
    }
  }
  set_layouts(*kernel, laid);
  kernel->description = concat(made.steps, made.steps == 1 ? " functor" : " functors");
  return kernel;
}

}  // namespace

void register_elementwise(KernelTable& table) {
  for (const ElementwiseOp& op : elementwise_ops()) {
    const auto read = op.read;
    add_row(
        table, op.op, [read](const OpQuery& query) { return supports(query, read(*query.attrs)); },
        [read](const OpQuery& query) { return prepare(query, read(*query.attrs)); });
  }
}

}  // namespace temper::cuda
