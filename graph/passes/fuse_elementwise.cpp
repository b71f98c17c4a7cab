#include "graph/passes/fuse_elementwise.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "graph/ir/broadcast.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "runtime/base/concat.h"
#include "runtime/base/expression.h"

namespace temper::graph {
namespace {

// What a backend must be able to hold of a program at a time.
constexpr std::size_t kMostNodes = 16;
constexpr std::size_t kMostInputs = 24;
constexpr int kMostInstructions = 40;

bool is_low(DType dtype) { return dtype == DType::kFloat16 || dtype == DType::kBFloat16; }
bool is_number(DType dtype) { return dtype == DType::kFloat32 || is_low(dtype); }

// What a node is in a chain: a functor, or a cast.
struct Part {
  bool converts = false;
  FunctorCall call;
};

class ElementwiseFusion {
 public:
  explicit ElementwiseFusion(Graph& graph)
      : graph_(graph),
        users_(users(graph)),
        chains_of_(static_cast<std::size_t>(graph.node_count())) {
    for (const Graph::Output& output : graph.outputs) {
      keep(output.value);
    }
    for (const UpdateBinding& update : graph.updates) {
      keep(update.value);
    }
    keep(graph.ok);
  }

  // From the last node to the first: all users of a node have found their chains before it.
  void run() {
    const std::vector<NodeId> order = topological_order(graph_);
    for (auto it = order.rbegin(); it != order.rend(); ++it) {
      if (part_of(*it)) {
        join(*it);
      }
    }
    for (std::vector<NodeId>& chain : chains_) {
      std::reverse(chain.begin(), chain.end());
      if (chain.size() > 1) {
        replace(chain);
      }
    }
    for (const NodeId id : absorbed_) {
      graph_.remove_node(id);
    }
  }

 private:
  static constexpr std::size_t kMostCopies = 2;

  const Value& output_of(NodeId id) const { return graph_.value(graph_.node(id).outputs.front()); }

  void keep(ValueId id) {
    if (id.valid()) {
      users_[static_cast<std::size_t>(id.index)].push_back(NodeId{});
    }
  }

  // What a node is that can be part of a chain.
  std::optional<Part> part_of(NodeId id) const {
    const Node& node = graph_.node(id);
    if (node.removed || node.outputs.size() != 1 || output_of(id).shape.element_count() == 0) {
      return std::nullopt;
    }
    const DType made = output_of(id).dtype;
    if (node.op->movement == Movement::kConvert) {
      const Value& from = graph_.value(node.inputs.front());
      return node.inputs.size() == 1 && from.kind != ValueKind::kConstant &&
                     is_number(from.dtype) && is_number(made) && from.dtype != made
                 ? std::optional(Part{true, {}})
                 : std::nullopt;
    }
    const std::optional<FunctorCall> call =
        node.op->functor_function == nullptr ? std::nullopt : node.op->functor_function(node.attrs);
    if (!call || static_cast<int>(node.inputs.size()) != operand_count(call->functor)) {
      return std::nullopt;
    }
    const bool fits = (yields_truth(call->functor) ? made == DType::kBool : is_number(made)) &&
                      std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId input) {
                        return input.valid() && (is_number(graph_.value(input).dtype) ||
                                                 graph_.value(input).dtype == DType::kBool);
                      });
    return fits ? std::optional(Part{false, *call}) : std::nullopt;
  }

  // Whether the node's functor makes more digits than its type has.
  bool rounds(NodeId id, const Part& part) const {
    return is_low(output_of(id).dtype) && !keeps_rounded(part.call.functor);
  }

  // At most so many instructions.
  int instructions_of(const std::vector<NodeId>& chain) const {
    int count = 0;
    for (const NodeId id : chain) {
      const Node& node = graph_.node(id);
      const Part part = *part_of(id);
      count += (part.converts ? 0 : 1) + (rounds(id, part) ? 1 : 0);
      count += static_cast<int>(std::count_if(node.inputs.begin(), node.inputs.end(),
                                              [&](ValueId x) { return is_constant(x); }));
    }
    return count;
  }

  bool fits_behind(NodeId id, const std::vector<NodeId>& chain) const {
    if (output_of(chain.front()).shape != output_of(id).shape || chain.size() >= kMostNodes) {
      return false;
    }
    std::vector<NodeId> longer = chain;
    longer.push_back(id);
    return instructions_of(longer) <= kMostInstructions &&
           inputs_of(longer, true).size() <= kMostInputs;
  }

  // To the chains of all its users when it may, else to a new one. To two chains, usually one
  // forward and one backward, where a copy in each reads no more than what the node itself reads:
  // then its value is not stored between them.
  void join(NodeId id) {
    std::vector<int> chains = chains_of_users(id);
    const bool fits = std::all_of(chains.begin(), chains.end(), [&](int chain) {
      return fits_behind(id, chains_[static_cast<std::size_t>(chain)]);
    });
    if (chains.size() > (reads_one_tensor(id) ? kMostCopies : 1) || !fits) {
      chains.clear();
    }
    if (chains.empty()) {
      chains = {static_cast<int>(chains_.size())};
      chains_.emplace_back();
    }
    for (const int chain : chains) {
      chains_[static_cast<std::size_t>(chain)].push_back(id);
    }
    chains_of_[static_cast<std::size_t>(id.index)] = std::move(chains);
  }

