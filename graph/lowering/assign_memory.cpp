// Lowering, second phase: lives of physical tensors, in-place sharing, arena offsets, locations.
#include <algorithm>

#include "graph/ir/op_def.h"
#include "graph/lowering/lowering.h"
#include "graph/lowering/plan_threads.h"
#include "graph/passes/settled_values.h"
#include "runtime/base/alignment.h"
#include "runtime/base/error.h"
#include "runtime/memory/arena_plan.h"

namespace temper::graph {
Lowering::Lowering(const Graph& graph, const Backend& backend, VariableStore& store,
                   const LowerOptions& options)
    : graph_(graph),
      backend_(backend),
      store_(store),
      options_(options),
      settled_variables_(settled_variables(graph)) {
  for (int i = 0; i < graph.variable_count(); ++i) {
    const VariableId id{i};
    const Variable& variable = graph.variable(id);
    if (variable.layout_of.valid()) {
      continue;
    }
    const int known = stored(id);
    if (known >= 0) {
      layouts_[id] = store.variable(known).layout;
    } else if (variable.layout_free &&
               (variable.is(VariableKind::kParameter) || variable.is(VariableKind::kTeacher))) {
      layouts_[id] = std::nullopt;
    } else {
      layouts_[id] = Layout{};
    }
  }
}

// The variable of the store that is this one, or -1.
int Lowering::stored(VariableId id) const {
  VariableIdentity identity = graph_.variable(id).identity;
  if (identity.of >= 0) {
    identity.of = stored(VariableId{identity.of});
    if (identity.of < 0) {
      return -1;
    }
  }
  return store_.find(identity);
}

// Adds the graph's variables to the store, or checks that they are there. What belongs to another
// variable comes after it.
void Lowering::register_variables() {
  std::vector<VariableId> order;
  for (int i = 0; i < graph_.variable_count(); ++i) {
    order.push_back(VariableId{i});
  }
  std::stable_sort(order.begin(), order.end(), [&](VariableId a, VariableId b) {
    return graph_.variable(a).flat_order < graph_.variable(b).flat_order;
  });
  for (const VariableId id : order) {
    const Variable& variable = graph_.variable(id);
    int known = stored(id);
    if (known < 0) {
      TEMPER_ASSERT(!store_.allocated(), "variable ", variable.name, " is not in the store");
      VariableIdentity identity = variable.identity;
      identity.of = identity.of < 0 ? -1 : store_ids_.at(VariableId{identity.of});
      known = store_.add({variable.name, variable.dtype, variable.shape, variable_layout(id),
                          variable.flat_group, identity, variable.part});
    }
    TEMPER_ASSERT(store_.variable(known).shape == variable.shape, variable.name);
    store_ids_[id] = known;
  }
}

PhysicalId Lowering::root(PhysicalId id) const {
  while (physicals_[static_cast<std::size_t>(id)].shares >= 0) {
    id = physicals_[static_cast<std::size_t>(id)].shares;
  }
  return id;
}

std::int64_t Lowering::within_root(PhysicalId id) const {
  std::int64_t within = 0;
  for (; id >= 0; id = physicals_[static_cast<std::size_t>(id)].shares) {
    within += physicals_[static_cast<std::size_t>(id)].within;
  }
  return within;
}

// first/last of every memory block, over all physicals that share it.
void Lowering::touch_lives() {
  const auto touch = [&](PhysicalId id, int step) {
    if (id < 0) {
      return;
    }
    Physical& block = physicals_[static_cast<std::size_t>(root(id))];
    block.first = block.first < 0 ? step : std::min(block.first, step);
    block.last = std::max(block.last, step);
  };
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    for (const PhysicalId id : steps_[s].inputs) {
      touch(id, static_cast<int>(s));
    }
    for (const PhysicalId id : steps_[s].outputs) {
      touch(id, static_cast<int>(s));
    }
  }
  for (const PhysicalId id : outputs_) {  // readable after the run
    touch(id, static_cast<int>(steps_.size()));
  }
}

