// From an imported graph to the graphs a run needs: one joint graph of forward, loss, gradient,
// clipping, update and statistics for a step, and the forward-and-loss graph of an evaluation.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/compile/graph_ports.h"
#include "training/compile/step/accuracy.h"
#include "training/settings/average_settings.h"
#include "training/settings/clip_settings.h"
#include "training/settings/component.h"
#include "training/settings/loss_settings.h"
#include "training/settings/model_settings.h"
#include "training/settings/optimizer_settings.h"
#include "training/settings/scaler_settings.h"
#include "training/settings/train_settings.h"

namespace temper::training {

inline constexpr std::int64_t kRateSlots = 1024;

// A group of tensors with settings of their own.
struct OptimizerGroup : OptimizerGroupSettings {
  OptimizerGroup() = default;
  OptimizerGroup(OptimizerGroupSettings settings) : OptimizerGroupSettings(std::move(settings)) {}

  // Of merged groups (merged_groups()): exactly these, whatever `match` says.
  std::vector<std::string> tensors;
};

// What the data and loss files call the only target, and the weights of samples.
inline constexpr const char* kTargetInput = "target";
inline constexpr const char* kSampleWeightInput = "sample_weight";

// An input of a loss's file that the data give.
struct LossFileTarget {
  std::string input;  // its name in the file
  int target = 0;     // the joint graph's input that it reads: PortRole::kTarget
  DType dtype = DType::kFloat32;
  Shape row_shape;
};

// A loss as a run settled it.
struct LossTerm : LossTermSettings {
  LossTerm() = default;
  LossTerm(LossTermSettings settings) : LossTermSettings(std::move(settings)) {}

  const graph::Graph* graph = nullptr;       // loaded from `file`; outlives all that is compiled
  std::vector<LossFileTarget> file_targets;  // see loss_file.h
  bool class_target = true;        // where the loss takes either: class indices, else as the output
  std::int64_t target_labels = 0;  // S of a target [N, S] of label sequences
  // The joint graph's inputs that it reads: PortRole::kTarget, and kInputLengths (i64, one number
  // of frames per sample).
  int target_index = 0;
  int lengths_index = 0;
  bool all_count = false;  // no class index of the data is ignored
  bool filled_up = false;  // the target is NaN behind the end of a sample
};

// A state of the model that a batch leaves to the next one.
struct CarriedState {
  std::string input;   // of the model, [samples, ...] in the arranged graph
  std::string output;  // what it is after the batch
  Tensor initial;      // where a sequence begins, as broadcast to the input of one sample
};

// What the graphs of a run depend on, besides shapes: settings of the recipe as they are, and what
// the run made of them.
struct CompileSettings {
  std::vector<LossTerm> losses;  // the loss is their weighted sum
  bool sample_weight = false;    // the data weigh each sample: PortRole::kSampleWeight, floats
  AccuracySettings accuracy;     // of steps
  PenaltySettings penalty;
  TeacherSettings teacher;
  // In training alone. Loaded from teacher.model, outlives all that is compiled; null: no teacher.
  const graph::Graph* teacher_graph = nullptr;
  ComponentSettings optimizer;
  std::vector<OptimizerGroup> groups;
  ClipSettings clip;
  ModelSettings model;      // freeze is that of this stage
  TrainSettings train;      // how a step is made: spike, accumulate_by, on_nonfinite, seed
  AverageSettings average;  // averages of the weights beside them: weight_average.h
  // Settled from train.precision. kFloat16 or kBFloat16: mixed precision; kFloat32: every op in the
  // type the file gives it.
  DType precision = DType::kFloat32;
  ScalerSettings scaler;  // for kFloat16
  // Mixed precision keeps copies of parameters in 16 bits beside them (runtime/base/low_copy.h).
  bool keeps_low_copies = false;
  // See carried_states.h; `carried_rows`: of the largest batch.
  std::vector<CarriedState> carried;
  std::int64_t carried_rows = 0;
  // Of a model that trains with rounding: the applied step from which moving ranges stand still.
  std::int64_t observe_until = -1;  // below 0: none
  // Of a run in stages: how many there are, and what was frozen in each before this one.
  std::int64_t stages = 0;
  std::vector<std::vector<std::string>> earlier_freezes;
  // Of samples that differ in length: the most steps of one. 0: they do not.
  std::int64_t longest = 0;
  // How many train together; each has its share of every batch (GraphRequest::all_rows).
  int ranks = 1;
  std::int64_t bucket_bytes = 0;
  // Of several models in one graph: which one, and "generator::", which begins its names.
  int model_index = 0;
  std::string prefix;

  // Room for a second state of the run: see take_snapshot().
  bool keeps_snapshot() const { return train.spike.action == "rollback"; }
  std::uint64_t seed() const { return static_cast<std::uint64_t>(train.seed); }
};

enum class GraphKind {
  kTrain,       // one whole step
  kMicro,       // gradient accumulation: forward, gradient, accumulate
  kLast,        // the same, then clip, update, commit, clear
  kEvaluate,    // forward in inference form and loss
  kPredict,     // forward in inference form
  kStatistics,  // forward in training mode, its BatchNorm statistics; changes nothing
  kGradient,    // forward in training mode without Dropout, loss, gradients of `wrt`
};

// What a gradient is of: a tensor of the model by its number there, or an input.
struct GradientOf {
  bool is_input = false;
  int number = 0;
};

struct GraphRequest {
  GraphKind kind = GraphKind::kTrain;
  std::int64_t batch = 1;  // first dimension of every input
  // Of several ranks' steps: `batch` rows from `first_row` on, of a batch of `all_rows`; 0: alone.
  std::int64_t first_row = 0;
  std::int64_t all_rows = 0;
  // Other symbolic dimensions, also where the graph has settled them.
  std::map<std::string, std::int64_t> symbols;
  std::vector<GradientOf> wrt;     // kGradient
  bool watch_gradients = false;    // kTrain, kLast: also the gradients of what is trained
  bool watch_activations = false;  // also an output per layer of the forward part: see watch.h
};

// What the graph gives is told by the ports of its outputs: the loss (a scalar; of kLast the
// group's), the sums of each part of it (of kLast the group's), norm, ok, the right predictions of
// a step's batch, the model's outputs, gradients. `imported` is left as it is. THROWS:
// kInvalidArgument, kInvalidModel, kUnsupported.
MadeGraph make_graph(const graph::Graph& imported, const CompileSettings& settings,
                     const GraphRequest& request, const Backend& reference);

// Gives every dimension of an imported graph its number. An export without a dynamic batch names a
// number; `batch` takes its place. Of `model`: what loops are written out. THROWS: as rebatch() and
// bind_shapes().
void bind_batch(graph::Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                std::int64_t batch, const Backend& reference, const ModelSettings& model);

// The tensor or input of this name. THROWS: kInvalidArgument when there is none.
GradientOf gradient_of(const graph::Graph& imported, const std::string& name);

// The importer's decision and the patterns applied: sets Variable::trainable and `why` on every
// parameter. THROWS: kInvalidArgument when a pattern matches nothing, or nothing is left to train.
void choose_trainable(graph::Graph& graph, const std::vector<std::string>& trainable,
                      const std::vector<std::string>& freeze);

}  // namespace temper::training
