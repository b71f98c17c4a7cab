// Lowering of parts that lie one behind the other in memory: what is split or joined there needs no
// step.
#include <algorithm>

#include "graph/ir/op_def.h"
#include "graph/lowering/lowering.h"
#include "runtime/base/alignment.h"

namespace temper::graph {

bool Lowering::has_a_home(ValueId value) const {
  return gradient_of_.contains(value) ||
         std::any_of(graph_.outputs.begin(), graph_.outputs.end(),
                     [&](const Graph::Output& output) { return output.value == value; });
}

// Parts that lie one behind the other in a block of the arena are places in it. What the model
// gives or keeps has memory of its own.
bool Lowering::lower_as_parts(const Node& node) {
  if (node.op->movement != Movement::kPart || !node.attrs.has("split")) {
    return false;
  }
  const Value& whole = graph_.value(node.inputs.front());
  const int axis = static_cast<int>(node.attrs.get_int("axis", 0));
  const PhysicalId source = physical(node.inputs.front());
  const Physical& from = physicals_[static_cast<std::size_t>(source)];
  if (!from.spec.layout.plain || whole.shape.count(0, axis) != 1 || later_.contains(source) ||
      physicals_[static_cast<std::size_t>(root(source))].home != Physical::Home::kBlock) {
    return false;
  }
  const auto bytes_of = [&](std::int64_t size) {
    return size * whole.shape.count(axis + 1, whole.shape.rank()) *
           static_cast<std::int64_t>(size_of(whole.dtype));
  };
  const std::vector<std::int64_t> sizes = node.attrs.get_ints("split");
  std::int64_t at = 0;
  for (std::size_t i = 0; i < sizes.size(); at += bytes_of(sizes[i++])) {
    const ValueId part = node.outputs[i];
    if (part.valid() && (has_a_home(part) || sizes[i] == 0 ||
                         at % static_cast<std::int64_t>(kBufferAlignment) != 0)) {
      return false;
    }
  }
  at = 0;
  for (std::size_t i = 0; i < sizes.size(); at += bytes_of(sizes[i++])) {
    const ValueId part = node.outputs[i];
    if (part.valid()) {
      const PhysicalId made = add_physical({whole.dtype, graph_.value(part).shape, {}, false});
      physicals_.back().shares = source;
      physicals_.back().within = at;
      of_value_[part] = made;
    }
  }
  return true;
}

// Whether one of the last steps made this block. Parts that are older would keep the whole in
// memory for longer than they live.
bool Lowering::is_recent(PhysicalId block) const {
  constexpr std::size_t kRecentSteps = 8;
  const std::size_t first = steps_.size() - std::min(steps_.size(), kRecentSteps);
  return std::any_of(steps_.begin() + static_cast<std::ptrdiff_t>(first), steps_.end(),
                     [&](const PendingStep& step) {
                       return std::find(step.outputs.begin(), step.outputs.end(), block) !=
                              step.outputs.end();
                     });
}

// What is joined along the outermost axis: the blocks of the parts become places in that of the
// whole, where the steps just before write them.
bool Lowering::lower_as_whole(const Node& node) {
  const ValueId output = node.outputs.front();
  if (node.op->movement != Movement::kJoin || !node.attrs.has("axis") || has_a_home(output)) {
    return false;
  }
  const Value& whole = graph_.value(output);
  const int rank = whole.shape.rank();
  const std::int64_t given = node.attrs.get_int("axis", 0);
  const auto axis = static_cast<int>(given < 0 ? given + rank : given);
  if (whole.shape.count(0, axis) != 1) {
    return false;
  }
  std::vector<PhysicalId> blocks;
  std::int64_t bytes = 0;
  for (const ValueId input : node.inputs) {
    const PhysicalId part = physical(input);
    const PhysicalId block = root(part);
    const Physical& memory = physicals_[static_cast<std::size_t>(block)];
    if (has_a_home(input) || memory.home != Physical::Home::kBlock || is_settled(part) ||
        !physicals_[static_cast<std::size_t>(part)].spec.layout.plain ||
        !memory.spec.layout.plain || within_root(part) != 0 || bytes_of(part) != bytes_of(block) ||
        bytes % static_cast<std::int64_t>(kBufferAlignment) != 0 || bytes_of(part) == 0 ||
        std::find(blocks.begin(), blocks.end(), block) != blocks.end() || !is_recent(block)) {
      return false;
    }
    blocks.push_back(block);
    bytes += bytes_of(part);
  }
  const PhysicalId made = add_physical({whole.dtype, whole.shape, {}, false});
  of_value_[output] = made;
  std::int64_t at = 0;
  for (const PhysicalId block : blocks) {
    Physical& memory = physicals_[static_cast<std::size_t>(block)];
    memory.shares = made;
    memory.within = at;
    at += bytes_of(block);
  }
  return true;
}

}  // namespace temper::graph