// An output takes over the memory of an input that dies at this step, where the kernel allows it.
void Lowering::share_in_place() {
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    for (const auto& [out, in] : steps_[s].step.kernel->inplace) {
      const PhysicalId source = steps_[s].inputs[static_cast<std::size_t>(in)];
      const PhysicalId target = steps_[s].outputs[static_cast<std::size_t>(out)];
      if (source < 0 || target < 0) {
        continue;
      }
      const PhysicalId source_root = root(source);
      const Physical& from = physicals_[static_cast<std::size_t>(source_root)];
      const Physical& to = physicals_[static_cast<std::size_t>(target)];
      const auto reads =
          std::count_if(steps_[s].inputs.begin(), steps_[s].inputs.end(),
                        [&](PhysicalId id) { return id >= 0 && root(id) == source_root; });
      if (from.home == Physical::Home::kBlock && to.home == Physical::Home::kBlock &&
          to.shares < 0 && from.last == static_cast<int>(s) && reads == 1 &&
          from.spec.dtype != DType::kOpaque && to.spec.dtype != DType::kOpaque &&
          from.spec.bytes() == to.spec.bytes() && bytes_of(source) == to.spec.bytes()) {
        const int last = to.last;
        physicals_[static_cast<std::size_t>(target)].shares = source_root;
        physicals_[static_cast<std::size_t>(source_root)].last = last;
      }
    }
  }
}

// Gradients lie in one block in the order of the parameters in theirs.
void Lowering::assign_flat_offsets() {
  std::vector<PhysicalId> flats;
  for (std::size_t i = 0; i < physicals_.size(); ++i) {
    if (physicals_[i].home == Physical::Home::kFlat && physicals_[i].shares < 0) {
      flats.push_back(static_cast<PhysicalId>(i));
    }
  }
  std::stable_sort(flats.begin(), flats.end(), [&](PhysicalId a, PhysicalId b) {
    const VariableId x = physicals_[static_cast<std::size_t>(a)].variable;
    const VariableId y = physicals_[static_cast<std::size_t>(b)].variable;
    return std::make_pair(graph_.variable(x).flat_order, x) <
           std::make_pair(graph_.variable(y).flat_order, y);
  });
  for (const PhysicalId id : flats) {
    Physical& flat = physicals_[static_cast<std::size_t>(id)];
    flat.offset = flat_bytes_;
    flat_bytes_ += aligned_bytes(flat.spec.bytes());
  }
}

// What is small and read after each step lies in a block of its own, so that it is read together.
void Lowering::assign_readings() {
  for (const PhysicalId id : outputs_) {
    Physical& block = physicals_[static_cast<std::size_t>(root(id))];
    const Physical& output = physicals_[static_cast<std::size_t>(id)];
    if (output.spec.bytes() > kLargestReading || block.home == Physical::Home::kInput ||
        readings_.contains({root(id), within_root(id)})) {
      continue;
    }
    readings_[{root(id), within_root(id)}] = readings_bytes_;
    readings_bytes_ += aligned_bytes(output.spec.bytes());
    if (block.home == Physical::Home::kBlock && block.spec.bytes() == output.spec.bytes()) {
      block.home = Physical::Home::kReadings;
      block.offset = readings_.at({root(id), 0});
    }
  }
}

std::int64_t Lowering::bytes_of(PhysicalId id) const {
  if (id < 0) {
    return 0;
  }
  const Physical& tensor = physicals_[static_cast<std::size_t>(id)];
  return tensor.spec.dtype == DType::kOpaque ? static_cast<std::int64_t>(tensor.opaque_bytes)
                                             : tensor.spec.bytes();
}

Location Lowering::locate(PhysicalId id) const {
  if (id < 0) {
    return {};
  }
  const Physical& physical_tensor = physicals_[static_cast<std::size_t>(root(id))];
  const std::int64_t within = within_root(id);  // of blocks alone
  switch (physical_tensor.home) {
    case Physical::Home::kBlock:
      return {Location::Kind::kArena, -1, physical_tensor.offset + within};
    case Physical::Home::kFlat:
      return {Location::Kind::kFlat, -1, physical_tensor.offset};
    case Physical::Home::kVariable:
      return {Location::Kind::kVariable, store_ids_.at(physical_tensor.variable), 0};
    case Physical::Home::kConstant:
      return {Location::Kind::kConstant, physical_tensor.index, 0};
    case Physical::Home::kInput:
      return {Location::Kind::kInput, physical_tensor.index, 0};
    case Physical::Home::kReadings:
      return {Location::Kind::kReadings, -1, physical_tensor.offset + within};
  }
  return {};
}

