#include "training/analysis/training_step.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "backends/reference/reference_backend.h"
#include "graph/ir/builder.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/onnx/step_file.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/cleanup.h"
#include "graph/passes/standard_form.h"
#include "runtime/base/error.h"
#include "training/compile/step/parameter_groups.h"
#include "training/compile/training_graph.h"
#include "training/recipe/recipe_text.h"
#include "training/schedules/run_schedule.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::PortRole;
using graph::ScalarRole;
using graph::Variable;
using graph::VariableId;

constexpr const char* kRecipeKey = "temper.step.recipe";  // in the file's metadata
constexpr std::int64_t kOpset = 20;
constexpr std::int64_t kMostRates = std::int64_t{1} << 22;  // numbers in the table

// Settings of a run that are more than one step, or that other steps depend on.
std::vector<std::string> unwritten_settings(const Session& session) {
  const Recipe& recipe = session.recipe();
  const CompileSettings& settings = session.engine().settings();
  std::vector<std::string> found;
  const auto note = [&](bool is_set, const char* what) {
    if (is_set) {
      found.emplace_back(what);
    }
  };
  note(recipe.train.accumulate > 1,
       "train.accumulate (a group of micro-batches is several graphs)");
  note(settings.precision != DType::kFloat32, "train.precision other than f32");
  note(!recipe.stages.empty(), "[[train.stage]]");
  note(recipe.train.spike.guards(), "train.spike");
  note(recipe.average.is_on(), "[average]");
  note(recipe.quantize.is_on(), "[quantize]");
  note(recipe.schedule.schedule.name == kPlateauSchedule,
       "the schedule plateau (its rates follow evaluations)");
  note(!settings.carried.empty(), "states that a batch leaves to the next one");
  note(settings.longest > 0, "samples that differ in length");
  note(settings.ranks > 1, "several ranks");
  return found;
}

std::int64_t total_steps(const Session& session) {
  const TrainSettings& train = session.recipe().train;
  return train.steps > 0 ? train.steps : train.epochs * session.batches_per_epoch();
}

// A row for each group, and one for each group's momentum where it moves; as many columns as there
// are steps, or one where all are alike.
struct Rates {
  std::vector<double> values;
  std::int64_t rows = 0, columns = 1;
  bool has_momentum = false;
};

Rates rates_of(const Session& session, const CompileSettings& settings) {
  const std::int64_t steps = total_steps(session);
  const RunSchedule schedule(session.recipe().schedule, {session.batches_per_epoch(), steps});
  Rates rates;
  rates.has_momentum = schedule.moves_momentum();
  const std::vector<Attrs> groups = group_parameters(settings);
  const auto count = static_cast<std::int64_t>(groups.size());
  rates.rows = rates.has_momentum ? 2 * count : count;
  const auto value = [&](std::int64_t row, std::int64_t step) {
    return row < count
               ? schedule.rate(step, groups[static_cast<std::size_t>(row)].get_double("lr", 0))
               : schedule.momentum(step);
  };
  for (std::int64_t row = 0; row < rates.rows && rates.columns == 1; ++row) {
    for (std::int64_t step = 1; step < steps && rates.columns == 1; ++step) {
      const double a = value(row, 0), b = value(row, step);
      rates.columns = a == b || (std::isnan(a) && std::isnan(b)) ? 1 : steps;
    }
  }
  TEMPER_CHECK(rates.rows * rates.columns <= kMostRates, ErrorCode::kUnsupported,
               "the schedule has other rates in each of ", steps, " steps of ", count,
               " groups, which are too many for a table in a file; set train.steps");
  for (std::int64_t row = 0; row < rates.rows; ++row) {
    for (std::int64_t step = 0; step < rates.columns; ++step) {
      rates.values.push_back(value(row, step));
    }
  }
  return rates;
}

// The table of rates as the file has it, and what the updates must know of it.
void set_rates(Graph& step, const Rates& rates) {
  for (int i = 0; i < step.variable_count(); ++i) {
    Variable& variable = step.variable(VariableId{i});
    if (variable.is(graph::VariableKind::kScalar) &&
        variable.identity.scalar == ScalarRole::kRates) {
      variable.shape = {rates.rows, rates.columns};
      variable.initial = Tensor::from<double>(DType::kFloat64, variable.shape, rates.values);
      step.value(step.read_variable(VariableId{i})).shape = variable.shape;
    }
  }
  for (int i = 0; i < step.node_count(); ++i) {
    graph::Node& node = step.node(graph::NodeId{i});
    if (node.op->is_commit && !node.removed) {
      node.attrs.set("unscheduled", std::int64_t{!rates.has_momentum});
    }
  }
}

