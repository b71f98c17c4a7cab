#include "graph/passes/resolve.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "graph/ir/infer_context.h"
#include "graph/ir/op_def.h"
#include "graph/ir/op_registry.h"
#include "graph/ir/resolve_context.h"
#include "graph/ir/walk.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/gradient_requests.h"

namespace temper::graph {
namespace {

// A short file can hold loops in loops.
constexpr std::int64_t kMostAdded = 200'000;

class Resolver {
 public:
  Resolver(Graph& graph, Graph* mirror, const Backend& reference, const ResolveOptions& options)
      : graph_(graph), mirror_(mirror), folder_(graph, reference), options_(options) {}

  void run() {
    for (const NodeId id : topological_order(graph_)) {
      visit(id);
    }
    for_both([&](Graph& graph) {
      for (Graph::Output& output : graph.outputs) {
        output.value = now(output.value);
      }
      for (UpdateBinding& update : graph.updates) {
        update.value = now(update.value);
      }
      graph.ok = now(graph.ok);
    });
    for (const Graph::Output& output : graph_.outputs) {
      TEMPER_CHECK(!is_structure(output.value), ErrorCode::kUnsupported, "the output '",
                   output.name,
                   "' is a sequence, or an optional value without one; only tensors "
                   "can be given");
    }
  }

 private:
  class Context;

  template <class F>
  void for_both(F f) {
    f(graph_);
    if (mirror_ != nullptr) {
      f(*mirror_);
    }
  }

  // What stands for a value now.
  ValueId now(ValueId id) const {
    const auto found = replaced_.find(id);
    return found == replaced_.end() ? id : found->second;
  }

  bool is_structure(ValueId id) const { return lists_.contains(id) || nothing_.contains(id); }

  // A value made in the place of one, which `first_new` and those after it are, takes its name.
  void replace(ValueId from, ValueId to, int first_new) {
    replaced_[from] = to;
    for_both([&](Graph& graph) {
      std::string name = std::exchange(graph.value(from).name, {});
      if (to.index >= first_new && !name.empty()) {
        graph.value(to).name = std::move(name);
      }
    });
  }

  void remove(NodeId id) {
    for_both([&](Graph& graph) { graph.remove_node(id); });
  }

  void visit(NodeId id) {
    for_both([&](Graph& graph) {
      for (ValueId& input : graph.node(id).inputs) {
        input = now(input);
      }
    });
    if ((graph_.node(id).op->resolve_function != nullptr && resolved(id)) || passed_on(id)) {
      return;
    }
    const Node& node = graph_.node(id);
    TEMPER_CHECK(!in_body_ || !node.op->is_stateful, ErrorCode::kUnsupported, node.origin,
                 " draws other numbers each time, but stands in a loop or branch that is not "
                 "written out");
    infer_node(graph_, id);
    folder_.fold_if_constant(graph_, id);
  }

  bool resolved(NodeId id);

  // A copy of a sequence is that sequence; other ops take tensors.
  bool passed_on(NodeId id) {
    const Node& node = graph_.node(id);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId input = node.inputs[i];
      if (!input.valid() || !is_structure(input)) {
        continue;
      }
      TEMPER_CHECK(node.op->movement == Movement::kSame, ErrorCode::kUnsupported, "input ", i,
                   " of ", node.origin, " is a sequence or an optional value, not a tensor");
      replace(node.outputs.at(0), input, graph_.value_count());
      remove(id);
      return true;
    }
    return false;
  }

  ValueId add_constant(const std::string& name, const Tensor& tensor) {
    ValueId made;
    for_both([&](Graph& graph) { made = graph.add_constant(name, tensor); });
    return made;
  }

  // `like` with these inputs, of which the outputs are new values.
  NodeId add(const Node& like, const std::vector<ValueId>& inputs,
             const std::vector<std::string>& names, const std::string& origin) {
    spend(1);
    NodeId made;
    for_both([&](Graph& graph) {
      made = graph.add_node(*like.op, inputs, names, like.attrs, origin);
      Node& node = graph.node(made);
      node.name = like.name;
      node.scope = like.scope;
      node.bodies = &graph == mirror_ ? mirrored(like.bodies) : like.bodies;
      for (std::size_t i = 0; i < like.outputs.size(); ++i) {
        if (!like.outputs[i].valid()) {
          node.outputs[i] = ValueId{};
        }
      }
    });
    visit(made);
    return made;
  }

  void spend(std::int64_t nodes) {
    added_ += nodes;
    TEMPER_CHECK(added_ <= kMostAdded, ErrorCode::kUnsupported,
                 "writing out the model's loops gives more than ", kMostAdded,
                 " nodes; loops of more than compile.unroll steps are not written out");
  }