void Lowering::assign_addresses(Plan& plan) {
  settled_steps_first();
  touch_lives();
  keep_settled_blocks();
  share_in_place();
  keep_settled_blocks();
  assign_flat_offsets();
  assign_readings();
  std::vector<ArenaBlock> blocks;
  std::vector<PhysicalId> owners;  // -1: the workspace of step `first`
  for (std::size_t i = 0; i < physicals_.size(); ++i) {
    const Physical& block = physicals_[i];
    if (block.home == Physical::Home::kBlock && block.shares < 0 && block.first >= 0) {
      blocks.push_back({bytes_of(static_cast<PhysicalId>(i)), block.first, block.last, -1});
      owners.push_back(static_cast<PhysicalId>(i));
    }
  }
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const auto bytes = static_cast<std::int64_t>(steps_[s].step.kernel->workspace_bytes);
    if (bytes > 0) {
      blocks.push_back({bytes, static_cast<int>(s), static_cast<int>(s), -1});
      owners.push_back(-1);
    }
  }
  plan.arena_bytes = plan_arena(blocks);
  for (const PendingStep& pending : steps_) {
    plan.kernel_bytes += static_cast<std::int64_t>(pending.step.kernel->kept_bytes);
  }
  for (std::size_t b = 0; b < blocks.size(); ++b) {
    if (owners[b] >= 0) {
      physicals_[static_cast<std::size_t>(owners[b])].offset = blocks[b].offset;
    } else {
      steps_[static_cast<std::size_t>(blocks[b].first)].step.workspace = {Location::Kind::kArena,
                                                                          -1, blocks[b].offset};
    }
  }
  for (PendingStep& pending : steps_) {
    for (const PhysicalId id : pending.inputs) {
      pending.step.inputs.push_back(locate(id));
      pending.step.bytes_read += bytes_of(id);
    }
    for (const PhysicalId id : pending.outputs) {
      pending.step.outputs.push_back(locate(id));
      pending.step.bytes_written += bytes_of(id);
    }
    plan.steps.push_back(std::move(pending.step));
  }
  for (std::size_t i = 0; i < graph_.inputs.size(); ++i) {
    const Value& value = graph_.value(graph_.inputs[i]);
    plan.inputs.push_back({value.name,
                           value.dtype,
                           value.shape,
                           {Location::Kind::kInput, static_cast<int>(i), 0},
                           value.port});
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const Graph::Output& output = graph_.outputs[i];
    const TensorSpec& spec = physicals_[static_cast<std::size_t>(outputs_[i])].spec;
    const auto reading = readings_.find({root(outputs_[i]), within_root(outputs_[i])});
    plan.outputs.push_back({output.name, spec.dtype, spec.shape, locate(outputs_[i]), output.port,
                            reading == readings_.end() ? -1 : reading->second});
  }
  for (const auto& [id, stored_id] : store_ids_) {  // in the order of ids
    plan.variables.push_back(stored_id);
  }
  plan.settled_steps = settled_steps_;
  plan.constants = std::move(constants_);
  plan.flat_bytes = flat_bytes_;
  plan.readings_bytes = readings_bytes_;
}

Plan lower(const Graph& graph, const Backend& backend, VariableStore& store,
           const LowerOptions& options) {
  LowerOptions chosen = options;
  chosen.threads = threads_of_plan(graph, options.threads);
  if (has_sums_over_ranks(graph)) {  // which may have other rows: threads decide bits
    for (const std::uint64_t threads :
         options.ranks->gather(static_cast<std::uint64_t>(chosen.threads))) {
      chosen.threads = std::max(chosen.threads, static_cast<int>(threads));
    }
  }
  return Lowering(graph, backend, store, chosen).run();
}

}  // namespace temper::graph
