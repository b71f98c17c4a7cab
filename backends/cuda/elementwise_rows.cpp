// Elementwise ops of f32, f16, bf16 and bool, each a program of one functor, and FusedElementwise,
// a program of several: printed and compiled, or, where there is no compiler, by one kernel that
// interprets it.
#include <algorithm>

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/expression.h"
#include "backends/cuda/printed_programs.h"
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

Support supports(const OpQuery& query, const Expression& program) {
  std::string reason = refuse_types(query, program);
  DeviceExpression made;
  if (reason.empty()) {
    OpQuery laid = query;
    take_elementwise_layouts(laid);
    reason = fill(laid, program, made);
  }
  return reason.empty() ? Support::yes() : Support::no(reason);
}

class ExpressionKernel final : public Kernel {
 public:
  ExpressionKernel(const DeviceExpression& made, PrintedPrograms& programs)
      : made_(made), programs_(&programs), printed_(programs.add(made)) {
    description = concat(made_.steps, made_.steps == 1 ? " functor" : " functors",
                         printed_.kernel == nullptr ? ", interpreted" : ", compiled");
  }
  // By the first of a plan's kernels, for all of them.
  std::unique_ptr<KernelState> bind(const KernelArgs&) const override {
    if (printed_.kernel != nullptr) {
      programs_->compile();
    }
    return nullptr;
  }
  void run(const KernelArgs& args) const override {
    if (printed_.kernel == nullptr) {
      DeviceExpression bound = made_;
      take_addresses(args, bound.x, bound.y);
      run_expression(bound, handle_of(args.stream));
      return;
    }
    PrintedArguments arguments;
    arguments.count = made_.places.count;
    take_addresses(args, arguments.x, arguments.y);
    printed_.kernel->run(arguments, handle_of(args.stream));
  }

 private:
  void take_addresses(const KernelArgs& args, const void** x, void** y) const {
    std::copy_n(args.inputs, made_.inputs, x);
    std::copy_n(args.outputs, made_.outputs, y);
  }

  DeviceExpression made_;
  PrintedPrograms* programs_;  // the backend's
  PrintedUse printed_;
};

std::unique_ptr<Kernel> prepare(const OpQuery& query, const Expression& program,
                                PrintedPrograms& programs) {
  DeviceExpression made;
  OpQuery laid = query;
  take_elementwise_layouts(laid);
  fill(laid, program, made);
  auto kernel = std::make_unique<ExpressionKernel>(made, programs);
  // Each thread reads its element before it writes it.
  const Shape& shape = query.outputs[0].shape;
  for (int i = 0; i < made.inputs && made.outputs == 1; ++i) {
    const TensorSpec& input = query.inputs[static_cast<std::size_t>(i)];
    if (input.shape == shape && input.dtype == query.outputs[0].dtype) {
      kernel->inplace.emplace_back(0, i);
    }
  }
  set_layouts(*kernel, laid);
  return kernel;
}

}  // namespace

void add_elementwise(KernelTable& table, PrintedPrograms& programs) {
  for (const ElementwiseOp& op : elementwise_ops()) {
    const auto read = op.read;
    add_row(
        table, op.op, [read](const OpQuery& query) { return supports(query, read(*query.attrs)); },
        [read, &programs](const OpQuery& query) {
          return prepare(query, read(*query.attrs), programs);
        });
  }
}

}  // namespace temper::cuda
