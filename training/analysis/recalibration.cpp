#include "training/analysis/recalibration.h"

#include <utility>

#include "graph/onnx/export.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "training/run/update_batchnorm.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

std::int64_t count_statistics(const graph::Graph& graph) {
  std::int64_t count = 0;
  for (int i = 0; i < graph.variable_count(); ++i) {
    count += graph.variable(graph::VariableId{i}).is(VariableKind::kStatistic) ? 1 : 0;
  }
  return count;
}

}  // namespace

std::int64_t recalibrate_batchnorm(const std::string& model, Recipe recipe,
                                   const std::string& out) {
  const std::int64_t count =
      count_statistics(graph::OnnxModel::load(model).build_graph(graph::standard_ops()));
  TEMPER_CHECK(count > 0, ErrorCode::kInvalidArgument,
               "--recalibrate: the model has no BatchNorm whose running statistics are stored");
  recipe.model.path = model;
  recipe.data.val.clear();
  recipe.data.val_split = 0;
  recipe.augment = {};
  SessionNeeds needs;
  needs.target = false;
  needs.stored_preprocessing = true;
  Session session(std::move(recipe), {}, needs);
  Engine& engine = session.engine();
  std::vector<GraphRequest> requests;
  const std::int64_t size = session.recipe().data.batch_size;
  for (const BatchForm& form : session.data().ordered_forms(size)) {
    if (form.rows > 1 && (requests.empty() || !session.lengths().any())) {
      requests.push_back(session.request(GraphKind::kStatistics, form.rows, form.length));
    }
  }
  TEMPER_CHECK(!requests.empty(), ErrorCode::kInvalidArgument,
               "--recalibrate: a batch of one sample has no variance; give more samples");
  engine.prepare(requests);
  update_batchnorm(session);
  graph::export_model(session.model(), engine.model_values(), out);
  return count;
}

}  // namespace temper::training