// What is counted for the host alone: attempts, and the position in the data where nothing is
// drawn by it.
void drop_counters(Graph& step) {
  const auto readers = graph::users(step);
  std::erase_if(step.updates, [&](const graph::UpdateBinding& update) {
    const ScalarRole role = step.variable(update.variable).identity.scalar;
    const auto read = static_cast<std::size_t>(step.read_variable(update.variable).index);
    return role == ScalarRole::kAttempted ||
           (role == ScalarRole::kPosition && readers[read].size() == 1);
  });
}

void keep_outputs(Graph& step) {
  std::erase_if(step.outputs, [](const Graph::Output& output) {
    return output.port.role != PortRole::kLoss && output.port.role != PortRole::kNorm &&
           output.port.role != PortRole::kOk;
  });
}

void describe(const Graph& step, TrainingStepReport& report) {
  for (int i = 0; i < step.node_count(); ++i) {
    report.nodes += step.node(graph::NodeId{i}).removed ? 0 : 1;
  }
  for (const graph::ValueId id : step.inputs) {
    report.inputs.push_back(step.value(id).name);
  }
  for (const Graph::Output& output : step.outputs) {
    report.outputs.push_back(output.name);
  }
  for (const graph::UpdateBinding& update : step.updates) {
    const Variable& variable = step.variable(update.variable);
    const bool of_model = variable.is(graph::VariableKind::kParameter) ||
                          variable.is(graph::VariableKind::kStatistic);
    ++(of_model ? report.parameters : report.states);
  }
}

// The recipe without what is of one run and one machine: where its data and results are.
graph::StepFile step_file(const Session& session, const TrainingStepReport& report) {
  Recipe recipe = session.recipe();
  recipe.train.steps = total_steps(session);
  recipe.model.path.clear();
  recipe.data.train.clear();
  recipe.data.val.clear();
  recipe.train.out.clear();
  graph::StepFile file;
  file.opset = report.opset;
  file.metadata = {{kRecipeKey, to_toml(recipe)}};
  return file;
}

}  // namespace

TrainingStep make_training_step(Session& session) {
  const std::vector<std::string> unwritten = unwritten_settings(session);
  TEMPER_CHECK(unwritten.empty(), ErrorCode::kUnsupported, "a training step as a file has no ",
               join(unwritten, ", no "));
  const auto reference = reference::make_reference_backend();
  const graph::Graph& imported = session.engine().imported();
  CompileSettings settings = session.engine().settings();
  settings.groups = merged_groups(imported, settings.groups);
  TrainingStepReport report;
  report.notes = session.notes();
  report.batch = session.recipe().data.batch_size;
  report.opset = std::max(kOpset, session.model().opset());
  const GraphRequest request = session.request(GraphKind::kTrain, report.batch);
  Graph step = make_graph(imported, settings, request, *reference).graph;
  const Rates rates = rates_of(session, settings);
  report.rate_steps = rates.columns;
  set_rates(step, rates);
  drop_counters(step);
  keep_outputs(step);
  graph::guard_updates(step);
  graph::to_standard_ops(step, report.opset);
  graph::fold_small_constants(step, *reference);
  describe(step, report);
  return {std::move(step), std::move(report)};
}

std::optional<Recipe> recipe_of_step(const std::string& path, const RecipeSources& typed) {
  const auto model = graph::OnnxModel::load(path);
  if (!graph::has_training_info(model)) {
    return std::nullopt;
  }
  for (const auto& [key, value] : model.metadata()) {
    if (key == kRecipeKey) {
      Recipe recipe = read_recipe_text(value, concat(path, " (", kRecipeKey, ")"), typed);
      recipe.model.path = path;
      recipe.origins["model.path"] = "command line";
      return recipe;
    }
  }
  return std::nullopt;
}

void check_step_of_file(Session& session) {
  const TrainingStep made = make_training_step(session);
  const std::string difference =
      graph::training_info_difference(session.model(), made.graph, step_file(session, made.report));
  TEMPER_CHECK(difference.empty(), ErrorCode::kInvalidArgument, "the training step in ",
               session.model().path(),
               " is not the one that its recipe makes with these settings: ", difference,
               "; temper convert --training writes another step");
}

TrainingStepReport write_training_step(const Recipe& recipe, const std::string& out,
                                       const TrainingStepOptions& options) {
  Session session(recipe);
  TrainingStep made = make_training_step(session);
  const graph::StepFile file = step_file(session, made.report);
  if (options.flat) {
    graph::write_flat_step(made.graph, file, out);
  } else {
    graph::write_training_info(session.model(), made.graph, file, out);
  }
  return std::move(made.report);
}

}  // namespace temper::training
