#include "training/analysis/inspection.h"

#include <utility>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "backends/cuda/emulated/emulated_device.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/batch_first.h"
#include "runtime/base/error.h"
#include "training/compile/gradient_path.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"
#include "training/session/model_layout.h"
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

namespace {

// Inputs that no data would give: states are zeros, and what all samples share is 0.
void give_the_rest(graph::Graph& graph, const InputLayout& layout) {
  const std::vector<ValueId> inputs = graph.inputs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const InputPlace& place = layout.places[i];
    if (place.kind == InputPlace::Kind::kShared) {
      graph::fix_input(graph, inputs[i], Tensor(graph.value(inputs[i]).dtype, Shape{}));
    } else if (place.is_state && graph.inputs.size() > 1) {
      give_zeros(graph, inputs[i]);
    }
  }
}

// With sizes made up where `symbols` do not say them. `unknown`: why nothing is known.
std::vector<OutputPlace> places_of_outputs(const graph::Graph& arranged,
                                           const std::map<std::string, std::int64_t>& symbols,
                                           InputLayout& inputs, const Backend& reference,
                                           std::string& unknown) {
  for (const std::int64_t size : kTrialSizes) {
    graph::Graph sized = arranged;
    give_sizes(sized, symbols, size);
    try {
      std::string because;
      return find_output_places(sized, {}, inputs, reference, because);
    } catch (const Error& error) {
      unknown = unknown.empty() ? error.what() : unknown;
    }
  }
  return {};
}

}  // namespace

LayoutReport inspect_layout(const graph::OnnxModel& model,
                            const std::map<std::string, std::int64_t>& symbols) {
  const auto reference = make_backend("reference");
  graph::Graph graph = model.build_graph(graph::standard_ops());
  LayoutReport report;
  report.inputs = find_input_layout(graph, model.outputs(), {}, *reference);
  arrange_inputs(graph, report.inputs, {});
  try {
    give_the_rest(graph, report.inputs);
  } catch (const Error& error) {
    report.unknown = error.what();
    return report;
  }
  report.outputs = places_of_outputs(graph, symbols, report.inputs, *reference, report.unknown);
  report.unknown = report.outputs.empty() ? report.unknown : std::string{};
  return report;
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
    : TrainingPreview(model, loss, std::move(symbols), make_backend(device), threads, precision) {}

TrainingPreview::TrainingPreview(const graph::OnnxModel& model, const std::string& loss,
                                 std::map<std::string, std::int64_t> symbols,
                                 std::unique_ptr<Backend> backend, int threads,
                                 const std::string& precision)
    : backend_(std::move(backend)),
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
  arrange(imported, model);
  Recipe recipe;
  recipe.train.precision = precision;
  std::vector<std::string> notes;
  settle_precision(recipe, imported, *backend_, settings, notes);
  engine_ = std::make_unique<Engine>(std::move(imported), std::move(settings), *backend_,
                                     *reference_, std::move(options));
}

TrainingPreview::~TrainingPreview() = default;

// The inputs, and the outputs where the sizes that are given are enough.
void TrainingPreview::arrange(graph::Graph& imported, const graph::OnnxModel& model) {
  InputLayout inputs = find_input_layout(imported, model.outputs(), {}, *reference_);
  arrange_inputs(imported, inputs, {});
  try {
    give_the_rest(imported, inputs);
    std::string unknown;
    arrange_outputs(imported, places_of_outputs(imported, symbols_, inputs, *reference_, unknown));
  } catch (const Error&) {
    // Whoever asks for a plan is told.
  }
  one_sample_ = inputs.one_sample;
}

GraphRequest TrainingPreview::request(std::int64_t batch) const {
  TEMPER_CHECK(!one_sample_ || batch == 1, ErrorCode::kInvalidArgument,
               "the model takes one sample at a time");
  GraphRequest request;
  request.batch = batch;
  request.symbols = symbols_;
  return request;
}

const Plan& TrainingPreview::plan(std::int64_t batch) { return engine_->plan(request(batch)); }

std::optional<StepWork> TrainingPreview::work(std::int64_t batch) {
  if (backend_->memory().is_host()) {
    return std::nullopt;
  }
  StepWork work = work_of(plan(batch));
  if (backend_->name() != kEmulatedCudaDevice) {
    work.not_counted = concat("only ", kEmulatedCudaDevice, " counts them");
    return work;
  }
  try {
    const emulated::OnlyCounting only_counting;
    engine_->prepare({request(batch)});
    const HeldExecutor executor = engine_->executor(request(batch));
    work.counted = count_work(*executor);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kOutOfMemory) {
      throw;
    }
    work.not_counted = error.message();
  }
  return work;
}

MemoryPlan TrainingPreview::memory(std::int64_t batch) {
  const Plan& made = plan(batch);
  MemoryPlan memory;
  memory.arena = made.arena_bytes;
  memory.gradients = made.flat_bytes;
  memory.kernels = made.kernel_bytes;
  memory.inputs = backend_->memory().is_host() ? 0 : StagedInputs::bytes_of(made.inputs);
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
