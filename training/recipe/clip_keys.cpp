// The keys of [clip], and of the clipping of one of two models.
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

std::vector<RecipeKey> clip_keys_at(const std::string& table, ClipSettings& (*clip)(Recipe&)) {
  return {
      key(
          table + ".norm", "largest global gradient norm; 0: no clipping",
          [clip](Recipe& r) -> auto& { return clip(r).norm; }, not_negative),
      key(
          table + ".tensor_norm", "largest gradient norm of each tensor by itself; 0: no clipping",
          [clip](Recipe& r) -> auto& { return clip(r).tensor_norm; }, not_negative),
      key(
          table + ".norm_type", "which norm, of every kind of clipping: 1, 2, inf or any other p",
          [clip](Recipe& r) -> auto& { return clip(r).norm_type; }, norm_type),
      key(
          table + ".value", "largest magnitude of a gradient's element, before any norm; 0: none",
          [clip](Recipe& r) -> auto& { return clip(r).value; }, not_negative),
      key(
          table + ".agc",
          "adaptive clipping (AGC): largest gradient norm of each unit, a row of a weight, over "
          "the "
          "norm of its weights; 0.01 is usual; 0: none",
          [clip](Recipe& r) -> auto& { return clip(r).agc; }, not_negative),
      key(
          table + ".agc_eps", "AGC takes no unit's weights as smaller than this",
          [clip](Recipe& r) -> auto& { return clip(r).agc_eps; }, positive_number),
      key(table + ".agc_exclude",
          "patterns of tensors that AGC leaves alone; usual: the last layer's",
          [clip](Recipe& r) -> auto& { return clip(r).agc_exclude; }),
  };
}

std::vector<RecipeKey> clip_keys() {
  return clip_keys_at("clip", [](Recipe& r) -> ClipSettings& { return r.clip; });
}

}  // namespace temper::training
