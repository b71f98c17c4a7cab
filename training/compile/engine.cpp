#include "training/compile/engine.h"

#include <algorithm>
#include <array>
#include <utility>

#include "graph/lowering/lower.h"
#include "graph/passes/pipeline.h"
#include "runtime/base/error.h"

namespace temper::training {
namespace {

constexpr std::array<const char*, 6> kKindNames = {"train",    "micro",   "last",
                                                   "evaluate", "predict", "gradient"};

}  // namespace

Engine::Engine(graph::Graph imported, CompileSettings settings, const Backend& backend,
               const Backend& reference, EngineOptions options)
    : imported_(std::move(imported)),
      settings_(std::move(settings)),
      backend_(backend),
      reference_(reference),
      options_(std::move(options)),
      arena_(std::make_unique<Arena>()) {}

std::string Engine::key(const GraphRequest& request) {
  std::string text = concat(kKindNames[static_cast<std::size_t>(request.kind)], "-", request.batch);
  for (const auto& [symbol, value] : request.symbols) {
    text += concat(",", symbol, "=", value);
  }
  for (const std::string& name : request.wrt) {
    text += "," + name;
  }
  return text;
}

Engine::Compiled& Engine::compile(const GraphRequest& request) {
  const std::string name = key(request);
  const auto known = compiled_.find(name);
  if (known != compiled_.end()) {
    return known->second;
  }
  graph::Graph made = make_graph(imported_, settings_, request, reference_);
  made.name = kKindNames[static_cast<std::size_t>(request.kind)];
  graph::PipelineOptions pipeline;
  pipeline.verify = options_.verify;
  if (options_.observer) {
    pipeline.observer = [&](std::string_view pass, const graph::Graph& graph) {
      options_.observer(name, pass, graph);
    };
  }
  graph::run_pipeline(made, reference_, pipeline);
  Compiled compiled;
  compiled.plan = graph::lower(made, backend_, store_, {options_.threads});
  for (int i = 0; i < made.variable_count() && !store_.allocated(); ++i) {
    const graph::Variable& variable = made.variable(graph::VariableId{i});
    if (variable.initial.defined()) {
      initial_.emplace(variable.name, variable.initial);
    }
  }
  return compiled_.emplace(name, std::move(compiled)).first->second;
}

void Engine::prepare(const std::vector<GraphRequest>& requests) {
  for (const GraphRequest& request : requests) {
    arena_->reserve(compile(request).plan);
  }
  store_.allocate();
  for (int i = 0; i < store_.count(); ++i) {
    const auto value = initial_.find(store_.variable(i).name);
    if (value != initial_.end()) {
      store_.set(i, value->second);
    }
  }
  initial_.clear();  // the store has them now
  for (auto& [name, compiled] : compiled_) {
    compiled.executor = std::make_unique<Executor>(compiled.plan, store_, *arena_);
  }
}

Executor& Engine::executor(const GraphRequest& request) {
  TEMPER_ASSERT(store_.allocated(), "prepare() comes first");
  Compiled& compiled = compile(request);
  if (compiled.executor == nullptr) {
    if (!arena_->holds(compiled.plan)) {  // a larger arena: all executors move to it
      auto larger = std::make_unique<Arena>();
      for (auto& [name, other] : compiled_) {
        other.executor.reset();
        larger->reserve(other.plan);
      }
      arena_ = std::move(larger);
    }
    for (auto& [name, other] : compiled_) {
      if (other.executor == nullptr) {
        other.executor = std::make_unique<Executor>(other.plan, store_, *arena_);
      }
    }
  }
  return *compiled.executor;
}

const Plan& Engine::plan(const GraphRequest& request) { return compile(request).plan; }

MemoryPlan Engine::memory() const {
  MemoryPlan memory;
  memory.variables = store_.bytes();
  memory.arena = arena_->bytes();
  memory.gradients = arena_->flat_bytes();
  for (const auto& [name, compiled] : compiled_) {
    for (const Tensor& constant : compiled.plan.constants) {
      memory.constants += constant.bytes();
    }
  }
  return memory;
}

std::map<std::string, Tensor> Engine::model_values() const {
  std::map<std::string, Tensor> values;
  for (int i = 0; i < imported_.variable_count(); ++i) {
    const std::string& name = imported_.variable(graph::VariableId{i}).name;
    const int stored = store_.find(name);
    if (stored >= 0) {
      values[name] = store_.get(stored);
    }
  }
  return values;
}

}  // namespace temper::training
