// The keys of a recipe that trains two models against each other: [models.generator],
// [models.discriminator], [optimizer.generator], [optimizer.discriminator] and [adversarial].
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kDistributions[] = {"normal", "uniform"};

std::string grid_size(const RecipeValue& value) {
  const std::int64_t side = std::get<std::int64_t>(value);
  return side >= 1 && side <= 32 ? "" : "must be from 1 to 32";
}

}  // namespace

std::vector<RecipeKey> adversarial_keys() {
  std::vector<RecipeKey> keys = {
      key(
          "models.generator.path", "the ONNX file that makes samples of noise",
          [](Recipe& r) -> auto& { return r.adversarial.generator; }, nullptr, true),
      key(
          "models.discriminator.path", "the ONNX file that scores samples",
          [](Recipe& r) -> auto& { return r.adversarial.discriminator; }, nullptr, true),
      key("optimizer.generator.name", "which optimizer; its parameters beside it",
          [](Recipe& r) -> auto& { return r.adversarial.generator_optimizer.name; }),
      key("optimizer.discriminator.name", "which optimizer; its parameters beside it",
          [](Recipe& r) -> auto& { return r.adversarial.discriminator_optimizer.name; }),
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
          [](Recipe& r) -> auto& { return r.adversarial.samples_every; }, not_negative),
      key(
          "adversarial.sample_grid", "samples along each side of such a picture",
          [](Recipe& r) -> auto& { return r.adversarial.sample_grid; }, grid_size),
  };
  for (RecipeKey& made : keys) {
    made.applies = [](const Recipe& recipe) { return recipe.adversarial.is_on(); };
  }
  return keys;
}

}  // namespace temper::training
