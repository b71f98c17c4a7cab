// A recipe: every setting of a run. Read from TOML, then environment (TEMPER_<TABLE>_<KEY>), then
// key=value overrides; each value remembers where it came from. Unknown keys are errors that name
// the nearest known one.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "training/settings/adversarial_settings.h"
#include "training/settings/augment_settings.h"
#include "training/settings/average_settings.h"
#include "training/settings/checkpoint_settings.h"
#include "training/settings/clip_settings.h"
#include "training/settings/compare_settings.h"
#include "training/settings/component.h"
#include "training/settings/data_settings.h"
#include "training/settings/log_settings.h"
#include "training/settings/loss_settings.h"
#include "training/settings/metric_settings.h"
#include "training/settings/model_settings.h"
#include "training/settings/optimizer_settings.h"
#include "training/settings/quantize_settings.h"
#include "training/settings/scaler_settings.h"
#include "training/settings/schedule_settings.h"
#include "training/settings/stage_settings.h"
#include "training/settings/train_settings.h"

namespace temper::training {

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
  QuantizeSettings quantize;
  MetricSettings metrics;
  CheckpointSettings checkpoint;
  LogSettings log;
  std::vector<CompareRunSettings> compare;
  AdversarialSettings adversarial;

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
