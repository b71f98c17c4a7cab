// Optional, OptionalHasElement, OptionalGetElement: a value that may be missing. Whether it is
// there is known when the graph is compiled, so it is the value itself or nothing.
#include "graph/ir/op_def.h"
#include "graph/ops/resolved_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

bool resolve_optional(ResolveContext& c) {
  c.set_output(0, c.has_input(0) ? c.input(0) : c.add_nothing());
  return true;
}

bool resolve_has_element(ResolveContext& c) {
  const bool has = c.has_input(0) && !c.is_nothing(c.input(0));
  c.set_output(0, c.add_constant(Tensor::scalar(DType::kBool, has ? 1 : 0)));
  return true;
}

bool resolve_get_element(ResolveContext& c) {
  c.check(!c.is_nothing(c.input(0)), "the optional value holds nothing");
  c.set_output(0, c.input(0));
  return true;
}

}  // namespace

void register_optional(OpRegistry& ops) {
  const auto add = [&](const char* name, ResolveFunction rule) -> OpDef& {
    return ops.add(name).infer(infer_resolved).resolves(rule);
  };
  add("Optional", resolve_optional).inputs(0, 1).type_attribute("type");
  add("OptionalHasElement", resolve_has_element).inputs(0, 1);
  add("OptionalGetElement", resolve_get_element);
}

}  // namespace temper::graph
