// The form a run sees a model in: every input and output with the samples first. The graph is
// brought to it in two steps, as the sizes of outputs are known only with the data.
#pragma once

#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/onnx/import.h"
#include "runtime/backend/backend.h"
#include "training/compile/training_graph.h"
#include "training/data/dataset.h"
#include "training/data/open_dataset.h"
#include "training/objective/side_files.h"
#include "training/recipe/recipe.h"
#include "training/session/input_layout.h"
#include "training/session/output_layout.h"

namespace temper::training {

class ModelLayout {
 public:
  ModelLayout() = default;
  // Arranges the inputs of `graph`. `notes`: what is not as usual, for people. THROWS: as
  // find_input_layout() and arrange_inputs(); kInvalidArgument for an input without samples that
  // has no value.
  ModelLayout(graph::Graph& graph, const graph::OnnxModel& model, const ModelSettings& settings,
              const Backend& reference, std::vector<std::string>& notes);

  const InputLayout& inputs() const { return inputs_; }
  // The data need not hold the states: marks them.
  void mark_optional(DataOptions& options) const;
  // The states that batches leave to the next ones. After settle().
  const std::vector<CarriedState>& carried() const { return carried_; }
  // Batches are of one sample.
  bool one_sample() const { return inputs_.one_sample; }
  // For how many samples a graph can be made to look at shapes.
  std::int64_t probe_batch() const { return one_sample() ? 1 : kProbeBatch; }
  // THROWS: kInvalidArgument where a batch of `rows` samples cannot be made.
  void check_rows(std::int64_t rows) const;

  // States that the data do not hold become zeros. Before the inputs' sizes are settled.
  void give_states(graph::Graph& graph, const Dataset& data, std::vector<std::string>& notes) const;

  // Arranges the outputs of `graph`, the sizes of its inputs settled. Where the model takes one
  // sample at a time, the recipe's batches are of one. THROWS: as find_output_places();
  // kInvalidArgument for another batch size then.
  void settle(graph::Graph& graph, Recipe& recipe, const Backend& reference,
              std::vector<std::string>& notes);

 private:
  bool is_optional(std::string_view input) const;

  void settle_carried(graph::Graph& graph, const ModelSettings& settings,
                      const std::vector<OutputPlace>& places);

  InputLayout inputs_;
  std::vector<CarriedState> carried_;
};

// As find_output_places(). Where the graph can be made for one sample alone, as its file was,
// batches are of one from then on; `because` says why.
std::vector<OutputPlace> find_output_places(const graph::Graph& graph,
                                            const ModelSettings& settings, InputLayout& inputs,
                                            const Backend& reference, std::string& because);

// The same for another model over the same inputs, a teacher: `settings` say what they say of the
// inputs it has. States that `model` does not have are zeros. Its inputs' sizes are settled by
// settle_teacher_shapes().
void arrange_teacher(graph::Graph& teacher, const graph::OnnxModel& file, const graph::Graph& model,
                     const ModelSettings& settings, const Backend& reference);

// Files that values of inputs are read from.
std::vector<SideFile> value_files(const ModelSettings& settings);

}  // namespace temper::training
