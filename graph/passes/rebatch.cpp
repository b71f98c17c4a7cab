#include "graph/passes/rebatch.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "graph/ir/batch_context.h"
#include "graph/ir/body.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/verify.h"
#include "graph/ir/walk.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/picks_in_sample.h"
#include "runtime/base/error.h"
#include "runtime/base/iteration.h"

namespace temper::graph {
namespace {

class Rebatcher {
 public:
  // `old`: the same graph bound at the batch size `from`, so with all shapes and resolved
  // attributes.
  Rebatcher(Graph& graph, const Graph& old, std::int64_t from, std::int64_t to,
            const Backend& reference)
      : graph_(graph),
        old_(old),
        from_(from),
        to_(to),
        folder_(graph, reference),
        axes_(static_cast<std::size_t>(graph.value_count())) {}

  void run() {
    for (const ValueId id : graph_.inputs) {
      const Shape &now = graph_.value(id).shape, &then = old_.value(id).shape;
      if (now.rank() > 0 && then[0] == from_ && now[0] == to_) {
        axis(id) = 0;
      }
    }
    visit_all();
  }

  BatchTrace trace() const {
    const auto given = axes_.begin() + old_.value_count();
    return {{axes_.begin(), given}, rewritten_, picking_};
  }

 private:
  void visit_all() {
    for (const NodeId id : topological_order(graph_)) {
      visit(id);
    }
  }

  BatchAxis& axis(ValueId id) { return axes_[static_cast<std::size_t>(id.index)]; }

  const Node& old_node(NodeId id) const { return old_.node(id); }
  const Shape& old_shape(ValueId id) const { return old_.value(id).shape; }

  Shape scaled(Shape shape, int at) const {
    shape[at] = checked_multiply(shape[at] / from_, to_, "a batch dimension");
    return shape;
  }

  void visit(NodeId id) {
    if (!old_node(id).bodies.empty()) {
      return visit_bodies(id);
    }
    const Node& was = old_node(id);
    std::vector<BatchAxis> axes;
    for (const ValueId input : was.inputs) {
      axes.push_back(input.valid() ? axis(input) : BatchAxis{});
    }
    const bool follows =
        std::any_of(axes.begin(), axes.end(), [](const BatchAxis& one) { return one.has_value(); });
    std::vector<int> expected;
    if (follows) {
      expected = follow(id, axes);
    }
    infer(id);
    for (std::size_t i = 0; i < was.outputs.size(); ++i) {
      if (was.outputs[i].valid() && graph_.value(was.outputs[i]).dtype != DType::kOpaque) {
        axis(was.outputs[i]) = follows ? checked_axis(was, i, expected[i]) : found_axis(was, i);
      }
    }
    folder_.fold_if_constant(graph_, id);
  }

  // A loop or branch: its bodies get the new batch size as the graph itself does.
  void visit_bodies(NodeId id) {
    const Node& was = old_node(id);
    const bool loop = was.bodies.size() == 1;
    const Iteration parts = loop ? Iteration::of(was.attrs) : Iteration{};
    std::vector<BatchAxis> expected(was.outputs.size());
    for (std::size_t k = 0; k < was.bodies.size(); ++k) {
      const auto body = std::make_shared<Body>(*graph_.node(id).bodies[k]);
      for (const Body::Constant& constant : body->constants) {
        const Value& outer = graph_.value(constant.outer);
        TEMPER_CHECK(outer.kind == ValueKind::kConstant, ErrorCode::kUnsupported, was.origin,
                     " reads a number that is not known for another batch size", kRebatchAdvice);
        body->graph.value(constant.inner).constant = outer.constant;
        body->graph.value(constant.inner).shape = outer.shape;
      }
      Rebatcher inner(body->graph, was.bodies[k]->graph, from_, to_, folder_.reference());
      for (std::size_t i = loop ? 1 : 0; i < body->graph.inputs.size(); ++i) {
        const std::size_t from = loop ? Iteration::kFirst + i - 1 : i + 1;
        inner.give(body->graph.inputs[i], graph_.value(was.inputs[from]), axis(was.inputs[from]),
                   loop && i >= parts.body_slice(0) && i < parts.body_capture(0));
      }
      inner.visit_all();
      for (std::size_t i = 0; i < expected.size() && i < body->graph.outputs.size(); ++i) {
        BatchAxis made = inner.axis(body->graph.outputs[i].value);
        const bool state = loop && i < parts.states;
        const bool stacked = loop && !state && i < parts.tape();
        made = stacked && made ? BatchAxis(*made + 1) : made;
        const BatchAxis wanted = state ? axis(was.inputs[parts.state(i)]) : expected[i];
        TEMPER_CHECK((!state && k == 0) || made == wanted, ErrorCode::kUnsupported, was.origin,
                     " has the batch along another axis of output ", i, " than before",
                     kRebatchAdvice);
        expected[i] = made;
      }
      graph_.node(id).bodies[k] = body;
    }
    infer(id);
    for (std::size_t i = 0; i < was.outputs.size(); ++i) {
      if (was.outputs[i].valid() && graph_.value(was.outputs[i]).dtype != DType::kOpaque) {
        axis(was.outputs[i]) =
            expected[i] ? checked_axis(was, i, *expected[i]) : found_axis(was, i);
      }
    }
  }

