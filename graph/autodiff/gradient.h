// Reverse-mode differentiation of a graph, written once. Adds the gradient nodes to the same graph.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "graph/ir/body.h"
#include "graph/ir/graph.h"

namespace temper::graph {

// The gradients of `y` with respect to each of `wrt`, in that order: values of their shapes. `dy`
// is the gradient flowing into y; left out, y must be a scalar and dy is 1. A `wrt` that y does not
// depend on gets zeros. Only nodes between wrt and y are differentiated; nothing upstream of wrt,
// nothing frozen. Integer values carry no gradient. The gradient is made of differentiable ops
// where rules exist, so a value that depends on it may be differentiated again (gradient
// penalties). Where a rule is missing on the way, all such ops are named at once. THROWS:
// kUnsupported naming every op and node without a gradient.
std::vector<ValueId> gradient(Graph& graph, ValueId y, std::span<const ValueId> wrt,
                              ValueId dy = {});

// The gradient of a body with known shapes: it takes what the body takes, then the gradients of
// these of its outputs, and gives those of these of its inputs. What it needs of the body's own
// values it computes again. THROWS: as gradient().
std::shared_ptr<Body> gradient_of_body(const Body& body, const std::vector<std::size_t>& outputs,
                                       const std::vector<std::size_t>& inputs);

// What a node computes whose op gives the gradients of another one (OpDef::backward_of), as the
// gradient of that op's expansion: values in the places of its outputs. REQUIRES: the other op has
// an expansion.
std::vector<ValueId> expanded_gradient(Graph& graph, NodeId node);

}  // namespace temper::graph
