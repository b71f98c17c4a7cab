#include "graph/passes/reduce_gradients.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "graph/ir/walk.h"

namespace temper::graph {
namespace {

// Gradients without repetition, in the order in which the reverse pass is done with them.
std::vector<ValueId> by_completion(const Graph& graph, const std::vector<ValueId>& raw,
                                   const std::vector<ValueId>& gradients) {
  std::vector<int> place(static_cast<std::size_t>(graph.node_count()), -1);
  int next = 0;
  for (const NodeId id : topological_order(graph)) {
    place[static_cast<std::size_t>(id.index)] = next++;
  }
  std::vector<std::pair<int, ValueId>> complete;
  std::set<ValueId> known;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    const Value& value = graph.value(raw[i]);
    const bool is_computed = value.kind == ValueKind::kNode;
    if (known.insert(gradients[i]).second) {
      complete.emplace_back(
          is_computed ? place[static_cast<std::size_t>(value.producer.index)] : -1, gradients[i]);
    }
  }
  std::stable_sort(complete.begin(), complete.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<ValueId> order;
  for (const auto& [at, gradient] : complete) {
    order.push_back(gradient);
  }
  return order;
}

}  // namespace

void reduce_gradients(Builder& builder, const ReduceOptions& options,
                      const std::vector<ValueId>& raw, std::vector<ValueId>& gradients) {
  if (options.ranks == 1) {
    return;
  }
  builder.set_origin("sum of the gradients over the ranks");
  std::map<ValueId, ValueId> sums;
  std::vector<ValueId> bucket;
  std::int64_t bytes = 0;
  const auto close = [&] {
    const std::vector<ValueId> made =
        builder.ops("AllReduce", bucket, static_cast<int>(bucket.size()),
                    {{"ranks", std::int64_t{options.ranks}}});
    for (std::size_t i = 0; i < bucket.size(); ++i) {
      sums[bucket[i]] = made[i];
    }
    bucket.clear();
    bytes = 0;
  };
  for (const ValueId gradient : by_completion(builder.graph(), raw, gradients)) {
    bucket.push_back(gradient);
    bytes += storage_bytes(builder.dtype(gradient), builder.shape(gradient), {});
    if (bytes >= options.bucket_bytes) {
      close();
    }
  }
  if (!bucket.empty()) {
    close();
  }
  for (ValueId& gradient : gradients) {
    gradient = sums.at(gradient);
  }
}

}  // namespace temper::graph
