#include "graph/passes/recompute.h"

#include <algorithm>
#include <limits>
#include <map>
#include <numeric>
#include <utility>
#include <vector>

#include "graph/ir/op_def.h"
#include "graph/passes/live_bytes.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

// Tensors below this stay: a second computation costs more than they take.
constexpr std::int64_t kSmall = 16384;
// How many cheap nodes in a row are computed again, from what is kept on.
constexpr int kLongestChain = 3;
constexpr int kNever = std::numeric_limits<int>::max();

std::size_t at(ValueId id) { return static_cast<std::size_t>(id.index); }
std::size_t at(NodeId id) { return static_cast<std::size_t>(id.index); }

bool is_product(const Node& node) { return node.op->work_function != nullptr; }

// The same again gives the same, and its outputs are tensors.
bool is_repeatable(const Graph& graph, const Node& node) {
  return !node.op->is_stateful && node.bodies.empty() &&
         std::none_of(node.outputs.begin(), node.outputs.end(), [&](ValueId output) {
           return output.valid() && graph.value(output).dtype == DType::kOpaque;
         });
}

class Recomputing {
 public:
  Recomputing(Graph& graph, const Recomputation& how)
      : graph_(graph), live_(live_bytes(graph)), end_(end_of_forward()) {
    kept_.assign(live_.root.size(), false);
    how.segments > 1 ? keep_between_segments(how.segments) : keep_what_is_dear();
    keep_what_cannot_be_repeated();
  }

  RecomputationReport run() {
    find_needs();
    std::vector<NodeId> again;
    for (int p = 0; p <= end_; ++p) {
      if (needs_[at(node_at(p))] != kNever) {
        again.push_back(node_at(p));
      }
    }
    // Of several that are ready a plan computes the oldest, so they are made in the order in which
    // they are needed.
    std::stable_sort(again.begin(), again.end(),
                     [&](NodeId a, NodeId b) { return needs_[at(a)] < needs_[at(b)]; });
    RecomputationReport report;
    report.nodes = static_cast<int>(again.size());
    const double all = work();
    for (const NodeId id : again) {
      repeat(id);
    }
    for (int p = end_ + 1; p < static_cast<int>(live_.order.size()); ++p) {
      for (ValueId& input : graph_.node(node_at(p)).inputs) {
        input = copy_of(input);
      }
    }
    report.work = all > 0 ? work() / all - 1 : 0;
    return report;
  }

 private:
  NodeId node_at(int position) const { return live_.order[static_cast<std::size_t>(position)]; }
  std::size_t root(ValueId id) const { return static_cast<std::size_t>(live_.root[at(id)]); }
  bool is_computed(ValueId id) const {
    return id.valid() && graph_.value(id).kind == ValueKind::kNode;
  }
  bool is_forward(ValueId id) const {
    return is_computed(id) && live_.position[at(graph_.value(id).producer)] <= end_;
  }
  // Made by the forward part and read behind it.
  bool is_saved(std::size_t root) const {
    return live_.made[root] >= 0 && live_.made[root] <= end_ && live_.last[root] > end_;
  }

  double work() const {
    double sum = 0;
    for (int i = 0; i < graph_.node_count(); ++i) {
      const Node& node = graph_.node(NodeId{i});
      const bool counts = !node.removed && is_product(node);
      sum += counts ? node.op->work_function(graph_, node) : 0;
    }
    return sum;
  }

  int end_of_forward() const {
    for (const Graph::Output& output : graph_.outputs) {
      if (output.port.role == PortRole::kLoss && is_computed(output.value)) {
        return live_.position[at(graph_.value(output.value).producer)];
      }
    }
    return live_.peak_at;
  }

  // --- what is kept -----------------------------------------------------------

  // From what is kept, or lies elsewhere: how many nodes it takes to compute `id`; kNever: more
  // than kLongestChain.
  int chain_to(ValueId id) {
    if (!is_forward(id)) {
      return 0;
    }
    int& known = chains_.emplace(id.index, -1).first->second;
    if (known >= 0) {
      return known;
    }
    const Node& node = graph_.node(graph_.value(id).producer);
    if (kept_[root(id)] || live_.bytes[root(id)] < kSmall) {
      return known = 0;
    }
    int longest = 0;
    if (is_product(node) || !is_repeatable(graph_, node)) {
      longest = kNever;
    }
    for (const ValueId input : node.inputs) {
      longest = longest == kNever ? kNever : std::max(longest, chain_to(input));
    }
    const int own = node.op->is_reshape() ? 0 : 1;
    longest = longest >= kNever - own ? kNever : longest + own;
    return chains_[id.index] = longest > kLongestChain ? kNever : longest;
  }

  void keep_what_is_dear() {
    for (int p = 0; p <= end_; ++p) {
      const Node node = graph_.node(node_at(p));
      for (const ValueId output : node.outputs) {
        if (output.valid() && is_saved(root(output)) && chain_to(output) == kNever) {
          kept_[root(output)] = true;
          chains_[output.index] = 0;
        }
      }
    }
  }

  // Bytes that pass each position: made up to there, read by the forward part behind it.
  std::vector<std::int64_t> passing() const {
    std::vector<int> last(live_.root.size(), -1);
    for (int p = 0; p <= end_; ++p) {
      for (const ValueId input : graph_.node(node_at(p)).inputs) {
        if (is_computed(input)) {
          last[root(input)] = p;
        }
      }
    }
    std::vector<std::int64_t> change(static_cast<std::size_t>(end_) + 2, 0);
    for (std::size_t r = 0; r < last.size(); ++r) {
      if (live_.made[r] >= 0 && last[r] > live_.made[r]) {
        change[static_cast<std::size_t>(live_.made[r])] += live_.bytes[r];
        change[static_cast<std::size_t>(last[r])] -= live_.bytes[r];
      }
    }
    std::partial_sum(change.begin(), change.end(), change.begin());
    return change;
  }

