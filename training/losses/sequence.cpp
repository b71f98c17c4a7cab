// Losses of label sequences without their places: ctc.
#include "runtime/base/error.h"
#include "training/losses/families.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

// How many labels each sample has, at least 1 (torch's mean divides by it).
ValueId label_counts(const LossInputs& in) {
  Builder& b = in.builder;
  const ValueId is_label = b.op("GreaterOrEqual", {in.target, b.scalar(b.dtype(in.target), 0)});
  const ValueId counts = b.reduce_sum(b.cast(is_label, b.dtype(in.output())), {1}, false);
  return at_least(b, counts, 1);
}

// -log of the sum over every alignment; the mean divides each sample's by its number of labels
// (torch.nn.CTCLoss). The softmax of log probabilities is the probabilities, and the derivative
// torch gives for log probabilities is that for logits: one form serves both.
LossSums build_ctc(const LossInputs& in) {
  Builder& b = in.builder;
  const Shape shape = b.shape(in.output());
  TEMPER_CHECK(shape.rank() == 3, ErrorCode::kInvalidArgument, "ctc needs an output ",
               in.parameters.get_int("batch_first", 1) != 0 ? "[N, T, classes]" : "[T, N, classes]",
               ", but the model's is ", shape);
  const std::int64_t blank = in.parameters.get_int("blank", 0);
  TEMPER_CHECK(blank >= 0 && blank < shape[2], ErrorCode::kInvalidArgument, "loss.blank is ", blank,
               ", but the model has ", shape[2], " classes, from 0 to ", shape[2] - 1);
  ValueId scores = in.output();
  if (in.parameters.get_int("batch_first", 1) == 0) {
    scores = b.op("Transpose", {scores}, {{"perm", std::vector<std::int64_t>{1, 0, 2}}});
  }
  std::vector<ValueId> inputs{scores, in.target};
  if (in.input_lengths.valid()) {
    inputs.push_back(in.input_lengths);
  }
  ValueId losses =
      b.op("CtcLoss", std::move(inputs),
           {{"blank", blank}, {"zero_infinity", in.parameters.get_int("zero_infinity", 0)}});
  if (in.parameters.get_string("reduction", "mean") == "mean") {
    losses = b.div(losses, label_counts(in));
  }
  return reduce_loss(in, losses);
}

}  // namespace

std::vector<Loss> sequence_losses() {
  return {
      {"ctc",
       "a sequence of labels whose places in the output are not known; the target [N, S] holds "
       "class indices, and below 0 (as -1) where a sample has fewer than S",
       {reduction_spec(),
        {"blank", std::int64_t{0}, "the class that stands for no label", require_not_negative},
        switch_spec("zero_infinity", false,
                    "a sample with more labels than its frames can hold counts 0; otherwise it "
                    "is an error"),
        switch_spec("batch_first", true, "the output is [N, T, C]; false: [T, N, C]"),
        {"input_lengths", std::string(),
         "array of the data with the number of frames of each sample; empty: all T", nullptr}},
       TargetKind::kLabelSequence,
       PredictionKind::kOther,
       build_ctc,
       "speech, handwriting: sequences without alignment",
       "logits or log probabilities [N, T, C] with a class for the blank",
       "labels that repeat need a blank between them: T must hold the labels and those blanks",
       1,
       LossRule::kMean,
       OutputForm::kLogits},
  };
}

}  // namespace temper::training
