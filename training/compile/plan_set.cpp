#include "training/compile/plan_set.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <utility>
#include <vector>

#include "graph/lowering/initial_values.h"
#include "graph/lowering/lower.h"
#include "graph/passes/pipeline.h"
#include "runtime/base/error.h"
#include "runtime/platform/memory_limits.h"
#include "training/compile/fit_memory.h"

namespace temper::training {
namespace {

graph::LowerOptions lower_options(const EngineOptions& engine) {
  graph::LowerOptions options;
  options.threads = engine.threads;
  options.tf32 = engine.tf32;
  options.ranks = engine.ranks;
  options.keeps_settled = engine.memory_limit == 0;
  const MemoryLimits limits = memory_limits();
  if (limits.smallest() < options.largest_tensor_bytes) {
    options.largest_tensor_bytes = limits.smallest();
    options.limit_name = limits.smallest_name();
  }
  return options;
}

// What train.memory_limit is at least.
std::int64_t mebibytes(std::int64_t bytes) { return (bytes + (1 << 20) - 1) >> 20; }

// Before anything is taken: an arena is written to as soon as it is there, so one that does not fit
// would have this process killed without a word.
void check_fits(const MemoryPlan& memory, const DeviceMemory& device) {
  if (!device.is_host()) {
    return;  // it refuses what it has no room for
  }
  const MemoryLimits limits = memory_limits();
  TEMPER_CHECK(memory.total() <= limits.smallest(), ErrorCode::kOutOfMemory, "training takes ",
               memory.total(), " bytes (variables ", memory.variables, ", gradients ",
               memory.gradients, ", activations ", memory.arena, "), but ", limits.smallest_name(),
               " leaves ", limits.smallest(),
               "; a smaller data.batch_size takes less, train.accumulate makes up for it");
}

void check_limit(const MemoryPlan& memory, std::int64_t limit) {
  TEMPER_CHECK(limit == 0 || memory.total() <= limit, ErrorCode::kOutOfMemory, "the run takes ",
               memory.total(), " bytes (variables ", memory.variables, ", gradients ",
               memory.gradients, ", activations ", memory.arena,
               " with what is computed twice), and train.memory_limit allows ", limit,
               "; write train.memory_limit = ", mebibytes(memory.total()),
               ", or a smaller data.batch_size, for which train.accumulate makes up");
}

// Calls `take`; a device that has no room says how much, this says of what.
template <class Take>
void take_memory(const MemoryPlan& needed, const Take& take) {
  try {
    take();
  } catch (Error& error) {
    if (error.code() == ErrorCode::kOutOfMemory) {
      error.add_note(concat("training takes ", needed.total(), " bytes: variables ",
                            needed.variables, ", gradients ", needed.gradients, ", activations ",
                            needed.arena, ", kernels ", needed.kernels, ", inputs ",
                            needed.inputs));
    }
    throw;
  }
}

}  // namespace

void MemoryPlan::add(const Plan& plan, bool on_host) {
  kernels += plan.kernel_bytes + plan.readings_bytes;
  inputs += on_host ? 0 : StagedInputs::bytes_of(plan.inputs);
  for (const Tensor& constant : plan.constants) {
    constants += constant.bytes();
  }
}

PlanSet::PlanSet(const Backend& backend, const Backend& reference, EngineOptions options)
    : backend_(backend),
      reference_(reference),
      options_(std::move(options)),
      stream_(backend.make_stream()),
      store_(backend.memory(), *stream_),
      arena_(backend.memory()) {}

CompiledPlan& PlanSet::compile(const std::string& name, const MakeGraph& make) {
  const auto known = compiled_.find(name);
  if (known != compiled_.end()) {
    known->second->last_used = ++uses_;
    return *known->second;
  }
  make_room();
  graph::Graph made = make();
  graph::PipelineOptions pipeline;
  if (options_.observer) {
    pipeline.observer = [&](std::string_view pass, const graph::Graph& graph) {
      options_.observer(name, pass, graph);
    };
  }
  // What is prepared takes memory; devices have their own forms of convolutions and norms.
  pipeline.prepares_weights = options_.memory_limit == 0 && backend_.memory().is_host();
  pipeline.kernels = &backend_;
  graph::run_pipeline(made, reference_, pipeline);
  auto compiled = std::make_unique<CompiledPlan>();
  compiled->plan = graph::lower(made, backend_, store_, lower_options(options_));
  compiled->stays = !store_.allocated();
  compiled->last_used = compiled->number = ++uses_;
  for (int i = 0; i < made.variable_count() && !store_.allocated(); ++i) {
    const graph::Variable& variable = made.variable(graph::VariableId{i});
    if (variable.initial.defined() || variable.stored != nullptr) {
      initial_.emplace(compiled->plan.variables[static_cast<std::size_t>(i)], variable);
    }
  }
  if (options_.memory_limit > 0) {
    compiled->graph = std::make_unique<graph::Graph>(std::move(made));
  }
  CompiledPlan& kept = *compiled_.emplace(name, std::move(compiled)).first->second;
  if (store_.allocated() && options_.memory_limit > 0) {
    fit_plans();
  }
  return kept;
}

// What a plan of `compiled` takes that is bound by the limit: all but variables and gradients.
std::int64_t PlanSet::bytes_beside_variables(const Plan& plan) const {
  MemoryPlan own;
  own.add(plan, backend_.memory().is_host());
  return plan.arena_bytes + own.total();
}

// A plan lowered as the first one is, so that kernels are chosen as they were; its threads, which
// decide bits too, stay where more work would ask for more.
Plan PlanSet::lower_again(const graph::Graph& graph, const Plan& before, VariableStore& store) {
  graph::LowerOptions options = lower_options(options_);
  options.threads = before.threads;
  return graph::lower(graph, backend_, store, options);
}

// Plans that take more than EngineOptions::memory_limit leaves beside all else become smaller.
void PlanSet::fit_plans() {
  MemoryPlan taken = memory();
  for (const auto& [name, compiled] : compiled_) {
    taken.arena = std::max(taken.arena, compiled->plan.arena_bytes);
    taken.gradients = std::max(taken.gradients, compiled->plan.flat_bytes);
  }
  const std::int64_t left = options_.memory_limit - (taken.total() - taken.arena);
  bool changed = false;
  for (const auto& [name, compiled] : compiled_) {
    const Plan& plan = compiled->plan;
    if (compiled->graph == nullptr || plan.arena_bytes <= left) {
      continue;
    }
    TEMPER_CHECK(!has_peers(options_.ranks), ErrorCode::kUnsupported,
                 "train.memory_limit is for a run on one device: leave it out, or take one");
    const std::int64_t bound = left + bytes_beside_variables(plan) - plan.arena_bytes;
    compiled->recomputed = fit_into(*compiled->graph, bound, [&](const graph::Graph& tried) {
      VariableStore fresh(backend_.memory(), *stream_);
      return bytes_beside_variables(lower_again(tried, plan, store_.allocated() ? store_ : fresh));
    });
    changed = changed || compiled->recomputed.nodes > 0;
  }
  if (changed) {
    lower_all();
  }
  for (const auto& [name, compiled] : compiled_) {
    compiled->graph.reset();
  }
}

// All plans whose graphs are there, in the order in which they came: the first to name a variable
// decides its layout.
void PlanSet::lower_all() {
  std::vector<CompiledPlan*> order;
  for (const auto& [name, compiled] : compiled_) {
    if (compiled->graph != nullptr) {
      order.push_back(compiled.get());
    }
  }
  std::sort(order.begin(), order.end(),
            [](const CompiledPlan* a, const CompiledPlan* b) { return a->number < b->number; });
  if (!store_.allocated()) {
    store_ = VariableStore(backend_.memory(), *stream_);
  }
  for (CompiledPlan* compiled : order) {
    Plan plan = lower_again(*compiled->graph, compiled->plan, store_);
    TEMPER_ASSERT(plan.variables == compiled->plan.variables, "variables have other places");
    compiled->plan = std::move(plan);
  }
  if (!store_.allocated() && snapshots_wanted_) {
    add_snapshots(snapshots_wanted_);
  }
}

// For one more plan: drops the least recently used of those that may go.
void PlanSet::make_room() {
  while (plan_count() >= options_.plan_cache) {
    auto oldest = compiled_.end();
    for (auto it = compiled_.begin(); it != compiled_.end(); ++it) {
      const CompiledPlan& plan = *it->second;
      if (!plan.stays && plan.holders == 0 &&
          (oldest == compiled_.end() || plan.last_used < oldest->second->last_used)) {
        oldest = it;
      }
    }
    if (oldest == compiled_.end()) {
      return;
    }
    compiled_.erase(oldest);
  }
}

const Plan& PlanSet::plan(const std::string& name, const MakeGraph& make) {
  return compile(name, make).plan;
}

void PlanSet::add_snapshots(const std::function<bool(const StoreVariable&)>& wanted) {
  snapshots_wanted_ = wanted;
  constexpr const char* kLabel = "snapshot of ";
  const int count = store_.count();
  for (int i = 0; i < count; ++i) {
    StoreVariable copy = store_.variable(i);
    if (wanted(copy)) {
      copy.name = kLabel + copy.name;
      copy.flat_group = copy.flat_group.empty() ? "" : kLabel + copy.flat_group;
      copy.identity = VariableIdentity::beside(i, VariableKind::kSnapshot);
      store_.add(std::move(copy));
    }
  }
}

// By several threads, each variable by one: what takes long is reading the file and putting weights
// into the layout of their kernels.
void PlanSet::set_initial_values() {
  std::vector<int> ids;
  std::int64_t bytes = 0;
  for (const auto& [id, variable] : initial_) {
    ids.push_back(id);
    bytes += storage_bytes(variable.dtype, variable.shape, {});
  }
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t at = next++; at < ids.size(); at = next++) {
      graph::set_initial_value(store_, ids[at], initial_.at(ids[at]));
    }
  };
  constexpr std::int64_t kWorthAThread = std::int64_t{16} << 20;
  std::vector<std::future<void>> others;
  const bool share = bytes >= kWorthAThread && store_.memory().is_host();
  for (int i = 1; i < options_.threads && share; ++i) {
    others.push_back(std::async(std::launch::async, work));
  }
  work();
  for (std::future<void>& other : others) {
    other.get();
  }
  initial_.clear();  // the store has them now
}

