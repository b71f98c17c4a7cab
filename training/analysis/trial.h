// A model that was changed, run beside the one it was on the same inputs before it takes its place.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/onnx/surgery/dynamic_batch.h"
#include "graph/onnx/surgery/model_edit.h"
#include "runtime/backend/backend.h"

namespace temper::training {

// An output of the trial run: the same inputs to the model before and after.
struct TrialOutput {
  std::string name;
  Shape shape;
  double before = 0;  // the largest value, without its sign
  double after = 0;
  double difference = 0;  // the largest
};

// REQUIRES: equal shapes.
TrialOutput compare_outputs(const std::string& name, const Tensor& before, const Tensor& after);

// The outputs of a model, by their names.
struct TrialResult {
  std::vector<std::string> names;
  std::vector<Tensor> values;
};

// A row per output. `now`: "with the weights of the checkpoint". THROWS: kUnsupported when a shape
// changed or a value is no longer finite.
std::vector<TrialOutput> compare_results(const TrialResult& before, const TrialResult& after,
                                         const std::string& now);

// Runs models on inputs made up for them, the same for equal inputs.
class TrialRunner {
 public:
  // `symbols`: sizes of symbolic dimensions; others are chosen.
  TrialRunner(std::map<std::string, std::int64_t> symbols, int threads);

  // `given`: inputs that are not made up, by their names.
  TrialResult run(const graph::OnnxModel& model, const std::map<std::string, Tensor>& given = {});
  // The model's graph with the sizes it is run at.
  graph::Graph bound(const graph::OnnxModel& model,
                     const std::map<std::string, Tensor>& given = {}) const;
  // Another one that gives this dimension another size.
  TrialRunner with_symbol(const std::string& symbol, std::int64_t size) const;
  // With what it runs them.
  const graph::Trial& trial() const { return trial_; }

 private:
  std::unique_ptr<Backend> reference_;
  std::unique_ptr<Backend> backend_;
  graph::Trial trial_;
};

// A model as it would be written, in a folder beside `out` that is gone afterwards.
class Draft {
 public:
  explicit Draft(const std::string& out);
  ~Draft();
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;

  graph::OnnxModel write(const graph::ModelEdit& edit, const graph::FileForm& form = {});
  // What was written is gone.
  void clear();
  // Where the model lies until commit().
  const std::string& path() const { return path_; }
  // Its files take their places, data before the model that names them.
  void commit();

 private:
  std::string out_;
  std::string folder_;
  std::string path_;
};

}  // namespace temper::training
