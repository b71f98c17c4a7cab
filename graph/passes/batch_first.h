// Brings inputs and outputs of an imported graph to one form, in which the batch is their first
// dimension: what trains, measures and predicts then knows no other. Nodes that move dimensions are
// put behind the inputs and the outputs; the model between them stays as it is.
#pragma once

#include <cstddef>
#include <string>

#include "graph/ir/graph.h"

namespace temper::graph {

// The input's dimension `axis` comes first. REQUIRES: shapes are not inferred yet; as below.
void move_batch_first(Graph& graph, ValueId input, int axis);

// The input, which is one sample, gets a first dimension of 1.
void add_batch_of_one(Graph& graph, ValueId input);

// The input is given no more: it is `value`, which all samples share.
void fix_input(Graph& graph, ValueId input, Tensor value);

// The same where each sample has its own: `value` is broadcast to `shape`, the input's, but with as
// many samples along dimension `axis` as `like`, another input, has along dimension 0.
void fix_input(Graph& graph, ValueId input, Tensor value, const Shape& shape, int axis,
               ValueId like);

// Output `i` of so many dimensions: dimension `batch` comes first and, where it is not negative,
// `time` behind it. Does nothing where that is so.
void move_output_first(Graph& graph, std::size_t i, int rank, int batch, int time = -1);

// Output `i`, which is all there is of a batch of one, gets a first dimension of 1.
void add_output_batch_of_one(Graph& graph, std::size_t i);

// Output `i` has rows of several samples in dimension 0: each sample's one after the other or,
// where `samples_inside`, one of each sample after the other. It becomes [N, rows, ...], with N as
// `like` has it along dimension 0.
void split_output_rows(Graph& graph, std::size_t i, bool samples_inside, int rank, ValueId like);

}  // namespace temper::graph