// Of each variable the one of `before`, or -1. In both stores the owner of a variable stands before
// it.
std::vector<int> PlanSet::same_in(const VariableStore& before) const {
  std::vector<int> of_before(static_cast<std::size_t>(store_.count()), -1);
  std::vector<int> same;  // the other way round
  for (int i = 0; i < before.count(); ++i) {
    VariableIdentity identity = before.variable(i).identity;
    const bool owned = identity.of >= 0;
    identity.of = owned ? same[static_cast<std::size_t>(identity.of)] : -1;
    same.push_back(owned && identity.of < 0 ? -1 : store_.find(identity));
    if (same.back() >= 0) {
      of_before[static_cast<std::size_t>(same.back())] = i;
    }
  }
  return of_before;
}

KeptVariables PlanSet::take_variables() {
  compiled_.clear();
  return {std::move(stream_), std::move(store_)};
}

void PlanSet::allocate(VariableStore* before) {
  if (options_.memory_limit > 0) {
    fit_plans();
  }
  for (const auto& [name, compiled] : compiled_) {
    arena_.reserve(compiled->plan);
  }
  MemoryPlan needed = memory();
  check_limit(needed, options_.memory_limit);
  needed.constants = 0;  // read already
  take_memory(needed, [&] { allocate_all(needed, before); });
}

