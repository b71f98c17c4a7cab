// Names and order of the flat graph: each name has one producer, each reader finds it, and no node
// waits for itself.
#include <algorithm>
#include <functional>
#include <queue>
#include <unordered_map>

#include "graph/onnx/flatten.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr int kGiven = -1;  // an input or initializer

using Producers = std::unordered_map<std::string, int>;

Producers find_producers(const FlatGraph& graph, const std::vector<std::string>& inputs) {
  Producers producers;
  for (const auto& [name, tensor] : graph.initializers) {
    producers.emplace(name, kGiven);
  }
  for (const std::string& name : inputs) {
    TEMPER_CHECK(producers.emplace(name, kGiven).second, ErrorCode::kInvalidModel, "the name '",
                 name, "' is given twice, as input or initializer");
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) {
      if (output.empty()) {
        continue;
      }
      const auto [found, fresh] = producers.emplace(output, static_cast<int>(i));
      TEMPER_CHECK(
          fresh, ErrorCode::kInvalidModel, "the name '", output, "' is produced twice: by ",
          found->second == kGiven ? "an input or initializer"
                                  : graph.nodes[static_cast<std::size_t>(found->second)].label(),
          " and by ", graph.nodes[i].label());
    }
  }
  return producers;
}

// Walks back from a node that never became ready, always to a producer that did not either: that
// must close a circle.
[[noreturn]] void report_cycle(const FlatGraph& graph, const Producers& producers,
                               const std::vector<int>& waiting) {
  const auto start = std::find_if(waiting.begin(), waiting.end(), [](int n) { return n > 0; });
  int at = static_cast<int>(start - waiting.begin());
  std::vector<int> path;
  std::vector<int> position(waiting.size(), -1);
  while (position[static_cast<std::size_t>(at)] < 0) {
    position[static_cast<std::size_t>(at)] = static_cast<int>(path.size());
    path.push_back(at);
    for (const std::string& input : graph.nodes[static_cast<std::size_t>(at)].inputs) {
      const auto found = producers.find(input);
      if (found != producers.end() && found->second != kGiven &&
          waiting[static_cast<std::size_t>(found->second)] > 0) {
        at = found->second;
        break;
      }
    }
  }
  std::string names;
  constexpr int kShown = 10;
  int shown = 0;
  for (int i = static_cast<int>(path.size()) - 1; i >= position[static_cast<std::size_t>(at)];
       --i) {
    if (++shown > kShown) {
      names += " -> ...";
      break;
    }
    names +=
        concat(names.empty() ? "" : " -> ",
               graph.nodes[static_cast<std::size_t>(path[static_cast<std::size_t>(i)])].label());
  }
  fail(ErrorCode::kInvalidModel, "the graph has a cycle: ", names, " -> back to the first");
}

}  // namespace

void check_and_sort(FlatGraph& graph, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs) {
  const Producers producers = find_producers(graph, inputs);
  const std::size_t count = graph.nodes.size();
  std::vector<int> waiting(count, 0);
  std::vector<std::vector<int>> readers(count);
  bool sorted = true;
  for (std::size_t i = 0; i < count; ++i) {
    for (const std::string& input : graph.nodes[i].inputs) {
      if (input.empty()) {
        continue;
      }
      const auto found = producers.find(input);
      TEMPER_CHECK(found != producers.end(), ErrorCode::kInvalidModel, graph.nodes[i].label(),
                   " reads '", input,
                   "', which is neither a graph input, nor an initializer, nor any node's output");
      if (found->second != kGiven) {
        readers[static_cast<std::size_t>(found->second)].push_back(static_cast<int>(i));
        ++waiting[i];
        sorted = sorted && found->second < static_cast<int>(i);
      }
    }
  }
  for (const std::string& output : outputs) {
    TEMPER_CHECK(producers.contains(output), ErrorCode::kInvalidModel, "the graph output '", output,
                 "' is produced by nothing");
  }
  TEMPER_CHECK(!outputs.empty(), ErrorCode::kInvalidModel, "the graph has no outputs");
  if (sorted) {
    return;
  }
  std::priority_queue<int, std::vector<int>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i) {
    if (waiting[i] == 0) {
      ready.push(static_cast<int>(i));
    }
  }
  std::vector<FlatNode> ordered;
  ordered.reserve(count);
  std::vector<int> order;
  while (!ready.empty()) {
    const int next = ready.top();
    ready.pop();
    order.push_back(next);
    for (const int reader : readers[static_cast<std::size_t>(next)]) {
      if (--waiting[static_cast<std::size_t>(reader)] == 0) {
        ready.push(reader);
      }
    }
  }
  if (order.size() != count) {
    report_cycle(graph, producers, waiting);
  }
  for (const int index : order) {
    ordered.push_back(std::move(graph.nodes[static_cast<std::size_t>(index)]));
  }
  graph.nodes = std::move(ordered);
}

}  // namespace temper::graph
