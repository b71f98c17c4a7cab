// SpikeGate.
#include "backends/cuda/kernels/spike_gate.h"

#include "backends/cuda/kernel_rows.h"

namespace temper::cuda {
namespace {

Support supports(const OpQuery& query) {
  OpQuery floats = query;
  floats.inputs.resize(2);
  floats.outputs.clear();
  return only_f32(floats);
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  return make_kernel([count = query.inputs[0].shape.element_count(),
                      factor = query.attrs->get_double("factor", 0)](const KernelArgs& args) {
    spike_gate(count, factor, input<float>(args, 0), input<float>(args, 1), input<bool>(args, 2),
               output<bool>(args, 0), output<bool>(args, 1), output<float>(args, 2),
               handle_of(args.stream));
  });
}

}  // namespace

void register_spike_gate(KernelTable& table) { add_row(table, "SpikeGate", supports, prepare); }

}  // namespace temper::cuda
