#include "training/compile/fit_memory.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "graph/ir/verify.h"
#include "graph/passes/live_bytes.h"

namespace temper::training {
namespace {

struct Candidate {
  graph::Graph graph;
  graph::RecomputationReport report;
  std::int64_t estimate = 0;  // of the bytes alive at its peak
};

std::vector<Candidate> candidates(const graph::Graph& graph) {
  std::vector<Candidate> made;
  for (const int segments : {0, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48}) {
    Candidate next{graph, {}, 0};
    next.report = graph::recompute(next.graph, {segments});
    if (next.report.nodes > 0) {
      graph::verify(next.graph, "recompute");
      next.estimate = graph::live_bytes(next.graph).peak;
      made.push_back(std::move(next));
    }
  }
  std::stable_sort(made.begin(), made.end(), [](const Candidate& a, const Candidate& b) {
    return a.report.work < b.report.work;
  });
  return made;
}

}  // namespace

graph::RecomputationReport fit_into(
    graph::Graph& graph, std::int64_t limit,
    const std::function<std::int64_t(const graph::Graph&)>& measure) {
  std::int64_t least = measure(graph);
  if (least <= limit) {
    return {};
  }
  const std::vector<Candidate> tried = candidates(graph);
  const std::int64_t now = graph::live_bytes(graph).peak;
  // Workspaces, gradients, variables and what kernels save in place are taken to stay as they are.
  const std::int64_t beside = least - now;
  const Candidate* best = nullptr;
  for (const Candidate& candidate : tried) {
    // An estimate that is off by a tenth is tried all the same; one above what was seen is not.
    const bool may_fit = candidate.estimate + beside <= limit + limit / 10;
    const bool smallest = std::none_of(tried.begin(), tried.end(), [&](const Candidate& other) {
      return other.estimate < candidate.estimate;
    });
    const std::int64_t lowest = best == nullptr ? now : best->estimate;
    if (!may_fit && !(smallest && candidate.estimate < lowest)) {
      continue;
    }
    const std::int64_t bytes = measure(candidate.graph);
    if (bytes < least) {
      least = bytes;
      best = &candidate;
    }
    if (least <= limit) {
      break;
    }
  }
  if (best == nullptr) {
    return {};
  }
  graph = best->graph;
  return best->report;
}

}  // namespace temper::training
