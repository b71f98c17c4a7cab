// The keys of [clip].
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

std::string norm_type(const RecipeValue& value) {
  return std::get<double>(value) > 0 ? "" : "must be 1, 2, inf or another positive number";
}

std::string positive_number(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return std::isfinite(number) && number > 0 ? "" : "must be positive and finite";
}

}  // namespace

std::vector<RecipeKey> clip_keys() {
  return {
      key(
          "clip.norm", "largest global gradient norm; 0: no clipping",
          [](Recipe& r) -> auto& { return r.clip.norm; }, not_negative),
      key(
          "clip.tensor_norm", "largest gradient norm of each tensor by itself; 0: no clipping",
          [](Recipe& r) -> auto& { return r.clip.tensor_norm; }, not_negative),
      key(
          "clip.norm_type", "which norm, of every kind of clipping: 1, 2, inf or any other p",
          [](Recipe& r) -> auto& { return r.clip.norm_type; }, norm_type),
      key(
          "clip.value", "largest magnitude of a gradient's element, before any norm; 0: none",
          [](Recipe& r) -> auto& { return r.clip.value; }, not_negative),
      key(
          "clip.agc",
          "adaptive clipping (AGC): largest gradient norm of each unit, a row of a weight, over "
          "the "
          "norm of its weights; 0.01 is usual; 0: none",
          [](Recipe& r) -> auto& { return r.clip.agc; }, not_negative),
      key(
          "clip.agc_eps", "AGC takes no unit's weights as smaller than this",
          [](Recipe& r) -> auto& { return r.clip.agc_eps; }, positive_number),
      key("clip.agc_exclude", "patterns of tensors that AGC leaves alone; usual: the last layer's",
          [](Recipe& r) -> auto& { return r.clip.agc_exclude; }),
  };
}

}  // namespace temper::training
