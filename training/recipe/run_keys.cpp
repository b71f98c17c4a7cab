// The keys of [train], [checkpoint] and [log].
#include "training/recipe/key_field.h"
#include "training/settings/duration.h"

namespace temper::training {
namespace {

constexpr const char* kPrecision[] = {"f32", "bf16", "fp16", "auto"};
constexpr const char* kNonFinite[] = {"skip", "stop", "ignore"};
constexpr const char* kAccumulateBy[] = {"items", "batches"};
constexpr const char* kSpike[] = {"off", "warn", "skip", "rollback"};
constexpr const char* kSpikeOf[] = {"grad_norm", "loss"};
constexpr const char* kMode[] = {"auto", "min", "max"};

std::string above_one(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return std::isfinite(number) && number > 1 ? "" : "must be a finite number above 1";
}

std::string spike_window(const RecipeValue& value) {
  const std::int64_t steps = std::get<std::int64_t>(value);
  return steps >= 2 && steps <= 100000 ? "" : "must be from 2 to 100000";
}

std::string duration(const RecipeValue& value) {
  const auto& text = std::get<std::string>(value);
  return text.empty() || parse_duration(text) ? ""
                                              : "must be like \"90 min\", \"2 h\" or \"1:30:00\"";
}

// Neither steps nor stages say how long the run is.
KeyEffect by_epochs() {
  KeyEffect made = without("train.steps");
  made.when = "no train.steps and no [[train.stage]]";
  made.decided_by.emplace_back("train.stage");
  made.always_note = true;  // both are often written, and which of them rules is clear
  made.holds = [](const Recipe& recipe, const RunFacts&) {
    return recipe.train.steps == 0 && recipe.stages.empty();
  };
  made.told = [](const Recipe& recipe, const RunFacts&) {
    return recipe.train.steps > 0
               ? concat("train.steps = ", recipe.train.steps,
                        " decides how long the run is; write train.steps=N")
               : std::string(
                     "the [[train.stage]] tables decide how long the run is; write "
                     "train.steps=N, or other epochs in the last of them");
  };
  return made;
}

}  // namespace

namespace {

std::vector<RecipeKey> length_keys() {
  return {
      key(
          "train.epochs", "passes over the data", [](Recipe& r) -> auto& { return r.train.epochs; },
          not_negative)
          .on_resume(ResumeRule::kLength)
          .when(by_epochs()),
      key(
          "train.steps", "optimizer steps; 0: by epochs",
          [](Recipe& r) -> auto& { return r.train.steps; }, not_negative)
          .on_resume(ResumeRule::kLength),
      key(
          "train.precision",
          "\"f32\", \"bf16\", \"fp16\" (mixed precision), or \"auto\": bf16 where the device is "
          "fast at it",
          [](Recipe& r) -> auto& { return r.train.precision; }, one_of<kPrecision, 4>)
          .of(Runs::kOneModel),
      key("train.tf32",
          "f32 products on a GPU in TF32, which keeps 10 of 23 bits of each factor; false: f32 is "
          "f32",
          [](Recipe& r) -> auto& { return r.train.tf32; }),
      key("train.cache_features",
          "what the frozen first part of the model gives is computed once for each sample and "
          "kept; "
          "for data that are the same in every epoch",
          [](Recipe& r) -> auto& { return r.train.cache_features; })
          .of(Runs::kOneModel),
      key("train.device",
          "where to run: \"cpu\", \"cuda\" (a GPU; \"cuda:1\" the second one), or \"auto\": a GPU "
          "where there is one, else the CPU",
          [](Recipe& r) -> auto& { return r.train.device; }),
      key(
          "train.threads", "0: all processors; a small plan uses one",
          [](Recipe& r) -> auto& { return r.train.threads; }, not_negative)
          .on_resume(ResumeRule::kThreads),
      key(
          "train.accumulate", "micro-batches per optimizer step",
          [](Recipe& r) -> auto& { return r.train.accumulate; }, positive)
          .of(Runs::kOneModel),
      key(
          "train.accumulate_by",
          "what a step of several micro-batches is: \"items\", that of one batch of all their "
          "rows; "
          "\"batches\", the mean of the micro-batches', however few rows or targets one counts. By "
          "items, too, dice, jaccard, a loss file and a teacher are means of micro-batches, "
          "weighed "
          "by rows",
          [](Recipe& r) -> auto& { return r.train.accumulate_by; }, one_of<kAccumulateBy, 2>)
          .of(Runs::kOneModel)
          .when(with_more("train.accumulate", 1)),
      key(
          "train.seed", "of Dropout", [](Recipe& r) -> auto& { return r.train.seed; },
          not_negative),
      key("train.out", "run directory; empty: runs/NAME-N",
          [](Recipe& r) -> auto& { return r.train.out; })
          .on_resume(ResumeRule::kFree),
  };
}

std::vector<RecipeKey> step_keys() {
  return {
      key(
          "train.eval_every", "steps between evaluations; 0: each epoch",
          [](Recipe& r) -> auto& { return r.train.eval_every; }, not_negative)
          .of(Runs::kOneModel)
          .on_resume(ResumeRule::kFree),
      key(
          "train.on_nonfinite",
          "\"skip\" the step, \"stop\" the run or \"ignore\" it (not with fp16)",
          [](Recipe& r) -> auto& { return r.train.on_nonfinite; }, one_of<kNonFinite, 3>),
      key(
          "train.max_consecutive_skips", "skipped steps in a row that stop the run",
          [](Recipe& r) -> auto& { return r.train.max_consecutive_skips; }, positive)
          .on_resume(ResumeRule::kFree)
          .when(any_of({with_value("train.on_nonfinite", {"skip"}),
                        with_value("train.precision", {"fp16"}),
                        with_value("train.spike", {"skip", "rollback"})})),
      key(
          "train.plan_cache", "compiled plans kept; the run's own always are",
          [](Recipe& r) -> auto& { return r.train.plan_cache; }, positive)
          .on_resume(ResumeRule::kFree),
      key(
          "train.memory_limit",
          "MiB that weights, optimizer and a step may take: what does not fit is computed twice; "
          "0: no limit",
          [](Recipe& r) -> auto& { return r.train.memory_limit; }, not_negative)
          .on_resume(ResumeRule::kFree),
      key(
          "train.spike",
          "on a jump of the loss or the gradient norm: \"off\", \"warn\", \"skip\" the step, or "
          "skip "
          "it and \"rollback\" to an earlier state",
          [](Recipe& r) -> auto& { return r.train.spike.action; }, one_of<kSpike, 4>)
          .of(Runs::kOneModel),
      key(
          "train.spike_of", "what is watched for spikes: \"grad_norm\" or \"loss\"",
          [](Recipe& r) -> auto& { return r.train.spike.of; }, one_of<kSpikeOf, 2>)
          .of(Runs::kOneModel)
          .when(with_value("train.spike", {"warn", "skip", "rollback"})),
      key(
          "train.spike_factor", "a spike is more than this many times the median",
          [](Recipe& r) -> auto& { return r.train.spike.factor; }, above_one)
          .of(Runs::kOneModel)
          .when(with_value("train.spike", {"warn", "skip", "rollback"})),
      key(
          "train.spike_window", "good steps the median is of; nothing is a spike before",
          [](Recipe& r) -> auto& { return r.train.spike.window; }, spike_window)
          .of(Runs::kOneModel)
          .when(with_value("train.spike", {"warn", "skip", "rollback"})),
      key(
          "train.spike_snapshot", "steps between the states that \"rollback\" goes back to",
          [](Recipe& r) -> auto& { return r.train.spike.snapshot; }, positive)
          .of(Runs::kOneModel)
          .when(with_value("train.spike", {"rollback"})),
  };
}

std::vector<RecipeKey> limit_keys() {
  return {
      key(
          "train.max_time",
          "running time after which the run ends: \"90 min\", \"2 h\", \"1:30:00\"",
          [](Recipe& r) -> auto& { return r.train.max_time; }, duration)
          .on_resume(ResumeRule::kFree),
      key(
          "train.limit_batches", "training batches per epoch; 0: all",
          [](Recipe& r) -> auto& { return r.train.limit_batches; }, not_negative),
      key(
          "train.limit_val_batches", "validation batches; 0: all",
          [](Recipe& r) -> auto& { return r.train.limit_val_batches; }, not_negative)
          .of(Runs::kOneModel)
          .when(with_validation()),
      key(
          "train.overfit_batches",
          "train and validate on the first batches alone, in one order: does it learn at all? 0: "
          "off",
          [](Recipe& r) -> auto& { return r.train.overfit_batches; }, not_negative),
  };
}

}  // namespace

std::vector<RecipeKey> train_keys() {
  std::vector<RecipeKey> keys;
  for (const auto& part : {length_keys(), step_keys(), limit_keys()}) {
    keys.insert(keys.end(), part.begin(), part.end());
  }
  return keys;
}

std::vector<RecipeKey> record_keys() {
  return {
      key(
          "checkpoint.every", "steps between checkpoints; 0: each epoch",
          [](Recipe& r) -> auto& { return r.checkpoint.every; }, not_negative)
          .on_resume(ResumeRule::kFree),
      key(
          "checkpoint.minutes",
          "minutes of running time between checkpoints; 0: by steps or epochs",
          [](Recipe& r) -> auto& { return r.checkpoint.minutes; }, not_negative)
          .on_resume(ResumeRule::kFree),
      key(
          "checkpoint.keep", "how many checkpoints stay",
          [](Recipe& r) -> auto& { return r.checkpoint.keep; }, positive)
          .on_resume(ResumeRule::kFree),
      key(
          "checkpoint.top_k", "how many of the best models stay: best.onnx, and top/ for more",
          [](Recipe& r) -> auto& { return r.checkpoint.top_k; }, positive)
          .of(Runs::kOneModel)
          .on_resume(ResumeRule::kFree),
      key("checkpoint.monitor",
          "the metric that decides what is best, such as \"val/f1\"; empty: the validation loss",
          [](Recipe& r) -> auto& { return r.checkpoint.monitor; })
          .of(Runs::kOneModel),
      key(
          "checkpoint.mode",
          "whether less or more of it is better: \"min\", \"max\", or \"auto\" as fits the metric",
          [](Recipe& r) -> auto& { return r.checkpoint.mode; }, one_of<kMode, 3>)
          .of(Runs::kOneModel),
      key(
          "checkpoint.patience", "evaluations without improvement before stopping; 0: never",
          [](Recipe& r) -> auto& { return r.checkpoint.patience; }, not_negative)
          .of(Runs::kOneModel)
          .on_resume(ResumeRule::kFree),
      key(
          "log.every", "steps between logged lines", [](Recipe& r) -> auto& { return r.log.every; },
          positive)
          .on_resume(ResumeRule::kFree),
      key("log.tensorboard", "write TensorBoard events",
          [](Recipe& r) -> auto& { return r.log.tensorboard; })
          .on_resume(ResumeRule::kFree),
      key(
          "log.histograms",
          "steps between TensorBoard histograms of weights and gradients; 0: none",
          [](Recipe& r) -> auto& { return r.log.histograms; }, not_negative)
          .of(Runs::kOneModel)
          .on_resume(ResumeRule::kFree)
          .when(with("log.tensorboard")),
      key("log.charts", "write charts", [](Recipe& r) -> auto& { return r.log.charts; })
          .on_resume(ResumeRule::kFree),
  };
}

RepeatedTable train_stage_table() {
  using R = Recipe;
  using I = std::size_t;
  return {
      "train.stage",
      "parts of the run, one after the other: what is frozen meanwhile and how the rate scales; "
      "what is not frozen any more starts with fresh optimizer state",
      {entry_key(
           "epochs", "length of the stage", [](R& r, I i) -> auto& { return r.stages[i].epochs; },
           positive, std::int64_t{0}, true),
       entry_key("freeze", "patterns of tensors that stay as they are, beside model.freeze",
                 [](R& r, I i) -> auto& { return r.stages[i].freeze; }),
       entry_key(
           "lr", "factor on every learning rate", [](R& r, I i) -> auto& { return r.stages[i].lr; },
           not_negative, 1.0)},
      [](const R& r) { return r.stages.size(); },
      [](R& r) { r.stages.emplace_back(); },
      Runs::kOneModel};
}

}  // namespace temper::training
