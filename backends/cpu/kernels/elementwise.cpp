// Elementwise ops of f32, f16, bf16 and bool, each a program of one functor, and FusedElementwise,
// a program of several. Inputs of one shape are walked in memory order, whatever their layout;
// broadcasting is done on plain tensors.
#include "backends/cpu/expression_kernel.h"
#include "backends/host/kernels/elementwise_ops.h"
#include "runtime/backend/kernel_table.h"

namespace temper::cpu {
namespace {

Support answer(std::string reason) {
  return reason.empty() ? Support::yes() : Support::no(std::move(reason));
}

}  // namespace

void register_elementwise(KernelTable& table) {
  for (const ElementwiseOp& op : elementwise_ops()) {
    const auto read = op.read;
    table.add(
        op.op, "cpu",
        [read](const OpQuery& query) {
          return answer(refuse_expression(query, read(*query.attrs)));
        },
        [read](const OpQuery& query) { return prepare_expression(query, read(*query.attrs)); });
  }
}

}  // namespace temper::cpu
