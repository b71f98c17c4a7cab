// The keys of [average].
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kKinds[] = {"off", "ema", "swa"};
constexpr const char* kWeights[] = {"average", "last"};

KeyEffect not_swa_of_two_models() {
  KeyEffect made;
  made.always_error = true;
  made.holds = [](const Recipe& recipe, const RunFacts&) {
    return !recipe.adversarial.is_on() || recipe.average.kind != "swa";
  };
  made.told = [](const Recipe&, const RunFacts&) {
    return std::string("\"swa\" is for runs of one model; \"ema\" averages the generator");
  };
  return made;
}

}  // namespace

std::vector<RecipeKey> average_keys() {
  return {
      key(
          "average.kind",
          "an average of the weights beside them: \"ema\" (exponential, get_ema_multi_avg_fn) or "
          "\"swa\" (equal shares, get_swa_multi_avg_fn)",
          [](Recipe& r) -> auto& { return r.average.kind; }, one_of<kKinds, 3>)
          .when(not_swa_of_two_models()),
      key(
          "average.decay", "of ema: the share of the average that stays in each update",
          [](Recipe& r) -> auto& { return r.average.decay; }, share)
          .when(with_value("average.kind", {"ema"})),
      key("average.warmup", "of ema: decay is at most (1 + n) / (10 + n) in update n",
          [](Recipe& r) -> auto& { return r.average.warmup; })
          .when(with_value("average.kind", {"ema"})),
      key("average.start",
          "when averaging begins: \"500 steps\", \"2 epochs\", \"75%\"; empty: ema at once, swa at "
          "75%",
          [](Recipe& r) -> auto& { return r.average.start; })
          .when(with_value("average.kind", {"ema", "swa"})),
      key(
          "average.every", "steps between updates; 0: ema each step, swa each epoch",
          [](Recipe& r) -> auto& { return r.average.every; }, not_negative)
          .when(with_value("average.kind", {"ema", "swa"})),
      key("average.use_buffers",
          "average BatchNorm statistics too, instead of copying the newest (AveragedModel's "
          "use_buffers)",
          [](Recipe& r) -> auto& { return r.average.use_buffers; })
          .when(with_value("average.kind", {"ema", "swa"})),
      key("average.update_bn",
          "of swa: take BatchNorm statistics of the averaged weights from a pass over the training "
          "data before they are measured or saved (torch.optim.swa_utils.update_bn)",
          [](Recipe& r) -> auto& { return r.average.update_bn; })
          .of(Runs::kOneModel)
          .when(with_value("average.kind", {"swa"})),
      key("average.validate", "validate the averaged weights",
          [](Recipe& r) -> auto& { return r.average.validate; })
          .of(Runs::kOneModel)
          .when(all_of({with_value("average.kind", {"ema", "swa"}), with_validation()})),
      key(
          "average.export", "which weights best.onnx and last.onnx get: \"average\" or \"last\"",
          [](Recipe& r) -> auto& { return r.average.exported; }, one_of<kWeights, 2>)
          .when(with_value("average.kind", {"ema", "swa"})),
  };
}

}  // namespace temper::training
