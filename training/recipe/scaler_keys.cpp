// The keys of [scaler]: loss scaling under train.precision = "fp16".
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

std::string positive_number(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return std::isfinite(number) && number > 0 ? "" : "must be finite and above 0";
}

std::string above_one(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return std::isfinite(number) && number > 1 ? "" : "must be finite and above 1";
}

std::string below_one(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return number > 0 && number < 1 ? "" : "must be above 0 and below 1";
}

}  // namespace

std::vector<RecipeKey> scaler_keys() {
  return {
      key("scaler.dynamic", "whether the loss scale follows the gradients; false: init_scale stays",
          [](Recipe& r) -> auto& { return r.scaler.dynamic; })
          .of(Runs::kOneModel)
          .when(with_value("train.precision", {"fp16"})),
      key(
          "scaler.init_scale", "loss scale of the first step (fp16 only)",
          [](Recipe& r) -> auto& { return r.scaler.init_scale; }, positive_number)
          .of(Runs::kOneModel)
          .when(with_value("train.precision", {"fp16"})),
      key(
          "scaler.growth_factor", "times the scale after growth_interval finite steps in a row",
          [](Recipe& r) -> auto& { return r.scaler.growth_factor; }, above_one)
          .of(Runs::kOneModel)
          .when(all_of({with_value("train.precision", {"fp16"}), with("scaler.dynamic")})),
      key(
          "scaler.backoff_factor", "times the scale after a step that overflowed",
          [](Recipe& r) -> auto& { return r.scaler.backoff_factor; }, below_one)
          .of(Runs::kOneModel)
          .when(all_of({with_value("train.precision", {"fp16"}), with("scaler.dynamic")})),
      key(
          "scaler.growth_interval", "finite steps before the scale grows",
          [](Recipe& r) -> auto& { return r.scaler.growth_interval; }, positive)
          .of(Runs::kOneModel)
          .when(all_of({with_value("train.precision", {"fp16"}), with("scaler.dynamic")})),
      key(
          "scaler.min_scale",
          "the scale does not fall below it; skips there count to train.max_consecutive_skips",
          [](Recipe& r) -> auto& { return r.scaler.min_scale; }, not_negative)
          .of(Runs::kOneModel)
          .when(all_of({with_value("train.precision", {"fp16"}), with("scaler.dynamic")})),
  };
}

}  // namespace temper::training
