// `temper verify`: whether a model is as good on data as it must be, or as its file claims.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "training/recipe/recipe.h"
#include "training/session/model_metadata.h"

namespace temper::training {

// "accuracy>=0.98"
struct MetricCondition {
  std::string metric;   // as evaluation names it: "accuracy", "top5", "loss"
  std::string compare;  // ">=", "<=", ">" or "<"
  double bound = 0;

  bool holds(double value) const;
};
// THROWS: kInvalidArgument for other text.
MetricCondition read_condition(std::string_view text);

struct VerifiedMetric {
  MetricCondition condition;
  std::optional<double> claimed;  // of the file's metadata, where the condition comes from it
  double value = 0;
  bool holds = false;
};

struct Verification {
  std::vector<VerifiedMetric> metrics;
  std::int64_t samples = 0;
  // In what arithmetic it ran, for people: "f32", "f16 weights computed in f32".
  std::string arithmetic;
  std::vector<std::string> notes;

  bool holds() const;
};

struct VerifyOptions {
  std::vector<MetricCondition> conditions;  // empty: what the file claims
  // How much worse than claimed a metric may be: so much, or of errors and losses such a share.
  double tolerance = 1e-3;
};

// Evaluates recipe.model on recipe.data.train, all rows. Where the recipe names no loss, the one
// that the file names is taken. THROWS: as Session; kInvalidArgument without conditions for a file
// that claims nothing, and for a metric that this model and data do not have.
Verification verify_model(Recipe recipe, const VerifyOptions& options);

}  // namespace temper::training
