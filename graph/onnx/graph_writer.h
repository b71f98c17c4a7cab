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
  // Tensors of a graph with more bytes than this go to "<stem>-<8 hex digits>.onnx.data" beside the
  // file: one .onnx file ends at 2 GiB.
  std::int64_t inline_bytes = std::int64_t{1} << 30;
};

// Writes `graph` to `path`: under a temporary name, synced and renamed. Nodes are written as they
// stand, so the graph is one whose ops have the form of `opset` (shapes are inputs, as ONNX has
// them) and nothing needs to have been inferred; outputs have a dtype. Initial values are asked
// for a piece at a time. REQUIRES: no node has a body. THROWS: kIo.
void write_graph(const Graph& graph, const GraphFile& file, const std::string& path);

}  // namespace temper::graph
