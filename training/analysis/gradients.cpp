#include "training/analysis/gradients.h"

#include <cmath>

#include "backends/reference/reference_backend.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "training/objective/inferred_loss.h"
#include "training/session/carrying.h"
#include "training/session/session.h"
#include "training/settings/name_pattern.h"

namespace temper::training {
namespace {

// The float tensors of the file that the patterns choose.
std::set<std::string> chosen_tensors(const Recipe& recipe,
                                     const std::vector<std::string>& patterns) {
  const auto model = graph::OnnxModel::load(recipe.model.path, {recipe.model.external_data_root});
  std::vector<graph::TensorDecision> decisions;
  model.build_graph(graph::standard_ops(), {}, &decisions);
  std::vector<std::string> names;
  for (const graph::TensorDecision& decision : decisions) {
    names.push_back(decision.name);
  }
  const std::vector<bool> chosen = match_names(patterns, names, "--wrt");
  std::set<std::string> result;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (chosen[i]) {
      result.insert(names[i]);
    }
  }
  return result;
}

// For GraphRequest::wrt, and under which names the gradients are reported.
struct Wanted {
  std::vector<GradientOf> wrt;
  std::vector<std::string> reported;
};

Wanted wanted_tensors(const Session& session, const graph::Graph& imported,
                      const std::set<std::string>& chosen, bool inputs,
                      std::vector<std::string>& notes) {
  graph::Graph marked = imported;
  const ModelSettings& model = session.recipe().model;
  if (chosen.empty() && !(inputs && model.trainable.empty() && model.freeze.empty())) {
    choose_trainable(marked, model.trainable, model.freeze);
  }
  Wanted wanted;
  for (int i = 0; i < marked.variable_count(); ++i) {
    const graph::Variable& variable = marked.variable(graph::VariableId{i});
    if (chosen.empty() ? variable.trainable : chosen.count(variable.name) > 0) {
      wanted.wrt.push_back({false, i});
      wanted.reported.push_back(variable.name);
    }
  }
  for (const std::string& name : chosen) {
    if (!marked.find_variable(name).valid()) {
      notes.push_back(concat("'", name, "' is left out: its value is needed to compile the graph"));
    }
  }
  for (std::size_t i = 0; i < marked.inputs.size(); ++i) {
    const graph::Value& input = marked.value(marked.inputs[i]);
    if (inputs && is_float(input.dtype)) {
      wanted.wrt.push_back({true, static_cast<int>(i)});
      wanted.reported.push_back("input:" + input.name);
    }
  }
  TEMPER_CHECK(!wanted.wrt.empty(), ErrorCode::kInvalidArgument,
               "there is no tensor to differentiate by (temper inspect lists them)");
  return wanted;
}

}  // namespace

Gradients compute_gradients(const Recipe& recipe, const GradientOptions& options,
                            EngineOptions engine_options) {
  SessionNeeds needs;
  needs.trains = false;
  if (!options.wrt.empty()) {
    needs.as_variables = chosen_tensors(recipe, options.wrt);
  }
  Session session(without_carrying(recipe), std::move(engine_options), needs);
  Gradients gradients;
  gradients.notes = session.notes();
  Engine& engine = session.engine();
  const Wanted wanted = wanted_tensors(session, engine.imported(), needs.as_variables,
                                       options.inputs, gradients.notes);
  const std::int64_t rows = session.train_count();
  session.layout().check_rows(rows);
  GraphRequest request = session.request(GraphKind::kGradient, rows);
  request.wrt = wanted.wrt;
  engine.prepare({request});
  const auto loader = session.make_whole_loader();
  const Batch* batch = loader->next();
  TEMPER_ASSERT(batch != nullptr && batch->rows == rows);
  const HeldExecutor held = engine.executor(request);
  Executor& executor = *held;
  session.bind(executor, *batch);
  executor.run();
  gradients.loss =
      executor.read_output(executor.plan().output(PortRole::kLoss)).values<double>().front();
  const std::string trouble = std::isfinite(gradients.loss)
                                  ? std::string{}
                                  : outside_probabilities(session.losses(), executor);
  if (!trouble.empty()) {
    gradients.notes.push_back(trouble);
  }
  for (std::size_t i = 0; i < wanted.wrt.size(); ++i) {
    const int output = executor.plan().output(PortRole::kGradient, static_cast<int>(i));
    TEMPER_ASSERT(output >= 0);
    gradients.tensors.emplace_back(wanted.reported[i], executor.read_output(output).to_plain());
  }
  return gradients;
}

graph::Graph make_gradient_graph(const Recipe& recipe, const GradientOptions& options,
                                 std::int64_t rows, std::vector<std::string>& notes) {
  SessionNeeds needs;
  needs.trains = false;
  if (!options.wrt.empty()) {
    needs.as_variables = chosen_tensors(recipe, options.wrt);
  }
  Session session(without_carrying(recipe), {}, needs);
  notes = session.notes();
  const Engine& engine = session.engine();
  const Wanted wanted =
      wanted_tensors(session, engine.imported(), needs.as_variables, options.inputs, notes);
  GraphRequest request = session.request(GraphKind::kGradient, rows);
  request.wrt = wanted.wrt;
  const auto reference = reference::make_reference_backend();
  graph::Graph made = make_graph(engine.imported(), engine.settings(), request, *reference).graph;
  std::erase_if(made.outputs, [](const graph::Graph::Output& output) {
    return output.port.role != PortRole::kLoss && output.port.role != PortRole::kGradient &&
           output.port.role != PortRole::kModelOutput;
  });
  for (graph::Graph::Output& output : made.outputs) {
    if (output.port.role == PortRole::kGradient) {
      output.name =
          concat("gradient.", wanted.reported[static_cast<std::size_t>(output.port.index)]);
    }
  }
  return made;
}

}  // namespace temper::training
