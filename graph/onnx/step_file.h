// A training step as an ONNX file in operators of the standard: as a plain model that every tool
// runs, or as the TrainingInfoProto of the model it trains (ONNX IR.md, "Training Related
// Information").
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/onnx/import.h"
#include "graph/onnx/model_writer.h"

namespace temper::graph {

struct StepFile {
  std::int64_t opset = 20;
  std::vector<std::pair<std::string, std::string>> metadata;
  // Of a plain model: whether its variables are inputs too, so that each run may have other values.
  bool variables_are_inputs = true;
};

// Behind the name of a variable: that of its value after the step.
inline constexpr const char* kNextSuffix = ".next";

// The graph as one model. Inputs: those of the graph, then every variable it uses; a variable's
// initializer is what it begins with, so that it may be left out. Outputs: those of the graph, then
// NAME.next for each variable with an update. REQUIRES: to_standard_ops(), known shapes, updates
// that are always done. THROWS: kIo, kUnsupported.
void write_flat_step(const Graph& step, const StepFile& file, const std::string& path);

// `model` with the step beside its graph: `algorithm` takes the graph's inputs that the model has
// not, its initializers are the variables that the model has not, `initialization` sets those that
// begin as zeros, and the bindings name what takes the new values. THROWS: as write_flat_step();
// kUnsupported where the step does not fit the file: an opset below the step's, other shapes of
// inputs, tensors of other types.
void write_training_info(const OnnxModel& model, const Graph& step, const StepFile& file,
                         const std::string& path);

// Whether the file holds a step.
bool has_training_info(const OnnxModel& model);

// What the step of a file and the one that write_training_info() would write beside its graph
// differ in, the first of it; empty: they are equal to the last byte. THROWS: kInvalidArgument for
// a file without a step; as write_training_info().
std::string training_info_difference(const OnnxModel& model, const Graph& step,
                                     const StepFile& file);

}  // namespace temper::graph
