// A loss that a person wrote as an ONNX file: its inputs are the model's outputs, the model's
// inputs and targets of the data, by name; its output is the loss. Its tensors are constants:
// nothing trains, saves or exports them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// An input of a loss file that begins with this is a target, whatever the model has.
inline constexpr std::string_view kTargetNamePrefix = "target:";

enum class LossFileRole { kModelOutput, kModelInput, kSampleWeight, kTarget };

// The values of the model that a loss file may name.
struct ModelValues {
  std::vector<graph::ValueId> inputs;
  std::vector<graph::Graph::Output> outputs;

  // REQUIRES: it is an input or output of the model, as `role` says.
  graph::ValueId value_of(const graph::Graph& graph, std::string_view name,
                          LossFileRole role) const;
  // The first dimension of its first output, 1 for a scalar.
  std::int64_t batch(const graph::Graph& graph) const;
};

// What the input `name` of a loss file is. The names of the model are looked up first.
LossFileRole role_of(std::string_view name, const std::vector<std::string>& model_inputs,
                     const std::vector<std::string>& model_outputs, bool sample_weight);
// `model` is of `graph`, outputs as the model names them.
LossFileRole role_of(const graph::Graph& graph, std::string_view name, const ModelValues& model,
                     bool sample_weight);

// The imported file as a loss: its tensors become constants. THROWS: kInvalidModel unless it has an
// input and one output.
graph::Graph as_loss_file(graph::Graph imported, const std::string& path);

// Gradients reach the loss from these inputs, through ops that have them. THROWS: kInvalidModel,
// kUnsupported naming the nodes.
void check_loss_gradient(const graph::Graph& file, const std::string& path,
                         const std::vector<std::string>& model_outputs);

// The dimensions that symbols stand for; what a file's dimension may be is checked against it.
using LossSymbols = std::map<std::string, std::int64_t>;

// `value` of the file takes values of this dtype and shape; its symbols are noted. `from`: "the
// model's output". THROWS: kInvalidArgument with both.
void check_loss_input(const graph::Value& value, const std::string& path, std::string_view from,
                      DType dtype, const Shape& shape, LossSymbols& symbols);

// The loss, a scalar in the file's type. `given`: a value of `graph` for each input of the file.
// THROWS: kInvalidArgument for values that do not fit, and when the loss is not one number.
graph::ValueId add_loss_file(graph::Graph& graph, const LossTerm& term,
                             const std::map<std::string, graph::ValueId>& given,
                             const Backend& reference);

}  // namespace temper::training
