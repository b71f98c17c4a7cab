// Lowering: what gives the same in every run of the plan comes first, and is computed once. So a
// weight of a frozen part is folded, cast and brought into its kernel's layout a single time.
#include <algorithm>
#include <iterator>

#include "graph/lowering/lowering.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// What is kept takes memory for the whole step: nothing that only repeats its inputs.
constexpr std::int64_t kMostGrowth = 4;

}  // namespace

bool Lowering::is_settled(PhysicalId id) const {
  const Physical& tensor = physicals_[static_cast<std::size_t>(root(id))];
  return tensor.home == Physical::Home::kConstant ||
         (tensor.home == Physical::Home::kVariable &&
          settled_variables_[static_cast<std::size_t>(tensor.variable.index)]) ||
         (tensor.home == Physical::Home::kBlock && tensor.settled);
}

// REQUIRES: those before it are marked.
bool Lowering::gives_settled(const PendingStep& step) const {
  std::int64_t read = 0, written = 0;
  for (const PhysicalId id : step.inputs) {
    if (id >= 0 && !is_settled(id)) {
      return false;
    }
    read += bytes_of(id);
  }
  for (const PhysicalId id : step.outputs) {
    if (id >= 0 && physicals_[static_cast<std::size_t>(id)].home != Physical::Home::kBlock) {
      return false;
    }
    written += bytes_of(id);
  }
  return options_.keeps_settled && step.repeats && read > 0 && written <= kMostGrowth * read;
}

// The step that brings an input into the form its kernel reads: settled where the input is.
void Lowering::lower_preparation(PreparesInput::Preparation preparation, const std::string& family,
                                 const std::string& origin, std::vector<PhysicalId>& inputs) {
  TensorSpec spec;
  spec.dtype = DType::kOpaque;
  const PhysicalId made = add_physical(spec);
  physicals_.back().opaque_bytes = preparation.bytes;
  PendingStep pending;
  pending.step.kernel = std::move(preparation.kernel);
  pending.step.family = family;
  pending.step.op = "Reorder";
  pending.step.origin = concat("prepared weight of ", origin);
  pending.step.output_specs = {spec};
  pending.inputs = {inputs[preparation.input]};
  pending.outputs = {made};
  inputs[preparation.input] = made;
  steps_.push_back(std::move(pending));
}

void Lowering::settled_steps_first() {
  std::vector<PendingStep> once, others;
  for (PendingStep& step : steps_) {
    const bool settled = gives_settled(step);
    for (const PhysicalId id : step.outputs) {
      if (id >= 0 && settled) {
        physicals_[static_cast<std::size_t>(root(id))].settled = true;
      }
    }
    (settled ? once : others).push_back(std::move(step));
  }
  settled_steps_ = once.size();
  std::move(others.begin(), others.end(), std::back_inserter(once));
  steps_ = std::move(once);
}

// What later steps read of them lasts from run to run. Called before memory is shared in place, so
// that nobody takes it over, and after it, for what they took over from each other.
void Lowering::keep_settled_blocks() {
  const auto keep = [&](PhysicalId id) {
    if (id < 0) {
      return;
    }
    Physical& block = physicals_[static_cast<std::size_t>(root(id))];
    if (block.home == Physical::Home::kBlock && block.settled) {
      block.first = 0;
      block.last = static_cast<int>(steps_.size());
    }
  };
  for (std::size_t s = settled_steps_; s < steps_.size(); ++s) {
    std::for_each(steps_[s].inputs.begin(), steps_[s].inputs.end(), keep);
  }
  std::for_each(outputs_.begin(), outputs_.end(), keep);
}

}  // namespace temper::graph
