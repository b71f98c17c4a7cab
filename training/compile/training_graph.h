// From an imported graph to the graphs a run needs: one joint graph of forward, loss, gradient,
// clipping, update and statistics for a step, and the forward-and-loss graph of an evaluation.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/compile/graph_ports.h"
#include "training/compile/step/accuracy.h"
#include "training/compile/step/gradient_clip.h"
#include "training/compile/step/loss_scaling.h"
#include "training/settings/component.h"

namespace temper::training {

inline constexpr std::int64_t kRateSlots = 1024;

struct OptimizerGroupSettings {
  std::string match;
  Attrs parameters;  // those that the group sets apart; the others are the optimizer's
  // Of merged groups (merged_groups()): exactly these, whatever `match` says.
  std::vector<std::string> tensors = {};
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

// One loss of those that a run adds up.
struct LossTermSettings {
  ComponentSettings loss;
  std::string file;                     // an ONNX file in place of `loss`: see loss_file.h
  const graph::Graph* graph = nullptr;  // loaded from it; outlives all that is compiled
  std::vector<LossFileTarget> file_targets;
  std::vector<std::string> outputs;  // empty: the model's first ones, as many as the loss takes
  bool class_target = true;        // where the loss takes either: class indices, else as the output
  std::int64_t target_labels = 0;  // S of a target [N, S] of label sequences
  std::string target;              // its array or column in the data; empty: the data's only target
  double loss_weight = 1;          // factor in the sum
  std::string label;               // its name in the log; empty: the loss's name, or "file"
  std::string class_weight;        // "balanced": the loss's `weight` from the counts of the labels
  // The joint graph's inputs that it reads: PortRole::kTarget, and kInputLengths (i64, one number
  // of frames per sample).
  int target_index = 0;
  int lengths_index = 0;
  bool all_count = false;  // no class index of the data is ignored

  bool is_file() const { return !file.empty(); }
};

// l1 sum |w| + l2 sum w^2, added to the loss that is differentiated.
struct PenaltySettings {
  double l1 = 0;
  double l2 = 0;
  std::vector<std::string> match;  // patterns; empty: tensors of two or more dimensions

  bool is_on() const { return l1 > 0 || l2 > 0; }
};

// A second model whose answers the first learns beside the targets: see distillation.h.
struct TeacherSettings {
  std::string model;                    // path; empty: there is none
  double temperature = 2;               // scores are divided by it before the softmax
  double alpha = 0.5;                   // the teacher's share of the loss
  std::string output;                   // empty: its first
  const graph::Graph* graph = nullptr;  // loaded from `model`; outlives all that is compiled

  bool is_on() const { return graph != nullptr; }
};

// Which number of a step may keep it from being applied.
enum class SpikeGate { kNone, kGradientNorm, kLoss };

// What the graphs of a run depend on, besides shapes.
struct CompileSettings {
  std::vector<LossTermSettings> losses;  // the loss is their weighted sum
  bool sample_weight = false;  // the data weigh each sample: PortRole::kSampleWeight, floats
  AccuracySettings accuracy;   // of steps
  PenaltySettings penalty;
  TeacherSettings teacher;  // in training alone
  ComponentSettings optimizer;
  std::vector<OptimizerGroupSettings> groups;
  ClipSettings clip;
  SpikeGate spike_gate = SpikeGate::kNone;
  // A group of micro-batches has the mean of their losses, not the loss of all its items.
  bool by_batches = false;
  bool average = false;      // averages of the weights beside them: weight_average.h
  bool snapshots = false;    // room for a second state of the run: see take_snapshot()
  bool check_finite = true;  // false: a step that is not finite is applied (never with kFloat16)
  // kFloat16 or kBFloat16: mixed precision; kFloat32: every op in the type the file gives it.
  DType precision = DType::kFloat32;
  ScalerSettings scaler;  // for kFloat16
  bool frozen_batchnorm = false;
  std::uint64_t seed = 0;
  std::vector<std::string> freeze;     // patterns
  std::vector<std::string> trainable;  // patterns; empty: the importer's decision
  // Of a run in stages: how many there are, and what was frozen in each before this one.
  std::int64_t stages = 0;
  std::vector<std::vector<std::string>> earlier_freezes;
  // Of several models in one graph: which one, and "generator::", which begins its names.
  int model = 0;
  std::string prefix;
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
  std::int64_t batch = 1;                       // first dimension of every input
  std::map<std::string, std::int64_t> symbols;  // other symbolic dimensions
  std::vector<GradientOf> wrt;                  // kGradient
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
// number; `batch` takes its place. THROWS: as rebatch() and bind_shapes().
void bind_batch(graph::Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                std::int64_t batch, const Backend& reference);

// The tensor or input of this name. THROWS: kInvalidArgument when there is none.
GradientOf gradient_of(const graph::Graph& imported, const std::string& name);

// The importer's decision and the patterns applied: sets Variable::trainable and `why` on every
// parameter. THROWS: kInvalidArgument when a pattern matches nothing, or nothing is left to train.
void choose_trainable(graph::Graph& graph, const std::vector<std::string>& trainable,
                      const std::vector<std::string>& freeze);

}  // namespace temper::training
