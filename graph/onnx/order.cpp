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

struct Producer {
  int node = kGiven;
  int body = -1;  // where its result can be read
};
using Producers = std::unordered_map<std::string, Producer>;

// Whether `inner` is this body or stands in it.
bool is_inside(const FlatGraph& graph, int inner, int body) {
  while (inner != body && inner >= 0) {
    inner = graph.bodies[static_cast<std::size_t>(inner)].outer;
  }
  return inner == body;
}

Producers find_producers(const FlatGraph& graph, const std::vector<std::string>& inputs) {
  Producers producers;
  for (const auto& [name, body] : graph.body_of_given) {
    producers.emplace(name, Producer{kGiven, body});
  }
  for (const auto& [name, tensor] : graph.initializers) {
    producers.emplace(name, Producer{});
  }
  for (const std::string& name : inputs) {
    TEMPER_CHECK(producers.emplace(name, Producer{}).second, ErrorCode::kInvalidModel, "the name '",
                 name, "' is given twice, as input or initializer");
  }
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const std::string& output : graph.nodes[i].outputs) {
      if (output.empty()) {
        continue;
      }
      const auto [found, fresh] =
          producers.emplace(output, Producer{static_cast<int>(i), graph.nodes[i].body});
      TEMPER_CHECK(fresh, ErrorCode::kInvalidModel, "the name '", output,
                   "' is produced twice: by ",
                   found->second.node == kGiven
                       ? "an input or initializer"
                       : graph.nodes[static_cast<std::size_t>(found->second.node)].label(),
                   " and by ", graph.nodes[i].label());
    }
  }
  return producers;
}

// Walks back from a node that never became ready, always to one before it that did not either: that
// must close a circle.
[[noreturn]] void report_cycle(const FlatGraph& graph, const std::vector<std::vector<int>>& before,
                               const std::vector<int>& waiting) {
  const auto start = std::find_if(waiting.begin(), waiting.end(), [](int n) { return n > 0; });
  int at = static_cast<int>(start - waiting.begin());
  std::vector<int> path;
  std::vector<int> position(waiting.size(), -1);
  while (position[static_cast<std::size_t>(at)] < 0) {
    position[static_cast<std::size_t>(at)] = static_cast<int>(path.size());
    path.push_back(at);
    for (const int producer : before[static_cast<std::size_t>(at)]) {
      if (waiting[static_cast<std::size_t>(producer)] > 0) {
        at = producer;
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

// Per node, those that must come before it: what produces its inputs, and the nodes of its bodies.
std::vector<std::vector<int>> find_before(const FlatGraph& graph, const Producers& producers) {
  std::vector<std::vector<int>> before(graph.nodes.size());
  std::vector<int> owners(graph.bodies.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const int body : graph.nodes[i].bodies) {
      owners[static_cast<std::size_t>(body)] = static_cast<int>(i);
    }
  }
  const auto read = [&](std::size_t i, const std::string& name, int body) {
    if (name.empty()) {
      return;
    }
    const auto found = producers.find(name);
    TEMPER_CHECK(found != producers.end() && is_inside(graph, body, found->second.body),
                 ErrorCode::kInvalidModel, graph.nodes[i].label(), " reads '", name,
                 "', which is neither a graph input, nor an initializer, nor any node's output");
    if (found->second.node != kGiven) {
      before[i].push_back(found->second.node);
    }
  };
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const FlatNode& node = graph.nodes[i];
    for (const std::string& input : node.inputs) {
      read(i, input, node.body);
    }
    for (const int body : node.bodies) {
      for (const std::string& output : graph.bodies[static_cast<std::size_t>(body)].outputs) {
        read(i, output, body);
      }
    }
    if (node.body >= 0) {
      const int owner = owners[static_cast<std::size_t>(node.body)];
      before[static_cast<std::size_t>(owner)].push_back(static_cast<int>(i));
    }
  }
  return before;
}

}  // namespace

void check_and_sort(FlatGraph& graph, const std::vector<std::string>& inputs,
                    const std::vector<std::string>& outputs) {
  const Producers producers = find_producers(graph, inputs);
  const std::size_t count = graph.nodes.size();
  const std::vector<std::vector<int>> before = find_before(graph, producers);
  std::vector<int> waiting(count, 0);
  std::vector<std::vector<int>> readers(count);
  bool sorted = true;
  for (std::size_t i = 0; i < count; ++i) {
    for (const int producer : before[i]) {
      readers[static_cast<std::size_t>(producer)].push_back(static_cast<int>(i));
      ++waiting[i];
      sorted = sorted && producer < static_cast<int>(i);
    }
  }
  for (const std::string& output : outputs) {
    const auto found = producers.find(output);
    TEMPER_CHECK(found != producers.end() && found->second.body < 0, ErrorCode::kInvalidModel,
                 "the graph output '", output, "' is produced by nothing");
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
    report_cycle(graph, before, waiting);
  }
  for (const int index : order) {
    ordered.push_back(std::move(graph.nodes[static_cast<std::size_t>(index)]));
  }
  graph.nodes = std::move(ordered);
}

}  // namespace temper::graph
