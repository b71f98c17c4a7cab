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

bool is_set(const std::string& key, const Recipe& recipe) {
  return std::get<double>(find_recipe_key(key)->get(recipe)) > 0;
}

// One of these limits is set; in [clip], which stands for what [clip.NAME] leaves out, or of one of
// two models.
KeyEffect with_limit(const std::string& table, const std::vector<std::string>& limits) {
  std::vector<KeyEffect> any;
  for (const std::string& limit : limits) {
    any.push_back(with_more(concat(table, ".", limit)));
  }
  KeyEffect made = any_of(any);
  if (table == "clip") {
    made.holds = [any = made.holds, limits](const Recipe& recipe, const RunFacts& facts) {
      return any(recipe, facts) ||
             std::any_of(limits.begin(), limits.end(), [&](const std::string& limit) {
               return is_set("clip.generator." + limit, recipe) ||
                      is_set("clip.discriminator." + limit, recipe);
             });
    };
  }
  return made;
}

// Of two models at least one leaves the setting to [clip].
KeyEffect not_replaced(const std::string& name) {
  KeyEffect made;
  made.decided_by = {"clip.generator." + name, "clip.discriminator." + name};
  made.holds = [name](const Recipe& recipe, const RunFacts&) {
    const auto value = [&](const char* table) {
      return find_recipe_key(concat(table, ".", name))->get(recipe);
    };
    return !recipe.adversarial.is_on() || value("clip") == value("clip.generator") ||
           value("clip") == value("clip.discriminator");
  };
  made.told = [name](const Recipe&, const RunFacts&) {
    return concat("[clip.generator] and [clip.discriminator] both have ", name, " of their own");
  };
  return made;
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
          [clip](Recipe& r) -> auto& { return clip(r).norm_type; }, norm_type)
          .when(with_limit(table, {"norm", "tensor_norm", "agc"})),
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
          [clip](Recipe& r) -> auto& { return clip(r).agc_eps; }, positive_number)
          .when(with_limit(table, {"agc"})),
      key(table + ".agc_exclude",
          "patterns of tensors that AGC leaves alone; usual: the last layer's",
          [clip](Recipe& r) -> auto& { return clip(r).agc_exclude; })
          .when(with_limit(table, {"agc"})),
  };
}

std::vector<RecipeKey> clip_keys() {
  std::vector<RecipeKey> keys =
      clip_keys_at("clip", [](Recipe& r) -> ClipSettings& { return r.clip; });
  for (RecipeKey& made : keys) {
    const KeyEffect replaced = not_replaced(made.name.substr(std::string("clip.").size()));
    made.effect = made.effect.holds ? all_of({made.effect, replaced}) : replaced;
  }
  return keys;
}

}  // namespace temper::training
