#include "graph/passes/pipeline.h"

#include <array>

#include "graph/ir/body.h"
#include "graph/ir/verify.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/cleanup.h"
#include "graph/passes/expand_ops.h"
#include "graph/passes/fold_settled_norms.h"
#include "graph/passes/fuse_elementwise.h"
#include "graph/passes/fuse_relu.h"
#include "graph/passes/integer_regions.h"
#include "graph/passes/settled_values.h"
#include "graph/passes/widen_weight_gradients.h"

namespace temper::graph {
namespace {

// The same for the bodies of what is left, each a graph of its own.
void finish_bodies(Graph& graph, const Backend& reference, PipelineOptions options) {
  options.observer = nullptr;
  for (int i = 0; i < graph.node_count(); ++i) {
    Node& node = graph.node(NodeId{i});
    for (std::size_t k = 0; k < node.bodies.size() && !node.removed; ++k) {
      const auto finished = std::make_shared<Body>(*node.bodies[k]);
      run_pipeline(finished->graph, reference, options);
      node.bodies[k] = finished;
    }
  }
}

struct Pass {
  const char* name;
  void (*run)(Graph&, const Backend&);
  bool prepares_weights = false;  // only where that is wanted
  bool asks_kernels = false;      // gets PipelineOptions::kernels, and only where that is there
};

constexpr std::array<Pass, 12> kPasses = {{
    // First, so that nobody looks at what the outputs and updates do not need.
    {"remove_dead_nodes", [](Graph& g, const Backend&) { remove_dead_nodes(g); }},
    // Before merging: a gradient may have made the same nodes from the expansion already.
    {"expand_ops", [](Graph& g, const Backend&) { expand_ops(g); }},
    // The gradient part starts from a constant 1: its constant prefix disappears.
    {"fold_constants", [](Graph& g, const Backend& b) { fold_constants(g, b); }},
    // After folding: equal constants make more nodes equal.
    {"merge_common_nodes", [](Graph& g, const Backend&) { merge_common_nodes(g); }},
    // Merged and folded nodes left producers behind, and fusion counts readers.
    {"remove_dead_nodes_again", [](Graph& g, const Backend&) { remove_dead_nodes(g); }},
    // Needs the final reader counts: duplicate casts are one by now.
    {"widen_weight_gradients", [](Graph& g, const Backend&) { widen_weight_gradients(g); }},
    // Before fuse_relu, so that the convolution takes the Relu behind the norm.
    {"fold_settled_norms", [](Graph& g, const Backend&) { fold_settled_norms(g); }, true},
    // Needs the final reader counts; ReluGrad reads the fused output.
    {"fuse_relu", [](Graph& g, const Backend&) { fuse_relu(g); }},
    // After fuse_relu, so that products have theirs; needs the final reader counts.
    {"use_integer_regions", use_integer_regions, true, true},
    // After fuse_relu, which knows its ops apart; needs the final reader counts as well.
    {"fuse_elementwise", [](Graph& g, const Backend&) { fuse_elementwise(g); }},
    {"remove_dead_nodes_last", [](Graph& g, const Backend&) { remove_dead_nodes(g); }},
    {"mark_settled_weights", [](Graph& g, const Backend&) { mark_settled_weights(g); }, true},
}};

}  // namespace

void run_pipeline(Graph& graph, const Backend& reference, const PipelineOptions& options) {
  verify(graph, "making it");
  const auto done = [&](const char* name) {
    verify(graph, name);
    if (options.observer) {
      options.observer(name, graph);
    }
  };
  for (const Pass& pass : kPasses) {
    const Backend* const asked = pass.asks_kernels ? options.kernels : &reference;
    if ((options.prepares_weights || !pass.prepares_weights) && asked != nullptr) {
      pass.run(graph, *asked);
      done(pass.name);
    }
  }
  // After those that are not needed are gone.
  finish_bodies(graph, reference, options);
  done("finish_bodies");
}

}  // namespace temper::graph
