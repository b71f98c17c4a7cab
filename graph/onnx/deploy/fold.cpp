#include "graph/onnx/deploy/fold.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/deploy/constant_numbers.h"
#include "graph/onnx/deploy/fixed_tensors.h"
#include "graph/onnx/deploy/fold_batchnorm.h"
#include "graph/onnx/deploy/rename_reads.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kSmallBytes = 1 << 16;
constexpr std::int64_t kMostComputed = std::int64_t{1} << 28;  // elements of one value

// Which of the fixed values are stored: those that others read, unless they are larger than what
// goes with them; then what they are computed of.
class FoldChoice {
 public:
  FoldChoice(ModelEdit& edit, const FixedTensors& fixed) : edit_(edit), fixed_(fixed) {
    for (const auto& node : edit.graph().node()) {
      for (const std::string& output : node.output()) {
        makers_[output] = &node;
      }
      for (const std::string& read : reads_of(node)) {
        readers_[read].insert(&node);
      }
    }
    for (const auto& output : edit.graph().output()) {
      readers_[output.name()].insert(nullptr);
    }
    for (const std::string& name : edit.initializers()) {
      stored_bytes_ += edit.unreadable(name).empty() ? edit.header(name).file_bytes : 0;
    }
    budget_ = stored_bytes_ / 16 + (1 << 20);
  }

  std::set<std::string> run() {
    for (const auto& node : edit_.graph().node()) {
      const bool is_fixed = std::any_of(node.output().begin(), node.output().end(),
                                        [&](auto& name) { return fixed_.contains(name); });
      if (!is_fixed) {
        for (const std::string& read : reads_of(node)) {
          want(read);
        }
      }
    }
    for (const auto& output : edit_.graph().output()) {
      if (fixed_.contains(output.name())) {
        want_inputs(*makers_.at(output.name()));
      }
    }
    return std::move(chosen_);
  }

 private:
  static std::set<std::string> reads_of(const wire::NodeProto& node) {
    std::set<std::string> reads(node.input().begin(), node.input().end());
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        reads.merge(reads_of_body(attribute.g()));
      }
    }
    reads.erase("");
    return reads;
  }

  void want_inputs(const wire::NodeProto& node) {
    for (const std::string& input : node.input()) {
      want(input);
    }
  }

  void want(const std::string& name) {
    if (!fixed_.contains(name) || !seen_.insert(name).second) {
      return;
    }
    const std::int64_t elements = fixed_.shape(name).element_count();
    if (elements <= kMostComputed) {
      const std::int64_t bytes = elements * static_cast<std::int64_t>(size_of(fixed_.dtype(name)));
      const std::int64_t growth = bytes - bytes_that_go(name);
      if (growth <= 0 || (bytes <= kSmallBytes && growth <= budget_)) {
        budget_ -= std::max<std::int64_t>(growth, 0);
        chosen_.insert(name);
        return;
      }
    }
    want_inputs(*makers_.at(name));
  }

  // Of the stored tensors that only this value is computed of.
  std::int64_t bytes_that_go(const std::string& name) {
    std::set<const wire::NodeProto*> nodes;
    std::set<std::string> tensors;
    std::vector<std::string> stack{name};
    while (!stack.empty()) {
      const std::string one = stack.back();
      stack.pop_back();
      const auto maker = makers_.find(one);
      if (fixed_.contains(one) && nodes.insert(maker->second).second) {
        stack.insert(stack.end(), maker->second->input().begin(), maker->second->input().end());
      } else if (!one.empty() && edit_.find_tensor(one) != nullptr) {
        tensors.insert(one);
      }
    }
    std::int64_t bytes = 0;
    for (const std::string& tensor : tensors) {
      const auto& readers = readers_[tensor];
      const bool goes = std::all_of(readers.begin(), readers.end(),
                                    [&](auto* node) { return nodes.contains(node); });
      bytes += goes && edit_.unreadable(tensor).empty() ? edit_.header(tensor).file_bytes : 0;
    }
    return bytes;
  }

  ModelEdit& edit_;
  const FixedTensors& fixed_;
  std::map<std::string, const wire::NodeProto*> makers_;
  std::map<std::string, std::set<const wire::NodeProto*>> readers_;
  std::set<std::string> seen_, chosen_;
  std::int64_t stored_bytes_ = 0;
  std::int64_t budget_ = 0;
};

}  // namespace

void fold(ModelEdit& edit, const FoldOptions& options) {
  const int before = edit.graph().node_size();
  const RemovedParts unread = remove_unread_parts(edit);
  numbers_to_tensors(edit);
  const KnownValues known = options.observe(edit.model());
  std::size_t stored = 0;
  {
    const ValueFacts facts(edit, known);
    FixedTensors fixed(edit, facts, *options.reference);
    stored = fixed.store(FoldChoice(edit, fixed).run()).size();
  }
  remove_unread_parts(edit);
  const int copies = remove_copies(edit, known);
  fold_batchnorm(edit);
  remove_unread_parts(edit);
  edit.note(concat("--fold: ", before, " nodes are ", edit.graph().node_size(), " now; ", stored,
                   " values that are always the same are stored, ", copies,
                   " nodes gave what they read, ", unread.tensors, " tensors were not read"));
}

}  // namespace temper::graph