void PlanSet::allocate_all(MemoryPlan needed, VariableStore* before) {
  if (before == nullptr) {
    check_fits(needed, store_.memory());
    store_.allocate();
  } else {
    needed.variables = std::max<std::int64_t>(needed.variables - before->bytes(), 0);
    check_fits(needed, store_.memory());
    const std::vector<int> same = same_in(*before);
    store_.allocate([&](int id) {
      const int kept = same[static_cast<std::size_t>(id)];
      if (kept >= 0) {
        store_.set(id, before->look_at(kept));
        before->release(kept);
        initial_.erase(id);
      }
    });
  }
  set_initial_values();
  for (auto& [name, compiled] : compiled_) {
    compiled->executor = std::make_unique<Executor>(compiled->plan, store_, arena_);
  }
}

HeldExecutor PlanSet::executor(const std::string& name, const MakeGraph& make) {
  TEMPER_ASSERT(store_.allocated(), "allocate() comes first");
  CompiledPlan& compiled = compile(name, make);
  if (compiled.executor == nullptr) {
    MemoryPlan needed = memory();
    needed.arena = std::max(compiled.plan.arena_bytes, arena_.bytes());
    needed.gradients = std::max(compiled.plan.flat_bytes, arena_.flat_bytes());
    check_limit(needed, options_.memory_limit);
    if (!arena_.holds(compiled.plan)) {  // a larger one takes the place of this one
      MemoryPlan larger;
      larger.arena = needed.arena;
      larger.gradients = needed.gradients;
      check_fits(larger, store_.memory());
    }
    take_memory(needed, [&] {
      compiled.executor = std::make_unique<Executor>(compiled.plan, store_, arena_);
    });
  }
  return HeldExecutor(compiled);
}

MemoryPlan PlanSet::memory() const {
  MemoryPlan memory;
  memory.variables = store_.bytes();
  memory.arena = arena_.bytes();
  memory.gradients = arena_.flat_bytes();
  for (const auto& [name, compiled] : compiled_) {
    memory.add(compiled->plan, backend_.memory().is_host());
  }
  return memory;
}

}  // namespace temper::training
