// The keys of [average].
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kKinds[] = {"off", "ema", "swa"};
constexpr const char* kWeights[] = {"average", "last"};

}  // namespace

std::vector<RecipeKey> average_keys() {
  return {
      key(
          "average.kind",
          "an average of the weights beside them: \"ema\" (exponential, get_ema_multi_avg_fn) or "
          "\"swa\" (equal shares, get_swa_multi_avg_fn)",
          [](Recipe& r) -> auto& { return r.average.kind; }, one_of<kKinds, 3>),
      key(
          "average.decay", "of ema: the share of the average that stays in each update",
          [](Recipe& r) -> auto& { return r.average.decay; }, share),
      key("average.warmup", "of ema: decay is at most (1 + n) / (10 + n) in update n",
          [](Recipe& r) -> auto& { return r.average.warmup; }),
      key("average.start",
          "when averaging begins: \"500 steps\", \"2 epochs\", \"75%\"; empty: ema at once, swa at "
          "75%",
          [](Recipe& r) -> auto& { return r.average.start; }),
      key(
          "average.every", "steps between updates; 0: ema each step, swa each epoch",
          [](Recipe& r) -> auto& { return r.average.every; }, not_negative),
      key("average.use_buffers",
          "average BatchNorm statistics too, instead of copying the newest (AveragedModel's "
          "use_buffers)",
          [](Recipe& r) -> auto& { return r.average.use_buffers; }),
      key("average.update_bn",
          "of swa: take BatchNorm statistics of the averaged weights from a pass over the training "
          "data before they are measured or saved (torch.optim.swa_utils.update_bn)",
          [](Recipe& r) -> auto& { return r.average.update_bn; }),
      key("average.validate", "validate the averaged weights",
          [](Recipe& r) -> auto& { return r.average.validate; }),
      key(
          "average.export", "which weights best.onnx and last.onnx get: \"average\" or \"last\"",
          [](Recipe& r) -> auto& { return r.average.exported; }, one_of<kWeights, 2>),
  };
}

}  // namespace temper::training