  const std::vector<NodeId>& order_of(const Body& body) {
    const auto [found, fresh] = orders_.emplace(&body, std::vector<NodeId>{});
    if (fresh) {
      found->second = topological_order(body.graph);
    }
    return found->second;
  }

  std::vector<ValueId> splice(const Body& body, const std::vector<ValueId>& inputs,
                              const std::string& where) {
    const Graph& part = body.graph;
    TEMPER_CHECK(inputs.size() == part.inputs.size(), ErrorCode::kInvalidModel, body.attribute,
                 " has ", part.inputs.size(), " inputs, but is given ", inputs.size());
    std::vector<ValueId> moved(static_cast<std::size_t>(part.value_count()));
    const auto index = [](ValueId id) { return static_cast<std::size_t>(id.index); };
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      moved[index(part.inputs[i])] = inputs[i];
    }
    const auto move = [&](ValueId id) {
      if (!id.valid()) {
        return id;
      }
      ValueId& to = moved[index(id)];
      const Value& value = part.value(id);
      if (!to.valid() && value.kind == ValueKind::kConstant) {
        to = add_constant({}, value.constant);
      }
      return now(to);
    };
    for (const NodeId id : order_of(body)) {
      const Node& node = part.node(id);
      std::vector<ValueId> given;
      for (const ValueId input : node.inputs) {
        given.push_back(move(input));
      }
      // Of what is there once, names stay.
      std::vector<std::string> names(node.outputs.size());
      for (std::size_t i = 0; i < names.size(); ++i) {
        names[i] = node.outputs[i].valid() && where.empty() ? part.value(node.outputs[i]).name : "";
      }
      const NodeId made =
          add(node, given, names, where.empty() ? node.origin : concat(node.origin, ", ", where));
      for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (node.outputs[i].valid()) {
          moved[index(node.outputs[i])] = graph_.node(made).outputs[i];
        }
      }
    }
    std::vector<ValueId> outputs;
    for (const Graph::Output& output : part.outputs) {
      outputs.push_back(move(output.value));
      TEMPER_ASSERT(outputs.back().valid(), output.name);
    }
    return outputs;
  }

  std::shared_ptr<Body> bind(const Body& body, const std::vector<ResolveContext::Formal>& inputs) {
    spend(body.graph.node_count());
    const auto made = std::make_shared<Body>(body);
    Graph& part = made->graph;
    TEMPER_CHECK(inputs.size() == part.inputs.size(), ErrorCode::kInvalidModel, body.attribute,
                 " has ", part.inputs.size(), " inputs, but is given ", inputs.size());
    std::vector<ValueId> left;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Value& value = part.value(part.inputs[i]);
      value.dtype = inputs[i].dtype;
      value.shape = inputs[i].shape;
      value.shape_known = true;
      if (inputs[i].constant != nullptr) {
        value.kind = ValueKind::kConstant;
        value.constant = *inputs[i].constant;
        if (inputs[i].from.valid()) {
          made->constants.push_back({part.inputs[i], inputs[i].from});
        }
      } else {
        left.push_back(part.inputs[i]);
      }
    }
    part.inputs = std::move(left);
    std::shared_ptr<Body> mirrored;
    if (mirror_ != nullptr) {
      mirrored = std::make_shared<Body>(*made);
    }
    Resolver inner(part, mirrored == nullptr ? nullptr : &mirrored->graph, folder_.reference(),
                   options_);
    inner.in_body_ = true;
    inner.added_ = added_;
    inner.run();
    added_ = inner.added_;
    number_ports(part);
    mirrors_[made.get()] = mirrored;
    return made;
  }

  // The bodies of a node in the mirror: without shapes, and with what was done to the bound ones
  // since.
  std::vector<std::shared_ptr<const Body>> mirrored(
      const std::vector<std::shared_ptr<const Body>>& bodies) const {
    std::vector<std::shared_ptr<const Body>> made;
    for (const std::shared_ptr<const Body>& body : bodies) {
      const auto found = mirrors_.find(body.get());
      if (found == mirrors_.end()) {
        made.push_back(body);  // of the file, not bound yet
        continue;
      }
      Graph& graph = found->second->graph;
      for (int i = graph.value_count(); i < body->graph.value_count(); ++i) {
        const Value& added = body->graph.value(ValueId{i});
        graph.add_input(added.name, added.dtype, added.shape);
      }
      graph.inputs = body->graph.inputs;
      graph.outputs = body->graph.outputs;
      number_ports(graph);
      made.push_back(found->second);
    }
    return made;
  }

  bool attempt(const std::function<bool()>& f) {
    const int nodes = graph_.node_count();
    const int values = graph_.value_count();
    const std::int64_t added = added_;
    if (f()) {
      return true;
    }
    added_ = added;
    for_both([&](Graph& graph) {
      for (int i = nodes; i < graph.node_count(); ++i) {
        graph.remove_node(NodeId{i});
      }
      for (int i = values; i < graph.value_count(); ++i) {
        graph.value(ValueId{i}).name.clear();
      }
    });
    return false;
  }

  Graph& graph_;
  Graph* mirror_;
  ConstantFolder folder_;
  const ResolveOptions& options_;
  std::map<ValueId, ValueId> replaced_;
  std::map<ValueId, std::vector<ValueId>> lists_;
  std::set<ValueId> nothing_;
  std::map<const Body*, std::vector<NodeId>> orders_;
  std::map<const Body*, std::shared_ptr<Body>> mirrors_;  // of bound bodies
  bool in_body_ = false;
  std::int64_t added_ = 0;
};

