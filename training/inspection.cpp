#include "training/inspection.h"

#include <algorithm>

#include "backends/backends.h"
#include "graph/ir/op_def.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"
#include "training/precision.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::Node;
using graph::ValueId;

std::size_t at(ValueId id) { return static_cast<std::size_t>(id.index); }

// Values that depend on a trainable variable. Imported nodes are in topological order.
std::vector<bool> trained_values(const Graph& graph) {
  std::vector<bool> trained(static_cast<std::size_t>(graph.value_count()), false);
  for (int i = 0; i < graph.value_count(); ++i) {
    const graph::Value& value = graph.value(ValueId{i});
    trained[at(ValueId{i})] =
        value.kind == graph::ValueKind::kVariable && graph.variable(value.variable).trainable;
  }
  for (int i = 0; i < graph.node_count(); ++i) {
    const Node& node = graph.node(graph::NodeId{i});
    const bool any = std::any_of(node.inputs.begin(), node.inputs.end(),
                                 [&](ValueId id) { return id.valid() && trained[at(id)]; });
    // A gradient stops on purpose at comparisons, shapes and the like.
    const bool passes = any && !node.removed && node.op->no_gradient_reason.empty();
    for (const ValueId id : node.outputs) {
      if (id.valid() && passes) {
        trained[at(id)] = true;
      }
    }
  }
  return trained;
}

}  // namespace

std::vector<std::string> nodes_without_gradient(const Graph& imported) {
  const std::vector<bool> trained = trained_values(imported);
  std::vector<bool> needed(static_cast<std::size_t>(imported.value_count()), false);
  for (const Graph::Output& output : imported.outputs) {
    needed[at(output.value)] = true;
  }
  std::vector<std::string> found;
  for (int i = imported.node_count() - 1; i >= 0; --i) {
    const Node& node = imported.node(graph::NodeId{i});
    const bool on_the_way =
        !node.removed && std::any_of(node.outputs.begin(), node.outputs.end(), [&](ValueId id) {
          return id.valid() && needed[at(id)] && trained[at(id)];
        });
    if (!on_the_way) {
      continue;
    }
    for (const ValueId id : node.inputs) {
      if (id.valid()) {
        needed[at(id)] = true;
      }
    }
    if (!node.op->is_differentiable()) {
      found.push_back(node.origin);
    }
  }
  std::reverse(found.begin(), found.end());
  return found;
}

std::string guess_loss(const graph::OnnxModel& model) {
  const std::vector<graph::OnnxValueInfo> outputs = model.outputs();
  const bool classes = !outputs.empty() && outputs.front().rank_known &&
                       outputs.front().dims.size() == 2 && outputs.front().dims[1].value > 1;
  return classes ? "cross_entropy" : "mse";
}

TrainingPreview::TrainingPreview(const graph::OnnxModel& model, const std::string& loss,
                                 std::map<std::string, std::int64_t> symbols,
                                 std::string_view device, int threads, const std::string& precision)
    : backend_(make_backend(device)),
      reference_(make_backend("reference")),
      symbols_(std::move(symbols)) {
  CompileSettings settings;
  settings.losses.emplace_back().loss = {
      loss, complete_parameters("loss", loss, find_loss(loss).parameters, {})};
  settings.optimizer = {
      "adamw", complete_parameters("optimizer", "adamw", find_optimizer("adamw").parameters, {})};
  EngineOptions options;
  options.threads = threads;
  graph::Graph imported = model.build_graph(graph::standard_ops());
  Recipe recipe;
  recipe.train.precision = precision;
  std::vector<std::string> notes;
  settle_precision(recipe, imported, *backend_, settings, notes);
  engine_ = std::make_unique<Engine>(std::move(imported), std::move(settings), *backend_,
                                     *reference_, std::move(options));
}

TrainingPreview::~TrainingPreview() = default;

GraphRequest TrainingPreview::request(std::int64_t batch) const {
  GraphRequest request;
  request.batch = batch;
  request.symbols = symbols_;
  return request;
}

const Plan& TrainingPreview::plan(std::int64_t batch) { return engine_->plan(request(batch)); }

MemoryPlan TrainingPreview::memory(std::int64_t batch) {
  const Plan& made = plan(batch);
  MemoryPlan memory;
  memory.arena = made.arena_bytes;
  memory.gradients = made.flat_bytes;
  for (const Tensor& constant : made.constants) {
    memory.constants += constant.bytes();
  }
  const VariableStore& store = engine_->store();
  for (int i = 0; i < store.count(); ++i) {
    const StoreVariable& variable = store.variable(i);
    memory.variables += storage_bytes(variable.dtype, variable.shape, variable.layout);
  }
  return memory;
}

}  // namespace temper::training
