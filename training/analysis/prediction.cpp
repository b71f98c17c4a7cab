#include "training/analysis/prediction.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime/base/error.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

// Room for all rows of an output whose batch has `shape`.
Tensor whole_output(const Tensor& part, std::int64_t rows, std::int64_t count,
                    std::string_view name) {
  const Shape& shape = part.shape();
  if (rows == count) {
    return Tensor(part.dtype(), shape);
  }
  TEMPER_CHECK(shape.rank() > 0 && shape[0] == rows, ErrorCode::kUnsupported, "output '", name,
               "' of ", rows, " samples has the shape ", shape,
               ", not one row per sample: predict all ", count, " samples in one batch");
  Shape whole{count};
  for (int axis = 1; axis < shape.rank(); ++axis) {
    whole.push_back(shape[axis]);
  }
  return Tensor(part.dtype(), whole);
}

}  // namespace

Prediction predict(const Recipe& recipe, EngineOptions options) {
  SessionNeeds needs;
  needs.target = false;
  needs.stored_preprocessing = true;
  Session session(recipe, std::move(options), needs);
  const std::int64_t count = session.train_count();
  const std::int64_t size = std::min(session.recipe().data.batch_size, count);
  Engine& engine = session.engine();
  std::vector<GraphRequest> requests = {session.request(GraphKind::kPredict, size)};
  if (count % size > 0) {
    requests.push_back(session.request(GraphKind::kPredict, count % size));
  }
  try {
    engine.prepare(requests);
  } catch (Error& error) {
    error.add_note(concat("while compiling ", recipe.model.path));
    throw;
  }
  std::vector<NamedTensor> results;
  std::vector<std::size_t> written;
  const auto loader = session.make_ordered_loader(size);
  while (const Batch* batch = loader->next()) {
    const HeldExecutor held = engine.executor(session.request(GraphKind::kPredict, batch->rows));
    Executor& executor = *held;
    session.bind(executor, *batch);
    executor.run();
    for (std::size_t i = 0; i < executor.plan().outputs.size(); ++i) {
      const Tensor part = executor.read_output(static_cast<int>(i)).to_plain();
      if (results.size() <= i) {
        const std::string& name = executor.plan().outputs[i].name;
        results.emplace_back(name, whole_output(part, batch->rows, count, name));
        written.push_back(0);
      }
      Tensor& whole = results[i].second;
      const auto bytes = static_cast<std::size_t>(part.bytes());
      TEMPER_CHECK(written[i] + bytes <= static_cast<std::size_t>(whole.bytes()),
                   ErrorCode::kUnsupported, "output '", results[i].first,
                   "' does not have one row per sample: predict all ", count,
                   " samples in one batch");
      std::memcpy(static_cast<std::byte*>(whole.data()) + written[i], part.data(), bytes);
      written[i] += bytes;
    }
  }
  Prediction prediction;
  prediction.outputs = std::move(results);
  if (session.train_data().decodes()) {
    for (std::int64_t row = 0; row < count; ++row) {
      prediction.files.push_back(session.train_data().where(0, row));
    }
  }
  return prediction;
}

}  // namespace temper::training
