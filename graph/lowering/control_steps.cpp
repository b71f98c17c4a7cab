#include "graph/lowering/control_steps.h"

#include "graph/ir/body.h"
#include "runtime/base/error.h"
#include "runtime/base/iteration.h"
#include "runtime/exec/control_kernels.h"

namespace temper::graph {
namespace {

BodyPlan plan_of(const Body& body, const Backend& backend, const LowerOptions& options) {
  VariableStore store;  // a body has no variables
  return {lower(body.graph, backend, store, options), body.graph.inputs.size(),
          body.graph.outputs.size()};
}

}  // namespace

SelectedKernel prepare_control(const Node& node, const OpQuery& query, const Backend& backend,
                               const LowerOptions& options) {
  TEMPER_CHECK(backend.memory().is_host(), ErrorCode::kUnsupported,
               "a loop that is not written out, or an If whose condition is computed from data, "
               "runs on the CPU only; write train.device = \"cpu\", or a larger compile.unroll");
  SelectedKernel made;
  made.family = backend.name();
  const auto plan = [&](std::size_t i) { return plan_of(*node.bodies[i], backend, options); };
  if (node.bodies.size() == 2) {
    made.kernel = make_branch_kernel(query, plan(0), plan(1));
  } else if (IterationGradient::is_of(node.attrs)) {
    made.kernel = make_iterate_gradient_kernel(query, plan(0));
  } else {
    made.kernel = make_iterate_kernel(query, plan(0));
  }
  return made;
}

}  // namespace temper::graph
