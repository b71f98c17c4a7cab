#include "models/network.h"

#include <span>
#include <utility>

#include "graph/ir/op_registry.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"

namespace temper::models {

Network::Network(std::uint64_t seed, std::int64_t opset)
    : model_{graph::Graph(graph::standard_ops()), {}, opset}, seed_(seed) {}

Network::Scope::Scope(Network& network, std::string_view name)
    : network_(network), before_(network.scope_) {
  network_.scope_ = network_.path(name);
}

Network::Scope::~Scope() { network_.scope_ = before_; }

std::string Network::path(std::string_view name) const {
  return scope_.empty() ? std::string(name) : concat(scope_, ".", name);
}

ValueId Network::input(const std::string& name, DType dtype, const std::vector<graph::Dim>& dims) {
  return model_.graph.add_input(name, dtype, dims);
}

void Network::output(const std::string& name, ValueId value, const std::vector<graph::Dim>& dims) {
  model_.graph.value(value).dtype = DType::kFloat32;
  model_.graph.add_output(name, value);
  model_.output_dims.push_back(dims);
}

std::string Network::unique(const std::string& name) {
  std::string made = name;
  for (int i = 2; !node_names_.insert(made).second; ++i) {
    made = concat(name, "_", i);
  }
  return made;
}

std::vector<ValueId> Network::ops(std::string_view name, std::vector<ValueId> inputs, int outputs,
                                  Attrs attrs) {
  graph::Graph& graph = model_.graph;
  const std::string label = unique(scope_.empty() ? std::string(name) : concat(scope_, "/", name));
  const NodeId id = graph.add_node(graph.registry().get(name), std::move(inputs),
                                   std::vector<std::string>(static_cast<std::size_t>(outputs)),
                                   std::move(attrs), label);
  graph.node(id).name = label;
  return graph.node(id).outputs;
}

ValueId Network::op(std::string_view name, std::vector<ValueId> inputs, Attrs attrs) {
  return ops(name, std::move(inputs), 1, std::move(attrs)).front();
}

ValueId Network::variable(std::string_view name, const Shape& shape, const Init& init,
                          graph::VariableKind kind) {
  graph::Graph& graph = model_.graph;
  graph::Variable made;
  made.name = path(name);
  TEMPER_ASSERT(!graph.find_variable(made.name).valid(), made.name, " is there already");
  made.identity.kind = kind;
  made.shape = shape;
  made.trainable = kind == graph::VariableKind::kParameter;
  made.stored = draw(init, seed_, static_cast<std::uint64_t>(graph.variable_count()));
  return graph.read_variable(graph.add_variable(std::move(made)));
}

ValueId Network::parameter(std::string_view name, const Shape& shape, const Init& init) {
  return variable(name, shape, init, graph::VariableKind::kParameter);
}

ValueId Network::existing(std::string_view full_name) {
  const VariableId found = model_.graph.find_variable(full_name);
  TEMPER_ASSERT(found.valid(), "no parameter ", full_name);
  return model_.graph.read_variable(found);
}

ValueId Network::statistic(std::string_view name, const Shape& shape, double value) {
  return variable(name, shape, Init::constant(value), graph::VariableKind::kStatistic);
}

ValueId Network::shared_constant(const std::string& name, const Tensor& value) {
  const auto found = constants_.find(name);
  if (found != constants_.end()) {
    return found->second;
  }
  return constants_[name] = model_.graph.add_constant(name, value);
}

ValueId Network::ints(const std::vector<std::int64_t>& values) {
  std::string name = "ints";
  for (const std::int64_t value : values) {
    name += concat("_", value);
  }
  return shared_constant(
      name, Tensor::from<std::int64_t>(DType::kInt64, {static_cast<std::int64_t>(values.size())},
                                       std::span<const std::int64_t>(values)));
}

ValueId Network::whole(std::int64_t value) {
  return shared_constant(concat("int_", value), Tensor::scalar(DType::kInt64, value));
}

ValueId Network::number(double value) {
  return shared_constant(concat("float_", value), Tensor::scalar(DType::kFloat32, value));
}

ValueId Network::constant(std::string_view name, const Shape& shape,
                          const std::vector<float>& values) {
  return shared_constant(
      path(name), Tensor::from<float>(DType::kFloat32, shape, std::span<const float>(values)));
}

}  // namespace temper::models
