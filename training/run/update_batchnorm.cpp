#include "training/run/update_batchnorm.h"

#include <algorithm>
#include <map>
#include <vector>

namespace temper::training {
namespace {

// The mean of some vectors, each counting as much as the others.
class RunningMean {
 public:
  void add(const std::vector<double>& values) {
    mean_.resize(values.size());
    ++count_;
    for (std::size_t i = 0; i < values.size(); ++i) {
      mean_[i] += (values[i] - mean_[i]) / static_cast<double>(count_);
    }
  }
  const std::vector<double>& values() const { return mean_; }

 private:
  std::vector<double> mean_;
  std::int64_t count_ = 0;
};

}  // namespace

void update_batchnorm(Session& session) {
  const std::int64_t size = std::min(session.recipe().data.batch_size, session.train_count());
  VariableStore& store = session.engine().store();
  std::map<int, RunningMean> means;  // of the store's variables
  const auto loader = session.make_ordered_loader(size);
  while (const Batch* batch = loader->next()) {
    if (batch->rows < size && (batch->rows == 1 || session.recipe().data.drop_last)) {
      continue;
    }
    const GraphRequest request = session.request(GraphKind::kStatistics, *batch);
    const HeldExecutor held = session.engine().executor(request);
    Executor& executor = *held;
    session.bind(executor, *batch);
    executor.run();
    for (const TensorPort& statistic : session.engine().ports(request).statistics) {
      const auto which = VariableIdentity::of_tensor(VariableKind::kStatistic, statistic.number);
      means[store.find(which)].add(
          executor.read_output(statistic.output).to_plain().values<double>());
    }
  }
  for (const auto& [id, mean] : means) {
    store.set(id, Tensor::from<double>(store.variable(id).dtype, store.variable(id).shape,
                                       mean.values()));
  }
}

}  // namespace temper::training
