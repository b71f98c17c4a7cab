// If: the outputs of then_branch where the condition is true, of else_branch otherwise. Where the
// condition is known when the graph is compiled, which shapes often say, the branch stands in its
// place; otherwise a Branch does.
#include "graph/ir/op_def.h"
#include "graph/ops/resolved_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// One of the branches. What does not fit the shapes may be meant for other inputs, such as those of
// another sample rate: that is no mistake of the model.
std::shared_ptr<Body> bound_branch(ResolveContext& c, std::size_t i,
                                   const std::vector<ResolveContext::Formal>& formals) {
  const Body& body = *c.node().bodies[i];
  try {
    return c.bind(body, formals);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidModel) {
      throw;
    }
    Error told(ErrorCode::kUnsupported, error.message());
    for (const std::string& note : error.notes()) {
      told.add_note(note);
    }
    told.add_note(concat("in ", body.attribute,
                         ": both branches must fit the shapes, because the condition is computed "
                         "from data"));
    throw told;
  }
}

bool put_branch(ResolveContext& c) {
  const Value& condition = c.value(c.input(0));
  c.check(condition.dtype == DType::kBool && condition.shape.element_count() == 1,
          "the condition is ", condition.dtype, condition.shape, ", expected one bool");
  std::vector<ResolveContext::Formal> formals;
  std::vector<ValueId> inputs = {c.input(0)};
  for (const ValueId id : c.captures()) {
    formals.push_back(c.formal(id, true));
    if (formals.back().constant == nullptr) {
      inputs.push_back(id);
    }
  }
  const auto on_true = bound_branch(c, 0, formals);
  const auto on_false = bound_branch(c, 1, formals);
  const std::size_t count = c.node().outputs.size();
  c.check(on_true->graph.outputs.size() == count && on_false->graph.outputs.size() == count,
          "its branches have ", on_true->graph.outputs.size(), " and ",
          on_false->graph.outputs.size(), " outputs, expected ", count);
  for (std::size_t i = 0; i < count; ++i) {
    const Value& a = on_true->graph.value(on_true->graph.outputs[i].value);
    const Value& b = on_false->graph.value(on_false->graph.outputs[i].value);
    TEMPER_CHECK(a.dtype == b.dtype && a.shape == b.shape, ErrorCode::kUnsupported, "output ", i,
                 " is ", a.dtype, a.shape, " where its condition holds and ", b.dtype, b.shape,
                 " where not, and the condition is computed from data");
  }
  const std::vector<ValueId> made =
      c.emit("Branch", std::move(inputs), static_cast<int>(count), {}, {on_true, on_false});
  for (std::size_t i = 0; i < count; ++i) {
    c.set_output(i, made[i]);
  }
  return true;
}

bool resolve_if(ResolveContext& c) {
  const Tensor* condition = c.constant(c.input(0));
  if (condition == nullptr) {
    return put_branch(c);
  }
  c.check(condition->element_count() == 1, "the condition has the shape ", condition->shape(),
          ", expected one element");
  const bool holds = condition->values<std::int64_t>().front() != 0;
  const Body& body = *c.node().bodies[holds ? 0 : 1];
  const std::vector<ValueId> outputs = c.splice(body, c.captures(), {});
  c.check(outputs.size() == c.node().outputs.size(), body.attribute, " has ", outputs.size(),
          " outputs, expected ", c.node().outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    c.set_output(i, outputs[i]);
  }
  return true;
}

}  // namespace

void register_if(OpRegistry& ops) {
  ops.add("If")
      .inputs(1, -1)
      .outputs(1, -1)
      .has_bodies({"then_branch", "else_branch"})
      .absorbs({0})
      .infer(infer_resolved)
      .resolves(resolve_if);
}

}  // namespace temper::graph
