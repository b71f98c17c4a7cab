// A recipe: every setting of a run. Read from TOML, then environment (TEMPER_<TABLE>_<KEY>), then
// key=value overrides; each value remembers where it came from. Unknown keys are errors that name
// the nearest known one.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "training/compile/training_graph.h"
#include "training/metrics/metric_settings.h"
#include "training/schedules/run_schedule.h"
#include "training/settings/augment_settings.h"
#include "training/settings/component.h"

namespace temper::training {

struct ModelSettings {
  std::string path;
  std::vector<std::string> freeze;
  std::vector<std::string> trainable;
  std::string batchnorm = "train";  // "train" | "frozen"
  std::string external_data_root;
  bool allow_negative_ids = false;  // an index -1 is the last row of a table, as ONNX counts
};

struct DataSettings {
  std::string train;
  std::string val;
  double val_split = 0;  // share of `train` held out for validation when `val` is empty
  std::int64_t batch_size = 32;
  bool batch_size_given =
      false;  // a written size larger than the set is an error, an inferred one is clamped
  bool shuffle = true;
  bool drop_last = false;
  std::string sampling = "all";  // "all" | "balanced" | "weighted"
  std::string sampling_weights;  // .npy: one number per training row
  std::int64_t seed = 0;
  std::vector<std::string> target;          // CSV columns; for .npz the array `target`
  std::string delimiter;                    // CSV; empty: found out
  std::string header = "auto";              // CSV: "auto" | "yes" | "no"
  bool standardize = true;                  // CSV: numeric columns to mean 0, deviation 1
  std::vector<std::string> categorical;     // CSV: numeric columns that are categories
  std::vector<std::string> drop;            // CSV: columns to leave out
  bool one_hot = false;                     // CSV: categories as 0/1 columns instead of codes
  bool fill_missing = false;                // CSV: missing numbers become the mean
  std::vector<std::string> missing_values;  // CSV: texts that mean "missing"; empty: the usual ones
  std::string decimal = ".";                // CSV: "." or ","
  std::string target_path;                  // the targets' own file (.npy, IDX)
  bool stratify = true;                     // val_split keeps each class's share
  bool scale = false;                       // 8-bit inputs as floats divided by 255
  std::vector<std::string> class_names;     // in the order of the labels; empty: the data's own
  std::string format = "auto";              // the kind of data; see kDataFormats
  std::vector<double> mean;                 // of each channel, taken away after scaling
  std::vector<double> std;                  // of each channel, divided by
  std::string token_dtype;                  // tokens: "u16" | "u32"; empty: as the file says
  std::int64_t pad = 0;                     // JSON: what lists of an input are filled up with
  bool truncate = false;                    // JSON: lists that are too long are cut
  std::int64_t block = 0;                   // tokens: of one sample; 0: as the model takes
  std::int64_t stride = 0;                  // tokens: between samples' begins; 0: block
  std::vector<std::int64_t> resize;         // pictures in files; see ImageOptions, as these:
  std::vector<std::int64_t> crop;
  std::string interpolation = "bilinear";
  std::int64_t cache_mb = 1024;
  bool exif_orientation = false;
  std::int64_t workers = 0;  // threads that fill a batch; 0: see ParallelDataset
};

// What a sudden jump of the loss or the gradient norm does to a run.
struct SpikeSettings {
  std::string action = "off";    // "off" | "warn" | "skip" | "rollback"
  std::string of = "grad_norm";  // "grad_norm" | "loss"
  double factor = 10;            // over the median of the window's steps
  std::int64_t window = 64;      // good steps the median is of; before that many nothing is a spike
  std::int64_t snapshot = 100;   // steps between the states that a rollback goes back to

  bool guards() const { return action == "skip" || action == "rollback"; }
};

struct TrainSettings {
  std::int64_t epochs = 10;
  std::int64_t steps = 0;         // 0: by epochs
  std::string precision = "f32";  // "f32" | "bf16" | "fp16" | "auto"
  std::string device = "cpu";
  std::int64_t threads = 0;  // 0: all processors
  std::int64_t accumulate = 1;
  std::string accumulate_by = "items";  // "items" | "batches"
  std::int64_t seed = 0;
  std::string out;                    // empty: runs/<model name>-<n>
  std::int64_t eval_every = 0;        // steps; 0: at the end of each epoch
  std::string on_nonfinite = "skip";  // "skip" | "stop" | "ignore"
  std::int64_t max_consecutive_skips = 20;
  std::int64_t plan_cache = 8;
  SpikeSettings spike;
  std::string max_time;                // "90 min"; empty: no limit
  std::int64_t limit_batches = 0;      // training batches per epoch; 0: all
  std::int64_t limit_val_batches = 0;  // validation batches; 0: all
  std::int64_t overfit_batches = 0;    // train and validate on these first batches alone; 0: off
};

// A part of the run with its own trainable set: [[train.stage]].
struct StageSettings {
  std::int64_t epochs = 0;
  std::vector<std::string> freeze;  // patterns, beside model.freeze
  double lr = 1;                    // factor on every rate
};

// An average of the weights beside them: [average].
struct AverageSettings {
  std::string kind = "off";  // "off" | "ema" | "swa"
  double decay = 0.999;      // of ema
  bool warmup = false;
  std::string start;       // "500 steps"; empty: at once, of swa at 75%
  std::int64_t every = 0;  // steps; 0: each, of swa each epoch
  bool use_buffers = false;
  bool update_bn = true;  // of swa
  bool validate = true;
  std::string exported = "average";  // "average" | "last"

