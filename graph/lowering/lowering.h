// The state of one lowering, shared by its phases: check sizes (check_sizes.cpp), select kernels
// (select_kernels.cpp, physical_tensors.cpp, settled_steps.cpp), assign memory (assign_memory.cpp).
// Private to this folder.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/lowering/lower.h"
#include "runtime/backend/backend.h"
#include "runtime/backend/prepared_input.h"
#include "runtime/exec/plan.h"
#include "runtime/exec/variable_store.h"

namespace temper::graph {

// A physical tensor: one memory block in one layout. Values map to one; reorders make further ones.
struct Physical {
  enum class Home {
    kBlock,     // arena block `block`
    kFlat,      // offset in the flat gradient block
    kVariable,  // graph variable
    kConstant,
    kInput,
    kReadings,  // offset in the block of readings
  };
  TensorSpec spec;
  Home home = Home::kBlock;
  int index = -1;           // constant or input index
  VariableId variable;      // kVariable; also the variable whose gradient this is (kFlat)
  std::int64_t offset = 0;  // kFlat, kReadings
  std::size_t opaque_bytes = 0;
  int first = -1;  // first and last step that touch it
  int last = -1;
  bool settled = false;     // made by a step that is
  int shares = -1;          // physical whose memory this one reuses (aliases, in-place)
  std::int64_t within = 0;  // bytes from where that one begins
};

using PhysicalId = int;

struct PendingStep {
  PlanStep step;
  bool repeats = true;             // gives the same for the same inputs
  std::vector<PhysicalId> inputs;  // -1: not present
  std::vector<PhysicalId> outputs;
};

// Whether its outputs are the sums of its inputs over the ranks.
bool sums_over_ranks(const Node& node);
bool has_sums_over_ranks(const Graph& graph);

// Each live node of `order` whose only purpose are sums over ranks, and these sums, as soon as what
// they read is there: the ranks exchange gradients while others are still computed.
std::vector<NodeId> with_early_sums(const Graph& graph, std::vector<NodeId> order);

class Lowering {
 public:
  Lowering(const Graph& graph, const Backend& backend, VariableStore& store,
           const LowerOptions& options);
  Plan run();

 private:
  // check_sizes.cpp
  void check_sizes(const std::vector<NodeId>& order) const;

  // select_kernels.cpp
  void find_gradients_of_variables();
  std::vector<NodeId> schedule() const;

  // parts_in_place.cpp
  bool lower_as_parts(const Node& node);
  bool lower_as_whole(const Node& node);
  // Whether it lies where the graph's outputs or the gradients of variables do.
  bool has_a_home(ValueId value) const;
  bool is_recent(PhysicalId block) const;

  // rank_sums.cpp
  void find_gradients_of_sums();
  void share_summed(const Node& node);
  void agree_on_sums() const;

  void lower_node(NodeId id);
  void lower_commit_layouts(const Node& node, OpQuery& query);
  bool lower_as_alias(const Node& node);
  bool lower_as_empty(const Node& node);
  bool lower_later(NodeId id);
  void lower_updates();
  void lower_outputs();
  PhysicalId emit(std::string_view op, const Attrs& attrs, std::vector<PhysicalId> inputs,
                  PhysicalId output, const std::string& origin);
  void emit_selected(const Node& node, OpQuery& query, SelectedKernel selected,
                     std::vector<PhysicalId> inputs);
  void lower_preparation(PreparesInput::Preparation preparation, const std::string& family,
                         const std::string& origin, std::vector<PhysicalId>& inputs);
  void place_gradient(ValueId value, PhysicalId made);

  // physical_tensors.cpp
  PhysicalId add_physical(TensorSpec spec);
  PhysicalId physical(ValueId id);
  PhysicalId in_layout(PhysicalId source, const Layout& layout, bool variable_may_adopt);
  PhysicalId convert_now(PhysicalId id, const Layout& layout);
  Layout& variable_layout(VariableId id);
  bool layout_is_free(VariableId id) const;
  void settle_layout(VariableId id, const Layout& layout);

  // settled_steps.cpp
  bool is_settled(PhysicalId id) const;
  bool gives_settled(const PendingStep& step) const;
  void settled_steps_first();
  void keep_settled_blocks();

  // assign_memory.cpp
  int stored(VariableId id) const;
  void register_variables();
  void touch_lives();
  void share_in_place();
  void assign_flat_offsets();
  void assign_readings();
  std::int64_t bytes_of(PhysicalId id) const;
  Location locate(PhysicalId id) const;
  PhysicalId root(PhysicalId id) const;
  // Bytes from where its root begins.
  std::int64_t within_root(PhysicalId id) const;
  void assign_addresses(Plan& plan);

  const Graph& graph_;
  const Backend& backend_;
  VariableStore& store_;
  const LowerOptions& options_;
  std::map<ValueId, PhysicalId> of_value_;
  std::map<std::pair<PhysicalId, std::string>, PhysicalId> reordered_;
  // Conversions of variables whose layout is still free, which wait for a reader to choose it:
  // the node, and its output once it has been lowered.
  struct Later {
    NodeId node;
    PhysicalId made = -1;
  };
  std::map<PhysicalId, Later> later_;
  std::vector<Physical> physicals_;
  std::vector<PendingStep> steps_;
  std::vector<Tensor> constants_;
  std::map<ValueId, VariableId>
      gradient_of_;  // values a commit reads as the gradient of a variable
  std::map<VariableId, std::optional<Layout>> layouts_;              // empty: still free
  std::map<NodeId, std::pair<const Kernel*, std::string>> kernels_;  // of nodes with opaque outputs
  std::vector<PhysicalId> outputs_;                                  // of the graph's
  std::vector<std::string> missing_;
  std::int64_t flat_bytes_ = 0;
  // Offsets of what is read, by its root and where it lies within.
  std::map<std::pair<PhysicalId, std::int64_t>, std::int64_t> readings_;
  std::int64_t readings_bytes_ = 0;
  std::map<VariableId, int> store_ids_;
  std::vector<bool> settled_variables_;  // settled_values.h
  std::size_t settled_steps_ = 0;
};

}  // namespace temper::graph
