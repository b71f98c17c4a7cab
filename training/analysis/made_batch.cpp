#include "training/analysis/made_batch.h"

#include <algorithm>
#include <iterator>
#include <optional>

#include "graph/onnx/surgery/trial_run.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "training/analysis/inspection.h"
#include "training/compile/training_graph.h"
#include "training/losses/loss.h"
#include "training/session/input_ranges.h"
#include "training/session/model_layout.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::ValueId;

constexpr std::int64_t kLabels = 4;  // of a label sequence

// Random numbers; from 0 to below - 1 where `below` is not 0.
Tensor made_numbers(DType dtype, const Shape& shape, std::int64_t below, std::uint64_t seed) {
  std::vector<double> values =
      graph::trial_samples(DType::kFloat32, shape, seed).values<double>();  // -1 to 1
  for (double& value : values) {
    if (below > 0) {
      const double limit = static_cast<double>(below);
      value = std::min(limit - 1,
                       static_cast<double>(static_cast<std::int64_t>((value + 1) / 2 * limit)));
    }
  }
  return Tensor::from<double>(dtype, shape, values);
}

// The model with the samples of all inputs and outputs first, for `rows` of them. `one_sample`: it
// takes one at a time, and is made for one.
Graph sized_graph(const graph::OnnxModel& model, const Recipe& recipe, std::int64_t rows,
                  const std::map<std::string, std::int64_t>& sizes, const Backend& reference) {
  Graph arranged = model.build_graph(graph::standard_ops());
  InputLayout layout = find_input_layout(arranged, model.outputs(), recipe.model, reference);
  arrange_inputs(arranged, layout, recipe.model);
  const std::vector<ValueId> inputs = arranged.inputs;
  for (const ValueId input : inputs) {
    if (layout.find(arranged.value(input).name)->is_state && arranged.inputs.size() > 1) {
      give_zeros(arranged, input);
    }
  }
  std::optional<Error> refusal;
  for (const std::int64_t size : kTrialSizes) {
    Graph sized = arranged;
    give_sizes(sized, sizes, size);
    try {
      std::string because;
      arrange_outputs(sized, find_output_places(sized, recipe.model, layout, reference, because));
      bind_batch(sized, {}, layout.one_sample ? 1 : rows, reference, recipe.model);
      return sized;
    } catch (const Error& error) {
      refusal = refusal ? refusal : error;
    }
  }
  throw *refusal;
}

Tensor made_target(const LossTermSettings& term, const graph::Value& output) {
  const Loss& loss = find_loss(term.loss.name);
  const TargetSpec spec =
      target_spec(loss, term.loss.parameters, output.dtype, output.shape, {.labels = kLabels});
  if (spec.classes) {
    const int axis = class_axis(loss, term.loss.parameters);
    return made_numbers(DType::kInt64, spec.shape,
                        output.shape[axis < 0 ? output.shape.rank() + axis : axis], 1);
  }
  // Yes or no where the loss takes probabilities, plain numbers elsewhere.
  const bool plain = form_taken(loss, term.loss.parameters) == OutputForm::kValues;
  return made_numbers(spec.dtype, spec.shape, plain ? 0 : 2, 1);
}

}  // namespace

std::vector<NamedTensor> make_batch(const graph::OnnxModel& model, const Recipe& recipe,
                                    std::int64_t rows,
                                    const std::map<std::string, std::int64_t>& sizes,
                                    const Backend& reference) {
  TEMPER_CHECK(recipe.loss_terms.empty() && !recipe.loss.is_file(), ErrorCode::kInvalidArgument,
               "targets are made up for one loss with a name; give data for several, or for a "
               "loss of your own");
  const Graph graph = sized_graph(model, recipe, rows, sizes, reference);
  const std::map<std::string, PickedTable> tables = picked_tables(graph);
  std::vector<NamedTensor> arrays;
  for (const ValueId id : graph.inputs) {
    const graph::Value& input = graph.value(id);
    const auto table = tables.find(input.name);
    const std::int64_t below = table != tables.end()   ? table->second.rows
                               : is_float(input.dtype) ? 0
                                                       : 2;
    arrays.emplace_back(input.name,
                        made_numbers(input.dtype, input.shape, below, arrays.size() + 2));
  }
  LossTermSettings term = recipe.loss;
  if (term.loss.name.empty()) {
    term.loss.name = guess_loss(model);
    term.loss.parameters =
        complete_parameters("loss", term.loss.name, find_loss(term.loss.name).parameters, {});
  }
  const bool has_target = find_loss(term.loss.name).target != TargetKind::kNone;
  if (has_target) {
    arrays.emplace_back("target", made_target(term, graph.value(graph.outputs.front().value)));
  }
  return arrays;
}

}  // namespace temper::training