  // An input of a body, which is `outer`, or a slice of it.
  void give(ValueId id, const Value& outer, const BatchAxis& along, bool slice) {
    Value& value = graph_.value(id);
    value.dtype = outer.dtype;
    value.shape = outer.shape;
    axis(id) = along;
    if (slice) {
      value.shape = Shape{};
      for (int a = 1; a < outer.shape.rank(); ++a) {
        value.shape.push_back(outer.shape[a]);
      }
      TEMPER_CHECK(along != BatchAxis(0), ErrorCode::kUnsupported,
                   "a Scan goes over the samples of the batch", kRebatchAdvice);
      axis(id) = along ? BatchAxis(*along - 1) : along;
    }
    value.shape_known = true;
  }

  // The batch's axis in each output; numbers that hold the old batch size become the new one's.
  std::vector<int> follow(NodeId id, const std::vector<BatchAxis>& axes) {
    if (from_ == 1 && pick_in_sample(graph_, old_, id, to_, axes)) {
      rewritten_.push_back(id);
      picking_.push_back(id);
      axes_.resize(static_cast<std::size_t>(graph_.value_count()));
      return {0};
    }
    const OpDef& op = *old_node(id).op;
    TEMPER_CHECK(op.batch_function != nullptr, ErrorCode::kUnsupported, old_node(id).origin,
                 " may mix the samples of a batch", kRebatchAdvice);
    const BatchContext told(old_, old_node(id), from_, axes);
    const int expected = op.batch_function(told);
    std::vector<int> of_outputs;
    for (std::size_t i = 0; i < old_node(id).outputs.size(); ++i) {
      of_outputs.push_back(told.axis_of_output(static_cast<int>(i), expected));
    }
    if (op.rebatch_function != nullptr) {
      RebatchContext context(graph_, old_, id, from_, to_, axes, expected);
      const std::vector<ValueId> inputs = graph_.node(id).inputs;
      op.rebatch_function(context);
      if (graph_.node(id).inputs != inputs) {
        rewritten_.push_back(id);
      }
      axes_.resize(static_cast<std::size_t>(graph_.value_count()));
    }
    return of_outputs;
  }

  void infer(NodeId id) {
    try {
      infer_node(graph_, id);
    } catch (Error& error) {
      error.add_note(concat("while changing the batch size of the model from ", from_, " to ", to_,
                            kRebatchAdvice));
      throw;
    }
  }

  BatchAxis checked_axis(const Node& was, std::size_t output, int expected) const {
    const Shape& now = graph_.value(was.outputs[output]).shape;
    const Shape& then = old_shape(was.outputs[output]);
    TEMPER_CHECK(now == scaled(then, expected), ErrorCode::kUnsupported, was.origin, " gives ",
                 then, " for a batch of ", from_, " and ", now, " for one of ", to_, ", expected ",
                 scaled(then, expected), kRebatchAdvice);
    return expected;
  }

  // Of a value that no batch flows into, but whose shape was computed from the batch's.
  BatchAxis found_axis(const Node& was, std::size_t output) const {
    const Shape& now = graph_.value(was.outputs[output]).shape;
    const Shape& then = old_shape(was.outputs[output]);
    if (now == then) {
      return {};
    }
    for (int a = 0; a < now.rank() && now.rank() == then.rank(); ++a) {
      if (then[a] % from_ == 0 && now == scaled(then, a)) {
        return a;
      }
    }
    fail(ErrorCode::kUnsupported, was.origin, " gives ", then, " for a batch of ", from_, " and ",
         now, " for one of ", to_, kRebatchAdvice);
  }

  Graph& graph_;
  const Graph& old_;
  std::int64_t from_;
  std::int64_t to_;
  ConstantFolder folder_;
  std::vector<BatchAxis> axes_;
  std::vector<NodeId> rewritten_;
  std::vector<NodeId> picking_;
};

}  // namespace

void rebatch(Graph& graph, const std::map<std::string, std::int64_t>& symbols, std::int64_t from,
             std::int64_t to, const Backend& reference, BatchTrace* trace,
             const ResolveOptions& options) {
  TEMPER_CHECK(from > 0, ErrorCode::kInvalidArgument, "a batch size of ", from,
               " cannot be replaced");
  Graph old = graph;
  bool any = false;
  std::map<std::string, std::int64_t> old_symbols = symbols;
  for (const ValueId id : graph.inputs) {
    Value& input = graph.value(id);
    if (input.dims.empty()) {
      continue;
    }
    if (input.dims[0].value == from) {
      input.dims[0] = Dim{to, {}};
      any = true;
    } else if (input.dims[0].value < 0) {
      old_symbols[input.dims[0].symbol] = from;
    }
  }
  TEMPER_CHECK(any, ErrorCode::kInvalidArgument, "no input of the model has the batch size ", from);
  bind_shapes(old, old_symbols, from, reference, options, &graph);
  bind_inputs(graph, symbols, to);
  Rebatcher rebatcher(graph, old, from, to, reference);
  rebatcher.run();
  if (trace != nullptr) {
    *trace = rebatcher.trace();
  }
  verify(graph, "rebatch");
}

}  // namespace temper::graph
