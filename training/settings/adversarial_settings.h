// Two models against each other: [adversarial], and what each model has of its own.
#pragma once

#include <cstdint>
#include <string>

#include "training/settings/clip_settings.h"
#include "training/settings/component.h"
#include "training/settings/schedule_settings.h"

namespace temper::training {

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
struct AdversarialSettings {
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

}  // namespace temper::training
