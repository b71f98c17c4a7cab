// One step of a recipe as an ONNX file in operators of the standard: `temper convert --training`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "training/recipe/recipe.h"

namespace temper::training {

struct TrainingStepOptions {
  bool flat = false;  // a plain model of the step alone, in place of the model with its step
};

// Of a file that was written.
struct TrainingStepReport {
  std::int64_t opset = 0;
  std::int64_t nodes = 0;
  std::int64_t batch = 0;  // rows of a step
  std::vector<std::string> inputs, outputs;
  std::int64_t parameters = 0, states = 0;  // tensors that a step changes: the model's and others
  std::int64_t rate_steps = 0;  // steps whose rates are in the file; 1: every step has the same
  std::vector<std::string> notes;
};

struct TrainingStep {
  graph::Graph graph;  // in operators of the standard; its updates are always done
  TrainingStepReport report;
};

class Session;

// The step that the session trains with. THROWS: as write_training_step().
TrainingStep make_training_step(Session& session);

// The recipe that a file was written from, with `typed` on top; it trains the file's model.
// Nothing: the file holds no step. THROWS: kUnsupported for a step of another writer, which has no
// recipe.
std::optional<Recipe> recipe_of_step(const std::string& model, const RecipeSources& typed);

// That the step in the session's model file is the one that its recipe makes, node by node: then
// training by the recipe is training by the file. THROWS: kInvalidArgument with the first
// difference; as make_training_step().
void check_step_of_file(Session& session);

// The step that `recipe` trains with, as `out`: forward, loss, gradient, clipping, update. What the
// run does between steps (data, evaluation, stopping) is not in it. THROWS: as Session;
// kUnsupported listing every setting and operator that has no form in a single step of standard
// operators.
TrainingStepReport write_training_step(const Recipe& recipe, const std::string& out,
                                       const TrainingStepOptions& options);

}  // namespace temper::training
