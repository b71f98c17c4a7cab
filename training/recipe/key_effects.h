// Which runs take a key and when it has an effect: what a key's row says of it, and the check that
// no setting is accepted and ignored.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "training/recipe/recipe.h"

namespace temper::training {

// Which runs take a key.
enum class Runs { kBoth, kOneModel, kTwoModels };
// For people: "one model", ...
std::string_view to_string(Runs runs);

// What is known of a run beside its recipe.
struct RunFacts {
  std::string data_format;  // of data.train, as data.format names it; empty: not known
};

// When a key has an effect.
struct KeyEffect {
  std::string when;  // "average.kind = \"ema\""; empty: nothing that the reference page would say
  std::vector<std::string> decided_by;  // the keys that it is said with
  std::function<bool(const Recipe&, const RunFacts&)> holds;
  // Whether a setting without effect is an error whatever else is written, or a note.
  bool always_error = false;
  bool always_note = false;
  // Instead of what `when` says: what to tell after "KEY has no effect: ".
  std::function<std::string(const Recipe&, const RunFacts&)> told = {};
};

// The key, a text, is one of these.
KeyEffect with_value(const std::string& key, const std::vector<std::string>& values);
// It is none of these.
KeyEffect without_value(const std::string& key, const std::vector<std::string>& values);
// It is a number above that.
KeyEffect with_more(const std::string& key, int than = 0);
// It is true, or a text or a list that is not empty.
KeyEffect with(const std::string& key);
// It is a text that is empty.
KeyEffect without(const std::string& key);
// The training data are of such a kind: names of data.format.
KeyEffect of_data(const std::vector<std::string>& formats);
// They are of none of these kinds.
KeyEffect of_other_data(const std::vector<std::string>& formats);
// There is something to validate on.
KeyEffect with_validation();
KeyEffect any_of(const std::vector<KeyEffect>& effects);
KeyEffect all_of(const std::vector<KeyEffect>& effects);

// Each setting that somebody wrote, with another value than the default, must have an effect in a
// run of this recipe. What a switch turned off (average.decay beside average.kind = "off", the
// latter written) is told in the notes returned, as is what measures a validation that there is
// not; without a word about the switch it is an error, as is what belongs to other runs or other
// data. THROWS: kInvalidArgument with key, why, and what to type.
std::vector<std::string> check_effects(const Recipe& recipe, const RunFacts& facts);

// The part of it that needs no run: nothing of two models stands in a recipe of one.
void check_single_model(const Recipe& recipe);

}  // namespace temper::training
