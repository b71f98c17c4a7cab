// What of a model trains and what does not, in a line for people.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "graph/onnx/import.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// "3 of 5 float tensors train (31 of 39 parameters); not: 1.weight, 1.bias (frozen by
// model.freeze)": all of the file's, by reason, the largest first. `decisions`: the importer's.
// THROWS: as choose_trainable().
std::string what_trains(const graph::Graph& imported,
                        const std::vector<graph::TensorDecision>& decisions,
                        const CompileSettings& settings);

// Of a model that was exported in training mode: that it is evaluated and written for inference.
// Empty for others.
std::string training_form_note(const std::string& path, const graph::Graph& imported);

// The float tensors that only a pattern of model.trainable can mean: those that are constants of
// the graph (a scalar such as a temperature), where the pattern chooses no other tensor. For
// OnnxModel::build_graph().
std::set<std::string> asked_constants(const std::vector<std::string>& trainable,
                                      const std::vector<graph::TensorDecision>& decisions);

}  // namespace temper::training