  // None where a user is in no chain.
  std::vector<int> chains_of_users(NodeId id) const {
    std::vector<int> chains;
    for (const NodeId user :
         users_[static_cast<std::size_t>(graph_.node(id).outputs.front().index)]) {
      if (!user.valid() || chains_of_[static_cast<std::size_t>(user.index)].empty()) {
        return {};
      }
      for (const int chain : chains_of_[static_cast<std::size_t>(user.index)]) {
        if (std::find(chains.begin(), chains.end(), chain) == chains.end()) {
          chains.push_back(chain);
        }
      }
    }
    return chains;
  }

  // Whether at most one input has the output's size. Not where the output is half of it.
  bool reads_one_tensor(NodeId id) const {
    if (part_of(id)->converts && is_low(output_of(id).dtype)) {
      return false;
    }
    std::set<ValueId> tensors;
    for (const ValueId input : graph_.node(id).inputs) {
      if (graph_.value(input).shape.element_count() == output_of(id).shape.element_count()) {
        tensors.insert(input);
      }
    }
    return tensors.size() <= 1;
  }

  bool is_constant(ValueId id) const {
    const Value& value = graph_.value(id);
    return value.kind == ValueKind::kConstant && is_number(value.dtype) &&
           value.shape.element_count() == 1;
  }

  // What the chain reads of others, each value once. Constant numbers are left out, which become
  // part of the program, unless they give the output its shape.
  std::vector<ValueId> inputs_of(const std::vector<NodeId>& chain, bool with_numbers) const {
    std::vector<ValueId> inputs;
    for (const NodeId id : chain) {
      for (const ValueId input : graph_.node(id).inputs) {
        const Value& value = graph_.value(input);
        const bool inner = value.kind == ValueKind::kNode &&
                           std::find(chain.begin(), chain.end(), value.producer) != chain.end();
        if (!inner && (with_numbers || !is_constant(input)) &&
            std::find(inputs.begin(), inputs.end(), input) == inputs.end()) {
          inputs.push_back(input);
        }
      }
    }
    return inputs;
  }

  Shape broadcast_shape(const std::vector<ValueId>& inputs) const {
    Shape shape;
    for (const ValueId input : inputs) {
      shape = broadcast(shape, graph_.value(input).shape);
    }
    return shape;
  }

  Expression program_of(const std::vector<NodeId>& chain,
                        const std::vector<ValueId>& inputs) const {
    Expression program;
    program.inputs = static_cast<int>(inputs.size());
    std::map<ValueId, int> number_of;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      number_of[inputs[i]] = static_cast<int>(i);
    }
    const auto add = [&](const Instruction& instruction) {
      program.code.push_back(instruction);
      return program.value_count() - 1;
    };
    for (const NodeId id : chain) {
      const Node& node = graph_.node(id);
      const Part part = *part_of(id);
      Instruction instruction{part.call, {-1, -1, -1}};
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (!number_of.contains(node.inputs[i])) {
          const double number = graph_.value(node.inputs[i]).constant.values<double>().front();
          number_of[node.inputs[i]] = add({{Functor::kConstant, number}, {-1, -1, -1}});
        }
        instruction.operands[i] = number_of.at(node.inputs[i]);
      }
      int made = part.converts ? instruction.operands[0] : add(instruction);
      // The last one is rounded where it is stored.
      if (rounds(id, part) && (id != chain.back() || made < program.inputs)) {
        made = add({{rounding_to(output_of(id).dtype)}, {made, -1, -1}});
      }
      number_of[node.outputs.front()] = made;
    }
    program.results = {number_of.at(output_of_last(chain))};
    return program;
  }

  static Functor rounding_to(DType dtype) {
    return dtype == DType::kFloat16 ? Functor::kRoundFloat16 : Functor::kRoundBFloat16;
  }

  ValueId output_of_last(const std::vector<NodeId>& chain) const {
    return graph_.node(chain.back()).outputs.front();
  }

  // The chain's last node becomes the fused one: its output stays the same value, and the order of
  // the other nodes what it was.
  void replace(const std::vector<NodeId>& chain) {
    const Shape shape = output_of(chain.back()).shape;
    std::vector<ValueId> inputs = inputs_of(chain, false);
    if (inputs.empty() || broadcast_shape(inputs) != shape) {
      inputs = inputs_of(chain, true);
    }
    Attrs attrs;
    set_expression(attrs, program_of(chain, inputs));
    DType of_inputs = DType::kBool;
    for (const ValueId input : inputs) {
      of_inputs = graph_.value(input).dtype != DType::kBool ? graph_.value(input).dtype : of_inputs;
    }
    const DType made_type = output_of(chain.back()).dtype;
    if (made_type != DType::kBool && made_type != of_inputs) {
      attrs.set("to", std::string(to_string(made_type)));
    }
    Builder builder(graph_, concat(graph_.node(chain.back()).origin, " (", chain.size(), " ops)"));
    const ValueId made = builder.op("FusedElementwise", std::move(inputs), std::move(attrs));
    Node fused = graph_.node(graph_.value(made).producer);
    graph_.remove_node(graph_.value(made).producer);
    fused.outputs = graph_.node(chain.back()).outputs;
    graph_.node(chain.back()) = std::move(fused);
    absorbed_.insert(absorbed_.end(), chain.begin(), chain.end() - 1);
  }

  Graph& graph_;
  std::vector<std::vector<NodeId>> users_;   // an invalid node: the graph itself
  std::vector<std::vector<int>> chains_of_;  // per node
  std::vector<std::vector<NodeId>> chains_;
  std::vector<NodeId> absorbed_;
};

}  // namespace

void fuse_elementwise(Graph& graph) { ElementwiseFusion(graph).run(); }

}  // namespace temper::graph
