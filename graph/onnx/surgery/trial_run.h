// Runs a model, or a graph, on samples made up for the purpose, and compares what two of them give.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/onnx/import.h"
#include "graph/onnx/surgery/dynamic_batch.h"

namespace temper::graph {

// Without a pattern that a mix of samples would keep. Whole numbers are 0 and 1: they may pick
// rows of a table.
Tensor trial_samples(DType dtype, const Shape& shape, std::uint64_t seed);

// The outputs of a graph whose shapes are known for these inputs.
std::vector<Tensor> trial_outputs(const Graph& graph, const std::vector<Tensor>& inputs,
                                  const Trial& trial);

// THROWS: kUnsupported naming the output and the difference where it is more than 1e-4 of the
// largest value. `when`: "in a batch of 3".
void check_close(const std::string& output, const Tensor& expected, const Tensor& actual,
                 const std::string& when);

}  // namespace temper::graph
