// Losses by name. A loss is a piece of graph from model outputs and a target to sums over samples,
// from which its value follows (loss_sums.h). Each family is one file of this folder; losses()
// joins them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/builder.h"
#include "training/losses/loss_sums.h"
#include "training/settings/component.h"

namespace temper::training {

// What a loss's target is, for an output [N, C, d...].
enum class TargetKind {
  kLikeOutput,           // floats of the output's shape
  kClasses,              // class indices [N, d...]
  kClassesOrLikeOutput,  // either, as the data has it
  kPerSample,            // one float per sample, [N]
  kLabelSequence,        // class indices [N, S], below 0 behind a sample's last
  kNone,
};

// How an output's predictions can be read, for metrics.
enum class PredictionKind {
  kClassScores,    // the largest along axis 1 is the predicted class
  kBinaryLogits,   // positive: predicted
  kProbabilities,  // above 1/2: predicted
  kRegression,     // the value itself
  kOther,          // none of these: distances, distributions
};

// What a loss takes the model's output for.
enum class OutputForm {
  kValues,            // numbers of any kind
  kLogits,            // squashed by the loss itself
  kProbabilities,     // from 0 to 1
  kLogProbabilities,  // of an output that ends in Softmax, its logarithm is taken
};

// What a loss is built from. `outputs` has Loss::outputs values; sample_weight is [N], or invalid.
struct LossInputs {
  graph::Builder& builder;
  std::vector<graph::ValueId> outputs;
  graph::ValueId target;  // invalid for TargetKind::kNone
  const Attrs& parameters;
  graph::ValueId sample_weight = {};
  graph::ValueId input_lengths = {};  // of a label sequence, [N] i64; invalid: all frames count
  bool all_count = false;             // no class index equals ignore_index
  // Where samples differ in length: which elements of the target are there, bool; invalid: all.
  graph::ValueId there = {};

  graph::ValueId output() const { return outputs.front(); }
};

struct Loss {
  std::string name;
  std::string help;
  std::vector<ParameterSpec> parameters;
  TargetKind target = TargetKind::kLikeOutput;
  PredictionKind prediction = PredictionKind::kRegression;
  // Of the output's dtype. THROWS: kInvalidArgument when the loss cannot take such shapes.
  LossSums (*sums)(const LossInputs& in) = nullptr;
  // For the selection guide: "regression", ...; what the model's output must be; what goes wrong.
  std::string task;
  std::string output_form;
  std::string pitfall;
  int outputs = 1;
  // Of a loss whose value is neither a mean nor a sum of its elements.
  LossRule rule = LossRule::kMean;
  OutputForm takes = OutputForm::kValues;
};

const std::vector<Loss>& losses();

// THROWS: kInvalidArgument with the nearest name.
const Loss& find_loss(std::string_view name);

// How the loss with these parameters follows from its sums.
LossForm loss_form(const Loss& loss, const Attrs& parameters);
// What it takes with these parameters.
OutputForm form_taken(const Loss& loss, const Attrs& parameters);
// Of the output, where it matters: 1, or -1 when they are last.
int class_axis(const Loss& loss, const Attrs& parameters);
// The loss of the batch, a scalar. THROWS: as Loss::sums.
graph::ValueId build_loss(const Loss& loss, const LossInputs& in);

// Whether the output's classes are its last dimension, [N, ..., C], as the parameter class_axis of
// some losses says, instead of [N, C, ...].
bool classes_last(const Attrs& parameters);
// The shape [N, ..., C] as [N, C, ...]. REQUIRES: rank 2 or more.
Shape classes_second(const Shape& output);
// The shape [N, ..., C] as [rows, C]: what a loss is built on when the classes are last.
Shape class_rows(const Shape& output);

// The target a loss expects for a model output: dtype and shape.
struct TargetSpec {
  DType dtype = DType::kFloat32;
  Shape shape;
  bool classes = false;  // class indices
};

// The target as the data have it, as far as it decides the form.
struct DataTarget {
  bool integers = true;      // where a loss takes either kind
  bool like_output = false;  // integers of the output's shape: a number for each class
  std::int64_t labels = 0;   // of a label sequence: S
};

// THROWS: kInvalidArgument.
TargetSpec target_spec(const Loss& loss, const Attrs& parameters, DType output_dtype,
                       const Shape& output, const DataTarget& data);

}  // namespace temper::training