  // The last positions of all segments but the last: where least passes, after each has its share
  // of what is saved or a little less or more.
  std::vector<int> cuts(int segments) const {
    std::vector<std::int64_t> saved(static_cast<std::size_t>(end_) + 1, 0);
    for (std::size_t r = 0; r < live_.root.size(); ++r) {
      if (is_saved(r)) {
        saved[static_cast<std::size_t>(live_.made[r])] += live_.bytes[r];
      }
    }
    std::partial_sum(saved.begin(), saved.end(), saved.begin());
    const std::vector<std::int64_t> passes = passing();
    const double share = static_cast<double>(saved.back()) / segments;
    std::vector<int> made;
    for (int s = 1; s < segments; ++s) {
      int best = -1;
      for (int p = made.empty() ? 0 : made.back() + 1; p < end_; ++p) {
        const double sum = static_cast<double>(saved[static_cast<std::size_t>(p)]);
        const bool near = sum >= (s - 0.4) * share && sum <= (s + 0.4) * share;
        if (near && (best < 0 || passes[static_cast<std::size_t>(p)] <
                                     passes[static_cast<std::size_t>(best)])) {
          best = p;
        }
      }
      if (best >= 0) {
        made.push_back(best);
      }
    }
    return made;
  }

  void keep_between_segments(int segments) {
    const std::vector<int> ends = cuts(segments);
    const int last_begins = ends.empty() ? 0 : ends.back() + 1;
    const auto segment_of = [&](int position) {
      return std::lower_bound(ends.begin(), ends.end(), position) - ends.begin();
    };
    for (int p = 0; p <= end_; ++p) {
      const Node& node = graph_.node(node_at(p));
      for (const ValueId input : node.inputs) {
        if (is_computed(input) && segment_of(live_.made[root(input)]) < segment_of(p)) {
          kept_[root(input)] = true;
        }
      }
      for (const ValueId output : node.outputs) {
        if (output.valid() && is_saved(root(output)) && live_.made[root(output)] >= last_begins) {
          kept_[root(output)] = true;
        }
      }
    }
  }

  void keep_what_cannot_be_repeated() {
    for (int p = 0; p <= end_; ++p) {
      const Node& node = graph_.node(node_at(p));
      for (const ValueId output : node.outputs) {
        if (output.valid() &&
            (!is_repeatable(graph_, node) || live_.bytes[root(output)] < kSmall)) {
          kept_[root(output)] = true;
        }
      }
    }
  }

  // --- what is computed again -------------------------------------------------

  // Whether a reader behind the forward part takes a copy.
  bool is_dropped(ValueId id) const { return is_forward(id) && !kept_[root(id)]; }

  // Of each node of the forward part: the first position that needs its copy.
  void find_needs() {
    needs_.assign(static_cast<std::size_t>(graph_.node_count()), kNever);
    const auto need = [&](ValueId id, int position) {
      if (is_dropped(id)) {
        int& known = needs_[at(graph_.value(id).producer)];
        known = std::min(known, position);
      }
    };
    for (int p = static_cast<int>(live_.order.size()) - 1; p > end_; --p) {
      for (const ValueId input : graph_.node(node_at(p)).inputs) {
        need(input, p);
      }
    }
    for (int p = end_; p >= 0; --p) {
      const int needed = needs_[at(node_at(p))];
      for (const ValueId input : graph_.node(node_at(p)).inputs) {
        if (needed != kNever) {
          need(input, needed);
        }
      }
    }
  }

  ValueId copy_of(ValueId id) const {
    const auto found = copies_.find(id.index);
    return found == copies_.end() ? id : found->second;
  }

  void repeat(NodeId id) {
    const Node node = graph_.node(id);  // a copy: adding nodes moves them
    std::vector<ValueId> inputs = node.inputs;
    for (ValueId& input : inputs) {
      input = copy_of(input);
    }
    const NodeId again = graph_.add_node(*node.op, std::move(inputs), {}, node.attrs,
                                         concat(node.origin, ", again"));
    graph_.node(again).scope = node.scope;
    graph_.node(again).outputs.resize(node.outputs.size());
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
      if (!node.outputs[i].valid()) {
        continue;
      }
      const ValueId made = graph_.ensure_output(again, static_cast<int>(i));
      const Value& first = graph_.value(node.outputs[i]);
      graph_.value(made).dtype = first.dtype;
      graph_.value(made).shape = first.shape;
      graph_.value(made).shape_known = first.shape_known;
      if (is_dropped(node.outputs[i])) {
        copies_[node.outputs[i].index] = made;
      }
    }
  }

  Graph& graph_;
  const LiveBytes live_;
  const int end_;                           // the last position of the forward part
  std::vector<bool> kept_;                  // of each root
  std::map<int, int> chains_;               // of values, see chain_to()
  std::vector<int> needs_;                  // of each node
  std::map<std::int32_t, ValueId> copies_;  // of values
};

}  // namespace

RecomputationReport recompute(Graph& graph, const Recomputation& how) {
  return Recomputing(graph, how).run();
}

}  // namespace temper::graph
