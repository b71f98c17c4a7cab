// The losses of a run made concrete: which outputs of the model each reads, which targets of the
// data in which form, and which of them the metrics are of.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/memory/tensor.h"
#include "training/compile/output_end.h"
#include "training/data/dataset.h"
#include "training/data/label_sequences.h"
#include "training/data/open_dataset.h"
#include "training/objective/loss_files.h"
#include "training/recipe/recipe.h"

namespace temper::training {

struct RunLosses {
  std::vector<LossTerm> terms;
  // The term whose output and target the metrics read: the first classification, else the first.
  std::size_t lead = 0;
  PredictionKind lead_prediction = PredictionKind::kOther;
  int lead_output = 0;  // which of the model's outputs
  OutputEnd lead_end = OutputEnd::kOther;
  Shape lead_shape;  // [N, C, ...] in batches of two, wherever the output has its classes
  // What the data must give besides the model's inputs: the lead's target first, the weights of
  // samples last.
  std::vector<WantedField> targets;
  std::vector<Port> ports;  // the graphs' inputs that each of them goes to

  // A target of class indices.
  struct Labels {
    std::string field;
    std::int64_t classes = 0;
    std::int64_t ignored = -100;
    std::size_t term = 0;
    bool required = true;   // false: other labels are no error, but there are no metrics then
    bool all_count = true;  // none is `ignored`, of the data that were checked
  };
  std::vector<Labels> labels;

  // A target of label sequences.
  struct Sequences {
    std::string field;
    std::string lengths;  // field of the frames that count; empty: all
    LabelSequenceRules rules;
  };
  std::vector<Sequences> sequences;

  // Losses that do not fit what the model's last operator makes of its output: also notes.
  std::vector<std::string> warnings;

  const LossTerm& lead_term() const { return terms[lead]; }
  // The lead's output, or a target of its shape, as metrics read it: classes along axis 1.
  Tensor readable(const Tensor& scores) const;
  // The graphs' input that a target field of the data goes to; empty: no loss reads it.
  std::optional<Port> port_of(const Field& field) const;
};

// `wanted` with the targets and columns that the losses name, in whatever form they have.
DataOptions asked_targets(const Recipe& recipe, const LossFiles& files, DataOptions wanted);

// In settle_losses.cpp. `forward`: the model for a batch of two. Names the loss where the recipe
// does not; tells in `notes`. THROWS: kInvalidArgument for outputs that are not there and shapes
// that do not fit.
RunLosses settle_losses(Recipe& recipe, const LossFiles& files, const graph::Graph& forward,
                        const Dataset& probe, const Backend& reference,
                        std::vector<std::string>& notes);

// In run_labels.cpp. Every label is a class, and samples weigh one number each. Notes whether any
// label is ignored. `class_names`: the recipe's, for messages. THROWS: kInvalidData,
// kInvalidArgument.
void check_run_targets(RunLosses& losses, const Dataset& data,
                       const std::vector<std::string>& class_names,
                       std::vector<std::string>& notes);

// class_weight = "balanced": the weight of each class from its share of the rows. Classes without a
// row weigh 1. THROWS: kInvalidArgument when the labels are not one per row.
void balance_classes(RunLosses& losses, const Dataset& data, std::span<const std::int64_t> rows,
                     std::vector<std::string>& notes);

}  // namespace temper::training
