#include "training/session/carrying.h"

#include <algorithm>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

std::string carry_key(const ModelSettings& settings) {
  const auto found = std::find_if(settings.inputs.begin(), settings.inputs.end(),
                                  [](const InputSettings& input) { return !input.carry.empty(); });
  return concat("model.input.", found->name, ".carry");
}

}  // namespace

bool carries_states(const ModelSettings& settings) {
  return std::any_of(settings.inputs.begin(), settings.inputs.end(),
                     [](const InputSettings& input) { return !input.carry.empty(); });
}

void settle_carrying(Recipe& recipe, std::vector<std::string>& notes) {
  if (!carries_states(recipe.model)) {
    return;
  }
  const std::string key = carry_key(recipe.model);
  const auto refuse = [&](bool met, const std::string& what, const std::string& why) {
    TEMPER_CHECK(!met, ErrorCode::kInvalidArgument, what, " does not go with ", key, ": ", why);
  };
  const auto origin = recipe.origins.find("data.shuffle");
  refuse(recipe.data.shuffle && origin != recipe.origins.end() && !origin->second.empty(),
         "data.shuffle = true",
         "each row of a batch goes on where that of the batch before ended; leave it out");
  refuse(recipe.data.sampling != "all", concat("data.sampling = \"", recipe.data.sampling, "\""),
         "the rows are taken in the order of time; write \"all\"");
  refuse(recipe.data.split == "random" && recipe.data.val_split > 0, "data.split = \"random\"",
         "the rows are taken in the order of time; write \"time\"");
  refuse(recipe.augment.mixes(), "augment.mixup or augment.cutmix",
         "it blends samples of different sequences; leave it out");
  refuse(!recipe.teacher.model.empty(), "loss.teacher.model",
         "the teacher would begin anew with each batch; leave it out");
  refuse(recipe.average.refreshes_statistics() && recipe.model.batchnorm != "frozen",
         "average.update_bn = true",
         "the statistics would be those of states that begin anew; write false");
  refuse(recipe.train.overfit_batches > 0, "train.overfit_batches",
         "its batches do not go on from one another; train.limit_batches takes the first of each "
         "epoch");
  if (recipe.data.window > 0 && recipe.data.stride == 0) {
    recipe.data.stride = recipe.data.window;
    notes.push_back(concat("data.stride = ", recipe.data.window,
                           " (a state goes on where the window before ended)"));
  }
  if (recipe.data.shuffle) {
    recipe.data.shuffle = false;
    notes.push_back(concat("data.shuffle = false (", key, " takes the rows in the order of time)"));
  }
}

Recipe without_carrying(Recipe recipe) {
  for (InputSettings& input : recipe.model.inputs) {
    input.carry.clear();
  }
  return recipe;
}

}  // namespace temper::training
