// A graph as an ONNX file of its own: how fresh models are written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/ir/graph.h"

namespace temper::graph {

struct GraphFile {
  std::int64_t opset = 20;
  // One list for each output of the graph: what the file declares.
  std::vector<std::vector<Dim>> output_dims;
  std::string producer = "temper";
};

// Writes `graph` to `path`: under a temporary name, synced and renamed. Nodes are written as they
// stand, so the graph is one whose ops have the form of `opset` (shapes are inputs, as ONNX has
// them) and nothing needs to have been inferred; outputs have a dtype. Initial values are asked
// for a piece at a time: those of a model of more than 1 GiB go to "<stem>-<8 hex
// digits>.onnx.data" beside it. REQUIRES: no node has a body. THROWS: kIo.
void write_graph(const Graph& graph, const GraphFile& file, const std::string& path);

}  // namespace temper::graph
