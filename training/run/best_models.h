// Which models of a run are the best by the monitored metric: best.onnx, those in top/, patience
// with what does not improve, and whether training made the model any better.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "training/run/run_context.h"
#include "training/session/evaluation.h"

namespace temper::training {

class BestModels {
 public:
  // Writes the model as it is now to a path.
  using Export = std::function<void(const std::string& path)>;

  BestModels(RunContext& context, Export export_to)
      : context_(context), export_to_(std::move(export_to)) {}

  // `monitor`: a name the run has. REQUIRES: before all else.
  void watch(const std::string& monitor);
  const std::string& monitor() const { return monitor_; }
  // Whether more of it is better.
  bool maximize() const { return maximize_; }

  // The model as given, before the first step: the first candidate for the best. Patience does not
  // count it: it waits for what training does.
  void consider_given(double value, const Evaluation& evaluation);
  // The model after a step. `value`: of the monitored metric; one that is not a number is no
  // improvement.
  void consider(double value, const Evaluation& evaluation);

  bool patient() const;
  // What to tell of a run that ends with `last` as its metric; empty: it made the model better.
  std::string verdict(double last) const;
  std::string best_path() const { return context_.records->path("best.onnx"); }

 private:
  bool better(double value, double than) const { return maximize_ ? value > than : value < than; }
  void remember_trained(double value);
  void count_candidate(double value, const Evaluation& evaluation);
  // With checkpoint.top_k > 1 the best models stay in top/step-N/, the worst making room.
  void keep_top(double value);
  std::string top_folder(std::int64_t step) const;
  std::size_t worst_of_top() const;
  void drop_from_top(std::size_t i);

  RunContext& context_;
  Export export_to_;
  std::string monitor_;
  bool maximize_ = false;
};

}  // namespace temper::training
