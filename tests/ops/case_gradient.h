// The loss of the gradient tests, a random linear functional of a case's outputs, and its gradient.
#pragma once

#include <map>
#include <vector>

#include "tests/ops/case_runner.h"

namespace temper::op_suite {

bool is_differentiated(const OpCase& op_case);

// The weights of output i.
std::vector<double> functional(std::size_t output, std::int64_t count);
bool counts_in_loss(const OpCase& op_case, const graph::Graph& graph, ValueId output,
                    std::size_t i);

// Adds loss = sum over outputs of sum(output * weights) and its gradient; the dx of
// op_case.differentiate.
std::vector<ValueId> add_gradient(const OpCase& op_case, CaseGraph& case_graph);

// The case's inputs and constants.
std::map<ValueId, Tensor> known_values(const CaseGraph& case_graph);

}  // namespace temper::op_suite