  bool is_on() const { return kind != "off"; }
  // Whether BatchNorm statistics of the averages come from a pass over the data.
  bool refreshes_statistics() const { return kind == "swa" && update_bn; }
};

struct CheckpointSettings {
  std::int64_t every = 0;  // steps; 0: at the end of each epoch
  double minutes = 0;      // of running time between checkpoints; 0: by steps or epochs
  std::int64_t keep = 3;
  std::int64_t top_k = 1;     // best models kept: best.onnx, and top/step-N.onnx for more than one
  std::string monitor;        // empty: "val/loss", or "train/loss" without validation
  std::string mode = "auto";  // "min" | "max" | "auto": as fits the metric
  std::int64_t patience = 0;  // evaluations without improvement before stopping; 0: never
};

struct LogSettings {
  std::int64_t every = 10;  // steps
  bool tensorboard = true;
  bool charts = true;
  std::int64_t histograms = 0;  // steps between histograms in TensorBoard; 0: none
};

// One of two models: [models.NAME], [optimizer.NAME], [clip.NAME], [schedule.NAME].
struct AdversarialSide {
  std::string model;  // path
  ComponentSettings optimizer{"adam", {}};
  ClipSettings clip;          // what it leaves out is as in [clip]
  ScheduleSettings schedule;  // without a name: [schedule]

  AdversarialSide() { schedule.schedule.name.clear(); }
};

// Two models trained against each other: [models.generator], [models.discriminator] and
// [adversarial].
struct AdversarialRecipe {
  AdversarialSide generator;
  AdversarialSide discriminator;
  ComponentSettings loss{"non_saturating", {}};
  std::int64_t ratio = 1;  // discriminator steps per generator step
  std::string latent;      // the generator's noise input; empty: found from the names
  std::string distribution = "normal";
  std::int64_t latent_size = 0;  // of noise dimensions the file leaves open
  std::int64_t samples_every = 500;
  std::int64_t sample_grid = 10;  // pictures along each side

  // Whether the recipe trains two models.
  bool is_on() const { return !generator.model.empty() || !discriminator.model.empty(); }
};

// One of the runs that `temper compare` makes of a recipe.
struct CompareRunSettings {
  std::string name;
  std::vector<std::string> set;  // "key=value"
};

struct Recipe {
  ModelSettings model;
  DataSettings data;
  AugmentSettings augment;
  LossTermSettings loss;                     // empty name: inferred from the model and the target
  std::vector<LossTermSettings> loss_terms;  // [[loss.term]], in place of `loss`
  std::string sample_weight;                 // array or column of the data; empty: all count alike
  TeacherSettings teacher;
  PenaltySettings penalty;
  ComponentSettings optimizer{"adamw", {}};
  std::vector<OptimizerGroupSettings> groups;
  ScheduleSettings schedule;
  ClipSettings clip;
  TrainSettings train;
  std::vector<StageSettings> stages;
  ScalerSettings scaler;
  AverageSettings average;
  MetricSettings metrics;
  CheckpointSettings checkpoint;
  LogSettings log;
  std::vector<CompareRunSettings> compare;
  AdversarialRecipe adversarial;

  // Where each written key came from: "data.batch_size" -> "digits.toml:7",
  // "TEMPER_DATA_BATCH_SIZE", "command line".
  std::map<std::string, std::string> origins;
};

// The schedule of one of two models.
inline const ScheduleSettings& schedule_of(const AdversarialSide& side, const Recipe& recipe) {
  return side.schedule.schedule.name.empty() ? recipe.schedule : side.schedule;
}

struct RecipeSources {
  std::string file;                                // empty: none
  std::map<std::string, std::string> environment;  // TEMPER_* variables
  std::vector<std::string> overrides;              // "key=value"
  // An override that names another optimizer, loss or schedule takes back what earlier sources gave
  // the one before it, but its learning rate.
  bool replace_components = false;
};

// Reads and checks everything; component parameters are completed with defaults, relative paths of
// the file become relative to the current folder. THROWS: kInvalidArgument with file, line and key;
// kIo when the file cannot be read.
Recipe read_recipe(const RecipeSources& sources);

// Paths become absolute: for a recipe that is written to another folder.
void make_paths_absolute(Recipe& recipe);

// The whole recipe as TOML text that read_recipe() reads back to the same settings.
std::string to_toml(const Recipe& recipe);

// One line per setting with its value and origin ("default" where nothing set it).
std::string describe_settings(const Recipe& recipe);

// All dotted keys a recipe may have.
std::vector<std::string> recipe_keys();

}  // namespace temper::training
