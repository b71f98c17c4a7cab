#include "training/compile/engine.h"

#include <array>
#include <utility>

#include "runtime/base/error.h"
#include "training/compile/rank_variables.h"
#include "training/compile/step/parameter_groups.h"
#include "training/compile/step/snapshot.h"

namespace temper::training {
namespace {

constexpr std::array<const char*, 7> kKindNames = {"train",   "micro",      "last",    "evaluate",
                                                   "predict", "statistics", "gradient"};

std::string key(const GraphRequest& request) {
  std::string text = concat(kKindNames[static_cast<std::size_t>(request.kind)], "-", request.batch);
  for (const auto& [symbol, value] : request.symbols) {
    text += concat(",", symbol.size(), ":", symbol, "=", value);
  }
  for (const GradientOf& of : request.wrt) {
    text += concat(of.is_input ? ",input " : ",tensor ", of.number);
  }
  text += request.all_rows > 0 ? concat(",from ", request.first_row, " of ", request.all_rows) : "";
  text += request.watch_gradients ? ",gradients" : "";
  text += request.watch_activations ? ",activations" : "";
  return text;
}

}  // namespace

Engine::Engine(graph::Graph imported, CompileSettings settings, const Backend& backend,
               const Backend& reference, EngineOptions options)
    : imported_(std::move(imported)),
      settings_(std::move(settings)),
      ranks_(options.ranks),
      plans_(backend, reference, std::move(options)) {
  settings_.groups = merged_groups(imported_, settings_.groups);  // as each graph has them
  // On the CPU a weight is cast just before its product, which finds it in the cache.
  settings_.keeps_low_copies =
      settings_.precision != DType::kFloat32 && !backend.memory().is_host();
}

graph::Graph Engine::make(const GraphRequest& request) {
  MadeGraph made = make_graph(imported_, settings_, request, plans_.reference());
  made.graph.name = kKindNames[static_cast<std::size_t>(request.kind)];
  ports_[key(request)] = std::move(made.ports);
  return std::move(made.graph);
}

void Engine::prepare(const std::vector<GraphRequest>& requests, VariableStore* before) {
  for (const GraphRequest& request : requests) {
    plan(request);
  }
  if (plans_.store().allocated()) {
    return;  // asked for again: its values stay
  }
  if (settings_.keeps_snapshot()) {
    plans_.add_snapshots(belongs_to_snapshot);
  }
  plans_.allocate(before);
  if (has_peers(ranks_)) {
    broadcast_variables(plans_.store(), *ranks_, [](const StoreVariable&) { return true; });
  }
}

HeldExecutor Engine::executor(const GraphRequest& request) {
  return plans_.executor(key(request), [&] { return make(request); });
}

const GraphPorts& Engine::ports(const GraphRequest& request) {
  plan(request);
  return ports_.at(key(request));
}

const Plan& Engine::plan(const GraphRequest& request) {
  return plans_.plan(key(request), [&] { return make(request); });
}

graph::RecomputationReport Engine::recomputed(const GraphRequest& request) {
  plan(request);
  return plans_.recomputed(key(request));
}

std::map<std::string, PlainValue> Engine::model_values() const {
  std::map<std::string, PlainValue> values;
  for (int i = 0; i < imported_.variable_count(); ++i) {
    const graph::Variable& variable = imported_.variable(graph::VariableId{i});
    const int stored = store().find(variable.identity);
    if (stored >= 0) {
      values[variable.name] = store().pieces(stored);
    }
  }
  return values;
}

}  // namespace temper::training