class Resolver::Context final : public ResolveContext {
 public:
  Context(Resolver& resolver, NodeId id)
      : ResolveContext(resolver.graph_.node(id)),
        resolver_(resolver),
        outputs_(node().outputs.size()) {}

  const Value& value(ValueId id) const override { return resolver_.graph_.value(id); }

  bool is_list(ValueId id) const override { return resolver_.lists_.contains(id); }
  std::vector<ValueId> list(std::size_t i) const override {
    const auto found = resolver_.lists_.find(input(i));
    check(found != resolver_.lists_.end(), "input ", i, " is no sequence");
    return found->second;
  }
  ValueId add_list(std::vector<ValueId> values) override {
    const ValueId id = stand_in();
    resolver_.lists_[id] = std::move(values);
    return id;
  }
  bool is_nothing(ValueId id) const override { return resolver_.nothing_.contains(id); }
  ValueId add_nothing() override {
    const ValueId id = stand_in();
    resolver_.nothing_.insert(id);
    return id;
  }

  ValueId add_constant(Tensor tensor) override { return resolver_.add_constant({}, tensor); }
  std::vector<ValueId> emit(std::string_view op, std::vector<ValueId> inputs, int outputs,
                            Attrs attrs, Bodies bodies) override {
    Node like;
    like.op = &resolver_.graph_.registry().get(op);
    like.attrs = std::move(attrs);
    like.bodies = std::move(bodies);
    like.name = node().name;
    like.scope = node().scope;
    const std::vector<std::string> unnamed(static_cast<std::size_t>(outputs));
    const NodeId made = resolver_.add(like, inputs, unnamed, node().origin);
    return resolver_.graph_.node(made).outputs;
  }
  std::vector<ValueId> splice(const Body& body, const std::vector<ValueId>& inputs,
                              const std::string& where) override {
    return resolver_.splice(body, inputs, where);
  }
  std::shared_ptr<Body> bind(const Body& body, const std::vector<Formal>& inputs) override {
    return resolver_.bind(body, inputs);
  }
  std::int64_t unroll() const override { return resolver_.options_.unroll; }
  std::int64_t max_trip_count() const override { return resolver_.options_.max_trip_count; }
  bool attempt(const std::function<bool()>& f) override { return resolver_.attempt(f); }
  void set_output(std::size_t i, ValueId id) override { outputs_.at(i) = id; }

  const std::vector<ValueId>& outputs() const { return outputs_; }

 private:
  ValueId stand_in() { return integer(0); }

  Resolver& resolver_;
  std::vector<ValueId> outputs_;
};

bool Resolver::resolved(NodeId id) {
  const int first_new = graph_.value_count();
  Context context(*this, id);
  try {
    if (!context.node().op->resolve_function(context)) {
      return false;
    }
  } catch (Error& error) {
    error.add_note(concat("in ", context.node().origin));
    throw;
  }
  for (std::size_t i = 0; i < context.outputs().size(); ++i) {
    const ValueId output = context.node().outputs[i];
    if (output.valid()) {
      TEMPER_ASSERT(context.outputs()[i].valid(), "output ", i, " of ", context.node().origin);
      replace(output, context.outputs()[i], first_new);
    }
  }
  remove(id);
  return true;
}

}  // namespace

void infer_and_resolve(Graph& graph, Graph* mirror, const Backend& reference,
                       const ResolveOptions& options) {
  Resolver(graph, mirror, reference, options).run();
  answer_gradient_requests(graph);
}

}  // namespace temper::graph
