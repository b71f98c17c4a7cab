// What a converted file takes, gives and says of itself: batch, inputs and outputs, metadata.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"
#include "training/analysis/deployment.h"
#include "training/analysis/trial.h"

namespace temper::training {

// What the model gave before the conversions; run when it is asked for.
class FaceTrial {
 public:
  // `values`: of the model, in the place of its outputs; empty: those.
  FaceTrial(graph::OnnxModel model, std::vector<std::string> values, TrialRunner& runner)
      : model_(std::move(model)), values_(std::move(values)), runner_(runner) {}

  TrialResult run() const;

 private:
  graph::OnnxModel model_;
  std::vector<std::string> values_;
  TrialRunner& runner_;
};

// Sizes of dimensions for the trial runs, as far as the options say them.
std::map<std::string, std::int64_t> trial_sizes(const graph::OnnxModel& model,
                                                const DeploymentOptions& options);

// Before the conversions: the batch that is asked for, and the part of the model. The runner lives
// as long as the result. THROWS: as graph::cut() and graph::make_batch_dynamic(); kInvalidArgument
// for conversions that need the model's own inputs and outputs.
FaceTrial shape_face(graph::ModelEdit& edit, const DeploymentOptions& options, TrialRunner& runner);

// After them. THROWS: as graph::rename_ports().
void name_face(graph::ModelEdit& edit, const FileFace& face);

}  // namespace temper::training
