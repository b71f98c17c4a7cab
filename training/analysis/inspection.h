// What can be said about a model without data: what blocks its training, and what training would
// take.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/onnx/import.h"
#include "graph/onnx/surgery/findings.h"
#include "runtime/base/error.h"
#include "training/analysis/step_work.h"
#include "training/compile/engine.h"
#include "training/session/input_layout.h"
#include "training/session/output_layout.h"

namespace temper::training {

// What a file holds and what stands in the way of training it. A file that needs what is not
// supported is described as well: its tensors, what its operators are, all reasons.
struct ModelInspection {
  // Of the bodies of If, Loop and Scan as well.
  std::vector<graph::TensorDecision> tensors;
  std::vector<graph::SubgraphSummary> bodies;
  std::vector<graph::ImportProblem> problems;
  std::optional<Error> refusal;  // of the import, with `problems` as text
  std::vector<std::string> nodes_without_gradient;
  std::vector<graph::Finding> findings;

  bool imports() const { return !refusal.has_value(); }
};

// THROWS: what build_graph() does, but kUnsupported.
ModelInspection inspect_model(const graph::OnnxModel& model);

// How samples lie in what a model takes and gives, as far as that is known without data.
struct LayoutReport {
  InputLayout inputs;
  std::vector<OutputPlace> outputs;
  std::string unknown;  // why nothing is known of the outputs
};

// `symbols`: as below; sizes that they do not say are made up. THROWS: as build_graph().
LayoutReport inspect_layout(const graph::OnnxModel& model,
                            const std::map<std::string, std::int64_t>& symbols);

// The nodes without a gradient between a trainable tensor and a float output of the model, as "Op
// 'name'".
std::vector<std::string> nodes_without_gradient(const graph::Graph& imported);

// The loss that fits the model's first output as the file declares it: cross_entropy for [N, C]
// with C > 1, else mse.
std::string guess_loss(const graph::OnnxModel& model);

// A training step compiled without data and without taking memory. AdamW, as it has the most state.
class TrainingPreview {
 public:
  // `symbols`: the sizes of symbolic dimensions other than the batch; `precision` as
  // train.precision. THROWS: kInvalidArgument,
  // kUnsupported.
  TrainingPreview(const graph::OnnxModel& model, const std::string& loss,
                  std::map<std::string, std::int64_t> symbols, std::string_view device, int threads,
                  const std::string& precision = "f32");
  // On a device that is open.
  TrainingPreview(const graph::OnnxModel& model, const std::string& loss,
                  std::map<std::string, std::int64_t> symbols, std::unique_ptr<Backend> backend,
                  int threads, const std::string& precision = "f32");
  ~TrainingPreview();

  // THROWS: as Engine::plan() does.
  const Plan& plan(std::int64_t batch);
  MemoryPlan memory(std::int64_t batch);
  // What a step asks of the device; empty where the host runs it. The emulated device counts, which
  // takes its memory: no plan of another batch is made afterwards.
  std::optional<StepWork> work(std::int64_t batch);

 private:
  GraphRequest request(std::int64_t batch) const;
  void arrange(graph::Graph& imported, const graph::OnnxModel& model);

  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Backend> reference_;
  std::map<std::string, std::int64_t> symbols_;
  bool one_sample_ = false;
  std::unique_ptr<Engine> engine_;
};

}  // namespace temper::training
