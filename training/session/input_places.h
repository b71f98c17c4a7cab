// Where each input's samples lie as the recipe says, else as the file's names of dimensions and its
// operators have it, one input at a time.
#pragma once

#include <string>
#include <vector>

#include "training/session/input_layout.h"

namespace temper::training {

// THROWS: kInvalidArgument for settings that do not fit the inputs.
InputLayout find_input_places(const graph::Graph& graph,
                              const std::vector<graph::OnnxValueInfo>& outputs,
                              const ModelSettings& settings);

// Whether a dimension of this name counts steps: "seq_len", "T".
bool names_length(const std::string& symbol);

}  // namespace temper::training
