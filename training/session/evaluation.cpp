#include "training/session/evaluation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/lowering/initial_values.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "training/objective/inferred_loss.h"
#include "training/objective/loss_totals.h"
#include "training/session/run_metrics.h"
#include "training/session/spilled_variables.h"

namespace temper::training {
namespace {

void prepare_evaluation(Session& session, const std::vector<BatchForm>& forms) {
  std::vector<GraphRequest> requests;
  for (const BatchForm& form : forms) {
    requests.push_back(session.request(GraphKind::kEvaluate, form.rows, form.length));
    if (session.lengths().any()) {
      break;  // the largest; others are made when they come
    }
  }
  session.engine().prepare(requests);
}

// A file of a run that trains with rounding holds integers: it is evaluated as the model it is.
Evaluation evaluate_rounded_file(const Session& session, const std::string& model,
                                 SetMetrics& set) {
  Recipe recipe = session.recipe();
  recipe.model.path = model;
  recipe.model.freeze.clear();  // its tensors have other names
  recipe.model.trainable.clear();
  recipe.groups.clear();
  recipe.stages.clear();
  recipe.quantize = {};
  SessionNeeds needs;
  needs.trains = false;
  needs.stored_preprocessing = true;
  Session file(std::move(recipe), {}, needs);
  return evaluate_validation_rows(file, set);
}

}  // namespace

Evaluation evaluate(Session& session, BatchLoader& loader, SetMetrics& set) {
  Evaluation evaluation;
  LossTotals losses;
  std::vector<double> totals;
  while (const Batch* batch = loader.next()) {
    const HeldExecutor held =
        session.engine().executor(session.request(GraphKind::kEvaluate, *batch));
    Executor& executor = *held;
    if (totals.empty()) {
      losses = LossTotals(session.engine().settings(), false, executor.plan());
    }
    session.bind(executor, *batch);
    executor.run();
    losses.add(executor, losses.places(executor.plan()), totals);
    if (evaluation.trouble.empty() && losses.any(totals) && !std::isfinite(losses.loss(totals))) {
      evaluation.trouble = outside_probabilities(session.losses(), executor);
    }
    evaluation.samples += batch->rows;
    const Tensor* target = target_of(session, *batch);
    if (set.task() != Task::kNone && target != nullptr) {
      const RunLosses& forms = session.losses();
      set.add(forms.readable(executor.read_output(
                  executor.plan().output(PortRole::kModelOutput, session.loss_output()))),
              forms.readable(*target));
    }
  }
  TEMPER_ASSERT(evaluation.samples > 0);
  evaluation.loss = losses.loss(totals);
  evaluation.metrics = set.values();
  for (MetricValue& part : losses.parts(totals)) {
    evaluation.metrics.push_back(std::move(part));
  }
  return evaluation;
}

Evaluation evaluate_file(Session& session, const std::string& model, SetMetrics& set) {
  if (session.rounded() != nullptr) {
    return evaluate_rounded_file(session, model, set);
  }
  const graph::Graph graph =
      graph::OnnxModel::load(model, {session.recipe().model.external_data_root})
          .build_graph(graph::standard_ops(), session.as_variables());
  VariableStore& store = session.engine().store();
  std::vector<std::pair<int, graph::VariableId>> both;
  std::vector<int> ids;
  for (int i = 0; i < graph.variable_count(); ++i) {
    const int same = store.find(graph.variable(graph::VariableId{i}).name);
    if (same >= 0) {
      both.emplace_back(same, graph::VariableId{i});
      ids.push_back(same);
    }
  }
  SpilledVariables own(store, ids, folder_of(model));
  try {
    for (const auto& [id, variable] : both) {
      graph::set_initial_value(store, id, graph.variable(variable));
    }
    const auto loader = session.make_val_loader();
    Evaluation evaluation = evaluate(session, *loader, set);
    own.restore();
    return evaluation;
  } catch (...) {
    own.restore();
    throw;
  }
}

Evaluation evaluate_training_rows(Session& session, SetMetrics& set) {
  const std::int64_t size = session.recipe().data.batch_size;
  prepare_evaluation(session, session.data().ordered_forms(size));
  const auto loader = session.make_ordered_loader(size);
  return evaluate(session, *loader, set);
}

Evaluation evaluate_validation_rows(Session& session, SetMetrics& set) {
  prepare_evaluation(session, session.data().val_forms());
  const auto loader = session.make_val_loader();
  return evaluate(session, *loader, set);
}

}  // namespace temper::training
