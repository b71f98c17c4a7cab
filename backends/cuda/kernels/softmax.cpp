// Softmax, LogSoftmax and their gradients.
#include "backends/cuda/kernels/softmax.h"

#include <string>

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

AxisRows rows_of(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", -1));
  const int positive = axis < 0 ? axis + shape.rank() : axis;
  return {shape.count(0, positive), shape[positive], shape.count(positive + 1, shape.rank())};
}

std::unique_ptr<Kernel> prepare(const OpQuery& query, bool log) {
  auto kernel = make_kernel([rows = rows_of(query), log](const KernelArgs& args) {
    softmax(rows, log, input<float>(args, 0), output<float>(args, 0), handle_of(args.stream));
  });
  kernel->inplace = {{0, 0}};
  return kernel;
}

std::unique_ptr<Kernel> prepare_grad(const OpQuery& query, bool log) {
  auto kernel = make_kernel([rows = rows_of(query), log](const KernelArgs& args) {
    softmax_grad(rows, log, input<float>(args, 0), input<float>(args, 1), output<float>(args, 0),
                 handle_of(args.stream));
  });
  kernel->inplace = {{0, 0}, {0, 1}};
  return kernel;
}

}  // namespace

void register_softmax(KernelTable& table) {
  for (const bool log : {false, true}) {
    const std::string name = log ? "LogSoftmax" : "Softmax";
    add_row(table, name, only_f32, [log](const OpQuery& query) { return prepare(query, log); });
    add_row(table, name + "Grad", only_f32,
            [log](const OpQuery& query) { return prepare_grad(query, log); });
  }
}

}  // namespace temper::cuda
