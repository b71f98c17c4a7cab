// The keys of a recipe that trains two models against each other: [adversarial], and of each model
// [models.NAME], [optimizer.NAME], [clip.NAME] and [schedule.NAME].
#include <iterator>

#include "training/recipe/key_field.h"
#include "training/recipe/recipe_sources.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

constexpr const char* kDistributions[] = {"normal", "uniform"};

std::string grid_size(const RecipeValue& value) {
  const std::int64_t side = std::get<std::int64_t>(value);
  return side >= 1 && side <= 32 ? "" : "must be from 1 to 32";
}

ClipSettings& generator_clip(Recipe& r) { return r.adversarial.generator.clip; }
ClipSettings& discriminator_clip(Recipe& r) { return r.adversarial.discriminator.clip; }
ScheduleSettings& generator_schedule(Recipe& r) { return r.adversarial.generator.schedule; }
ScheduleSettings& discriminator_schedule(Recipe& r) { return r.adversarial.discriminator.schedule; }

// Whether a model has a schedule of its own; the keys of one it has not are not written.
template <AdversarialSide AdversarialSettings::* kSide>
bool has_own_schedule(const Recipe& recipe) {
  return recipe.adversarial.is_on() && !(recipe.adversarial.*kSide).schedule.schedule.name.empty();
}

// A schedule of its own needs its name, and no part that only [schedule] can have.
void check_schedule(const Recipe& recipe, const std::string& table,
                    const ScheduleSettings& schedule) {
  for (const auto& [key, origin] : recipe.origins) {
    if (!key.starts_with(table) || origin.empty()) {
      continue;
    }
    if (schedule.schedule.name.empty()) {
      fail_at(origin, concat(key, " is given, but ", table, "name is not"));
    }
    if (schedule.schedule.name == kSequenceSchedule) {
      fail_at(origin, concat(table, "name is \"sequence\", which only [schedule] can be"));
    }
  }
}

}  // namespace

void complete_adversarial(Recipe& recipe) {
  check_single_model(recipe);
  if (!recipe.adversarial.is_on()) {
    return;
  }
  for (const char* table : {"clip.generator", "clip.discriminator"}) {
    for (const RecipeKey& common : clip_keys()) {
      const RecipeKey* own =
          find_recipe_key(table + common.name.substr(std::string("clip").size()));
      const auto origin = recipe.origins.find(own->name);
      if (origin == recipe.origins.end() || origin->second.empty()) {
        own->set(recipe, common.get(recipe));
      }
    }
  }
  check_schedule(recipe, "schedule.generator.", recipe.adversarial.generator.schedule);
  check_schedule(recipe, "schedule.discriminator.", recipe.adversarial.discriminator.schedule);
}

std::vector<RecipeKey> adversarial_keys() {
  std::vector<RecipeKey> keys = {
      key(
          "models.generator.path", "the ONNX file that makes samples of noise",
          [](Recipe& r) -> auto& { return r.adversarial.generator.model; }, nullptr, true)
          .on_resume(ResumeRule::kContent),
      key(
          "models.discriminator.path", "the ONNX file that scores samples",
          [](Recipe& r) -> auto& { return r.adversarial.discriminator.model; }, nullptr, true)
          .on_resume(ResumeRule::kContent),
      key("optimizer.generator.name", "which optimizer; its parameters beside it",
          [](Recipe& r) -> auto& { return r.adversarial.generator.optimizer.name; }),
      key("optimizer.discriminator.name", "which optimizer; its parameters beside it",
          [](Recipe& r) -> auto& { return r.adversarial.discriminator.optimizer.name; }),
      key("adversarial.loss", "which adversarial loss",
          [](Recipe& r) -> auto& { return r.adversarial.loss.name; }),
      key(
          "adversarial.ratio", "discriminator steps per generator step",
          [](Recipe& r) -> auto& { return r.adversarial.ratio; }, positive),
      key("adversarial.latent",
          "the generator's input that takes noise; empty: the one that is no discriminator input",
          [](Recipe& r) -> auto& { return r.adversarial.latent; }),
      key(
          "adversarial.distribution", "of the noise: \"normal\" or \"uniform\" (-1 to 1)",
          [](Recipe& r) -> auto& { return r.adversarial.distribution; }, one_of<kDistributions, 2>),
      key(
          "adversarial.latent_size", "size of the noise where the file leaves it open",
          [](Recipe& r) -> auto& { return r.adversarial.latent_size; }, not_negative),
      key(
          "adversarial.samples_every", "generator steps between pictures of samples; 0: at the end",
          [](Recipe& r) -> auto& { return r.adversarial.samples_every; }, not_negative)
          .on_resume(ResumeRule::kFree),
      key(
          "adversarial.sample_grid", "samples along each side of such a picture",
          [](Recipe& r) -> auto& { return r.adversarial.sample_grid; }, grid_size)
          .on_resume(ResumeRule::kFree),
  };
  for (std::vector<RecipeKey> more :
       {clip_keys_at("clip.generator", generator_clip),
        clip_keys_at("clip.discriminator", discriminator_clip),
        schedule_keys_at("schedule.generator", generator_schedule),
        schedule_keys_at("schedule.discriminator", discriminator_schedule)}) {
    std::move(more.begin(), more.end(), std::back_inserter(keys));
  }
  for (RecipeKey& made : keys) {
    made.runs = Runs::kTwoModels;
    made.applies = [](const Recipe& recipe) { return recipe.adversarial.is_on(); };
    if (made.name.starts_with("schedule.generator.")) {
      made.applies = has_own_schedule<&AdversarialSettings::generator>;
    } else if (made.name.starts_with("schedule.discriminator.")) {
      made.applies = has_own_schedule<&AdversarialSettings::discriminator>;
    }
  }
  return keys;
}

}  // namespace temper::training
