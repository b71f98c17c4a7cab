#include "training/analysis/inspection.h"

#include <utility>

#include "backends/backends.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "training/compile/gradient_path.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"
#include "training/session/precision.h"

namespace temper::training {
namespace {

using graph::ValueId;

// Values of trainable variables.
ReachedValues trained_variables(const graph::Graph& graph) {
  ReachedValues trained;
  for (int i = 0; i < graph.value_count(); ++i) {
    const graph::Value& value = graph.value(ValueId{i});
    trained.push_back(value.kind == graph::ValueKind::kVariable &&
                      graph.variable(value.variable).trainable);
  }
  return trained;
}

}  // namespace

ModelInspection inspect_model(const graph::OnnxModel& model) {
  ModelInspection made;
  try {
    const graph::Graph graph =
        model.build_graph(graph::standard_ops(), {}, &made.tensors, &made.problems);
    made.nodes_without_gradient = nodes_without_gradient(graph);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) {
      throw;
    }
    made.refusal = error;
  }
  made.bodies = model.subgraphs();
  made.findings = graph::find_what_exporters_did(model);
  return made;
}

std::vector<std::string> nodes_without_gradient(const graph::Graph& imported) {
  return nodes_without_gradient(imported, reached_values(imported, trained_variables(imported)));
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
  memory.kernels = made.kernel_bytes;
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
