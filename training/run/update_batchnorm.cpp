#include "training/run/update_batchnorm.h"

#include <algorithm>
#include <map>
#include <string>
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
  std::map<std::string, RunningMean> means;
  const auto loader = session.make_ordered_loader(size);
  while (const Batch* batch = loader->next()) {
    if (batch->rows < size && (batch->rows == 1 || session.recipe().data.drop_last)) {
      break;
    }
    Executor& executor =
        session.engine().executor(session.request(GraphKind::kStatistics, batch->rows));
    session.bind(executor, *batch);
    executor.run();
    for (std::size_t i = 0; i < executor.plan().outputs.size(); ++i) {
      const std::string& name = executor.plan().outputs[i].name;
      means[name.substr(std::string(kStatisticOutput).size())].add(
          executor.output(static_cast<int>(i)).to_plain().values<double>());
    }
  }
  for (const auto& [name, mean] : means) {
    const int id = store.find(name);
    store.set(id, Tensor::from<double>(store.variable(id).dtype, store.variable(id).shape,
                                       mean.values()));
  }
}

}  // namespace temper::training
