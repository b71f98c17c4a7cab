#include "training/evaluation.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace temper::training {

bool counts_accuracy(const Loss& loss) {
  return loss.prediction == PredictionKind::kClassScores ||
         loss.prediction == PredictionKind::kBinaryLogits;
}

bool count_batch(const Session& session, Executor& executor, const Batch& batch,
                 AccuracyCount& count) {
  const Loss& loss = session.loss();
  const bool classes = session.has_class_target();
  if (!counts_accuracy(loss) || (loss.prediction == PredictionKind::kClassScores && !classes)) {
    return false;
  }
  const int index = executor.plan().find_output(session.loss_output());
  const Tensor& output = executor.output(index);
  const auto& fields = session.train_data().fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (!fields[i].is_target) {
      continue;
    }
    if (!classes) {
      count_binary(output, batch.fields[i].data(), count);
    } else {
      const Attrs& parameters = session.recipe().loss.loss.parameters;
      count_classes(output, static_cast<const std::int64_t*>(batch.fields[i].data()),
                    parameters.get_int("ignore_index", -100), count);
    }
    return true;
  }
  return false;
}

Evaluation evaluate(Session& session, BatchLoader& loader) {
  Evaluation evaluation;
  double weighted = 0;
  while (const Batch* batch = loader.next()) {
    Executor& executor =
        session.engine().executor(session.request(GraphKind::kEvaluate, batch->rows));
    session.bind(executor, *batch);
    executor.run();
    const Tensor& loss = executor.output(executor.plan().find_output("loss"));
    weighted += loss.values<double>().front() * static_cast<double>(batch->rows);
    evaluation.samples += batch->rows;
    evaluation.has_accuracy =
        count_batch(session, executor, *batch, evaluation.accuracy) || evaluation.has_accuracy;
  }
  TEMPER_ASSERT(evaluation.samples > 0);
  evaluation.loss = weighted / static_cast<double>(evaluation.samples);
  return evaluation;
}

Evaluation evaluate_training_rows(Session& session) {
  const std::int64_t count = session.train_count();
  const std::int64_t size = std::min(session.recipe().data.batch_size, count);
  std::vector<GraphRequest> requests = {session.request(GraphKind::kEvaluate, size)};
  if (count % size > 0) {
    requests.push_back(session.request(GraphKind::kEvaluate, count % size));
  }
  session.engine().prepare(requests);
  const auto loader = session.make_ordered_loader(size);
  return evaluate(session, *loader);
}

}  // namespace temper::training
