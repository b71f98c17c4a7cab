// The keys of [quantize]: training with the rounding that the deployed model has.
#include "training/recipe/key_field.h"

namespace temper::training {
namespace {

constexpr const char* kActivations[] = {"uint8", "int8", "symmetric"};
constexpr const char* kCalibrations[] = {"minmax", "percentile", "entropy", "mse"};
constexpr const char* kObservers[] = {"moving", "fixed", "learned"};
constexpr const char* kExports[] = {"integers", "rounded"};

std::string known_bits(const RecipeValue& value) {
  const std::int64_t bits = std::get<std::int64_t>(value);
  return bits == 0 || bits == 4 || bits == 8 ? "" : "must be 8, 4 or 0 (off)";
}

std::string upper_percentile(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return number > 50 && number <= 100 ? "" : "must be above 50 and at most 100";
}

std::string averaging(const RecipeValue& value) {
  const double number = std::get<double>(value);
  return number > 0 && number <= 1 ? "" : "must be above 0 and at most 1";
}

KeyEffect rounds() { return with_more("quantize.bits", 0); }

KeyEffect rounds_and(const std::string& key, const char* value) {
  return all_of({rounds(), with_value(key, {value})});
}

std::vector<RecipeKey> rounding_keys() {
  return {
      key(
          "quantize.bits",
          "train with weights rounded to 8 or 4 bits and the values between layers to 8, as the "
          "exported model has them (quantisation-aware training); 0: off",
          [](Recipe& r) -> auto& { return r.quantize.bits; }, known_bits)
          .of(Runs::kOneModel),
      key(
          "quantize.activations",
          "integers of values: \"uint8\" or \"int8\" with a zero point, or \"symmetric\" (int8 "
          "around 0)",
          [](Recipe& r) -> auto& { return r.quantize.activations; }, one_of<kActivations, 3>)
          .of(Runs::kOneModel)
          .when(rounds()),
      key("quantize.per_channel", "a scale for each output of a weight; false: one for all",
          [](Recipe& r) -> auto& { return r.quantize.per_channel; })
          .of(Runs::kOneModel)
          .when(rounds()),
      key("quantize.skip", "patterns of layers that stay in floats: module paths, weights, nodes",
          [](Recipe& r) -> auto& { return r.quantize.skip; })
          .of(Runs::kOneModel)
          .when(rounds()),
      key(
          "quantize.export",
          "what best.onnx and last.onnx are: \"integers\" (stored int8 weights, for any runtime) "
          "or "
          "\"rounded\" (float weights behind their rounding, to train on)",
          [](Recipe& r) -> auto& { return r.quantize.exported; }, one_of<kExports, 2>)
          .of(Runs::kOneModel)
          .when(rounds()),
  };
}

std::vector<RecipeKey> range_keys() {
  return {
      key(
          "quantize.calibrate", "training samples that give the ranges of values before step 1",
          [](Recipe& r) -> auto& { return r.quantize.calibrate; }, positive)
          .of(Runs::kOneModel)
          .when(rounds()),
      key(
          "quantize.calibration",
          "which range of those: \"minmax\", \"percentile\", \"entropy\" or \"mse\"",
          [](Recipe& r) -> auto& { return r.quantize.calibration; }, one_of<kCalibrations, 4>)
          .of(Runs::kOneModel)
          .when(rounds()),
      key(
          "quantize.percentile", "how much of the numbers the range holds",
          [](Recipe& r) -> auto& { return r.quantize.percentile; }, upper_percentile)
          .of(Runs::kOneModel)
          .when(rounds_and("quantize.calibration", "percentile")),
      key(
          "quantize.observers",
          "ranges of values: \"moving\" averages of minimum and maximum "
          "(MovingAverageMinMaxObserver), \"fixed\" as calibrated, or \"learned\" scales of values "
          "and weights (LSQ); weights' scales follow the weights otherwise",
          [](Recipe& r) -> auto& { return r.quantize.observers; }, one_of<kObservers, 3>)
          .of(Runs::kOneModel)
          .when(rounds()),
      key(
          "quantize.averaging_constant", "how far a moving range goes towards that of each batch",
          [](Recipe& r) -> auto& { return r.quantize.averaging_constant; }, averaging)
          .of(Runs::kOneModel)
          .when(rounds_and("quantize.observers", "moving")),
      key(
          "quantize.freeze_after", "the share of the run after which moving ranges stand still",
          [](Recipe& r) -> auto& { return r.quantize.freeze_after; }, probability)
          .of(Runs::kOneModel)
          .when(rounds_and("quantize.observers", "moving")),
      key(
          "quantize.scale_lr",
          "learning rate of learned scales; 0: optimizer.lr for sgd, a hundredth of it for others",
          [](Recipe& r) -> auto& { return r.quantize.scale_lr; }, not_negative)
          .of(Runs::kOneModel)
          .when(rounds_and("quantize.observers", "learned")),
  };
}

}  // namespace

std::vector<RecipeKey> quantize_keys() {
  std::vector<RecipeKey> keys = rounding_keys();
  for (RecipeKey& each : range_keys()) {
    keys.push_back(std::move(each));
  }
  return keys;
}

}  // namespace temper::training
