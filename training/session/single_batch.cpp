#include "training/session/single_batch.h"

#include "runtime/base/error.h"
#include "training/compile/step/parameter_groups.h"
#include "training/session/carrying.h"

namespace temper::training {

namespace {

SessionNeeds needs_of(std::vector<std::pair<std::string, Tensor>> arrays) {
  SessionNeeds needs;
  needs.arrays = std::move(arrays);
  return needs;
}

}  // namespace

SingleBatch::~SingleBatch() = default;

SingleBatch::SingleBatch(const Recipe& recipe, std::vector<std::pair<std::string, Tensor>> arrays)
    : session_(without_carrying(recipe), {}, needs_of(std::move(arrays))) {
  const std::int64_t rows = session_.train_count();
  session_.layout().check_rows(rows);
  Engine& engine = session_.engine();
  const GraphRequest request = session_.request(GraphKind::kTrain, rows);
  engine.prepare({request});
  VariableStore& store = engine.store();
  RateTable(store, engine.settings()).fill_constant();
  executor_ = engine.executor(request);
  loss_output_ = executor_->plan().output(PortRole::kLoss);
  loader_ = session_.make_whole_loader();
  const Batch* batch = loader_->next();
  TEMPER_ASSERT(batch != nullptr && batch->rows == rows);
  session_.bind(*executor_, *batch);
}

double SingleBatch::loss() const {
  return executor_->read_output(loss_output_).values<double>().front();
}

double SingleBatch::step() {
  executor_->run();
  return loss();
}

double SingleBatch::step_profiled(std::vector<double>& seconds) {
  executor_->run_profiled(seconds);
  return loss();
}

}  // namespace temper::training
