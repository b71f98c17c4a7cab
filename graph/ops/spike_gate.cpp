// SpikeGate: whether a step that is far above the last good ones is applied, once per optimizer
// step.
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

// window [n], value [], ok bool [] -> ok and no spike, spike, the window of the next step:
//   spike:   value > median(window) + (factor - 1) |median(window)|, once the window is full: its
//            first element is finite
//   window:  a value that is finite and passes goes behind the last one, and the first one goes
void infer_spike_gate(InferContext& c) {
  c.check(is_float(c.dtype(0)) && c.dtype(1) == c.dtype(0) && c.dtype(2) == DType::kBool,
          "expected a window and a value of one float type and a bool, but they are ", c.dtype(0),
          ", ", c.dtype(1), ", ", c.dtype(2));
  c.check(c.rank(0) == 1 && c.shape(0)[0] > 0, "the window is ", c.shape(0),
          ", expected one dimension");
  for (const int i : {1, 2}) {
    c.check(c.shape(i) == Shape{}, "input ", i, " has the shape ", c.shape(i),
            ", expected a scalar");
  }
  c.check(c.attrs().get_double("factor", 0) > 1, "factor must be above 1");
  c.set_output(0, DType::kBool, Shape{});
  c.set_output(1, DType::kBool, Shape{});
  c.set_output(2, c.dtype(0), c.shape(0));
}

}  // namespace

void register_spike_gate(OpRegistry& ops) {
  ops.add("SpikeGate")
      .inputs(3, 3)
      .outputs(3, 3)
      .infer(infer_spike_gate)
      .no_gradient("it compares steps")
      .precision(PrecisionClass::kFloat32)
      .internal();
}

}  // namespace temper::graph
