// The keys of [train], [checkpoint] and [log].
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kPrecision[] = {"f32", "bf16", "fp16", "auto"};
constexpr const char* kNonFinite[] = {"skip", "stop", "ignore"};
constexpr const char* kMode[] = {"min", "max"};

}  // namespace

std::vector<RecipeKey> run_keys() {
  return {
      key(
          "train.epochs", "passes over the data", [](Recipe& r) -> auto& { return r.train.epochs; },
          not_negative),
      key(
          "train.steps", "optimizer steps; 0: by epochs",
          [](Recipe& r) -> auto& { return r.train.steps; }, not_negative),
      key(
          "train.precision",
          "\"f32\", \"bf16\", \"fp16\" (mixed precision), or \"auto\": bf16 where the device is "
          "fast at it",
          [](Recipe& r) -> auto& { return r.train.precision; }, one_of<kPrecision, 4>),
      key("train.device", "where to run", [](Recipe& r) -> auto& { return r.train.device; }),
      key(
          "train.threads", "0: all processors", [](Recipe& r) -> auto& { return r.train.threads; },
          not_negative),
      key(
          "train.accumulate", "micro-batches per optimizer step",
          [](Recipe& r) -> auto& { return r.train.accumulate; }, positive),
      key(
          "train.seed", "of Dropout", [](Recipe& r) -> auto& { return r.train.seed; },
          not_negative),
      key("train.out", "run directory; empty: runs/NAME-N",
          [](Recipe& r) -> auto& { return r.train.out; }),
      key(
          "train.eval_every", "steps between evaluations; 0: each epoch",
          [](Recipe& r) -> auto& { return r.train.eval_every; }, not_negative),
      key(
          "train.on_nonfinite",
          "\"skip\" the step, \"stop\" the run or \"ignore\" it (not with fp16)",
          [](Recipe& r) -> auto& { return r.train.on_nonfinite; }, one_of<kNonFinite, 3>),
      key(
          "train.max_consecutive_skips", "skipped steps in a row that stop the run",
          [](Recipe& r) -> auto& { return r.train.max_consecutive_skips; }, positive),
      key(
          "checkpoint.every", "steps between checkpoints; 0: each epoch",
          [](Recipe& r) -> auto& { return r.checkpoint.every; }, not_negative),
      key(
          "checkpoint.keep", "how many checkpoints stay",
          [](Recipe& r) -> auto& { return r.checkpoint.keep; }, positive),
      key("checkpoint.monitor", "the metric that decides what is best",
          [](Recipe& r) -> auto& { return r.checkpoint.monitor; }),
      key(
          "checkpoint.mode", "whether less or more of it is better",
          [](Recipe& r) -> auto& { return r.checkpoint.mode; }, one_of<kMode, 2>),
      key(
          "checkpoint.patience", "evaluations without improvement before stopping; 0: never",
          [](Recipe& r) -> auto& { return r.checkpoint.patience; }, not_negative),
      key(
          "log.every", "steps between logged lines", [](Recipe& r) -> auto& { return r.log.every; },
          positive),
      key("log.tensorboard", "write TensorBoard events",
          [](Recipe& r) -> auto& { return r.log.tensorboard; }),
      key(
          "log.histograms",
          "steps between TensorBoard histograms of weights and gradients; 0: none",
          [](Recipe& r) -> auto& { return r.log.histograms; }, not_negative),
      key("log.charts", "write charts", [](Recipe& r) -> auto& { return r.log.charts; }),
  };
}

}  // namespace temper::training
