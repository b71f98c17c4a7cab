// The table of a recipe's fixed keys: name, help, type and the field behind it. Reading, writing
// and describing a recipe all walk this one table. Private to training/.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "training/recipe/key_effects.h"
#include "training/recipe/recipe.h"

namespace temper::training {

// A value as written: TOML's types, lists of one type only.
using RecipeValue = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>,
                                 std::vector<double>, std::vector<std::int64_t>>;

// Which settings a run that is resumed may have other than it began with.
enum class ResumeRule {
  kSame,     // it decides the numbers of coming steps
  kFree,     // it decides none, or none that stay
  kLength,   // how long the run is
  kContent,  // a file that may be elsewhere: what is in it counts
  kThreads,  // what it comes to counts
};

struct RecipeKey {
  std::string name;  // "data.batch_size"
  std::string help;
  std::string type;  // for messages: "an integer"
  bool is_text = false;
  bool is_text_list = false;
  bool is_path = false;  // relative to the recipe file
  // THROWS: kInvalidArgument (without the origin, which the caller adds).
  std::function<void(Recipe&, const RecipeValue&)> set;
  std::function<RecipeValue(const Recipe&)> get;
  // Whether it means anything in a recipe of this kind, and so is written; null: always.
  bool (*applies)(const Recipe&) = nullptr;
  ResumeRule resume = ResumeRule::kSame;
  Runs runs = Runs::kBoth;
  KeyEffect effect;  // without `holds`: always

  // For the rows of the table: key(...).of(Runs::kOneModel).when(with("data.val")).
  RecipeKey of(Runs which) &&;
  RecipeKey on_resume(ResumeRule rule) &&;
  RecipeKey when(KeyEffect given) &&;
};

const std::vector<RecipeKey>& recipe_key_table();
const RecipeKey* find_recipe_key(std::string_view name);

// A table that keys, parameters of components or the entries of a repeated table stand in: "data",
// "optimizer.generator", "loss.term".
struct RecipeTable {
  std::string name;
  std::string help;       // a line: what its keys are about
  bool repeated = false;  // [[name]]
  bool named = false;     // [name.NAME]
};
const std::vector<RecipeTable>& recipe_tables();
std::vector<std::string> recipe_table_names();

// The tables whose further keys are parameters of the component named in them: "loss", "optimizer",
// "schedule".
struct ComponentTable {
  std::string name;
  std::string name_key;  // the key that names the component: "loss.name"
  ComponentSettings& (*settings)(Recipe&);
  std::vector<ParameterSpec> (*parameters)(const std::string& component);
  // What is wrong with all parameters together, or empty. May be null.
  std::string (*check)(const ComponentSettings& settings) = nullptr;
};
const std::vector<ComponentTable>& component_tables();

// A table that may be written several times: [[optimizer.group]]. Its entries are numbered as
// written; command line and environment cannot add any. Where entries have names, they are written
// [model.input.NAME], and the command line says model.input.NAME.KEY: the name is all that stands
// between, dots included. What is said of one name at several places is one entry.
struct RepeatedKey {
  std::string name;  // "match"
  std::string help;
  std::string type;
  bool required = false;
  bool is_path = false;
  // THROWS: kInvalidArgument (without the origin, which the caller adds).
  std::function<void(Recipe&, std::size_t entry, const RecipeValue&)> set;
  // Nothing where the entry does not say it.
  std::function<std::optional<RecipeValue>(const Recipe&, std::size_t entry)> get;
};
struct RepeatedTable {
  std::string name;  // "optimizer.group"
  std::string help;
  std::vector<RepeatedKey> keys;
  std::size_t (*count)(const Recipe&);
  void (*append)(Recipe&);
  Runs runs = Runs::kBoth;
  // Where further keys of an entry are parameters of a component, its own ([[schedule.phase]]) or
  // one named elsewhere ([[optimizer.group]]): what they are, in words; which ones, asked when the
  // rest of the recipe is read; where the entry keeps them. Null: no further keys.
  std::string parameters_help = {};
  std::vector<ParameterSpec> (*parameters)(const Recipe&, std::size_t entry) = nullptr;
  Attrs& (*given)(Recipe&, std::size_t entry) = nullptr;
  bool completed = false;  // what an entry leaves out gets its default
  // What is wrong with all parameters together, or empty. May be null.
  std::string (*check)(const Recipe&, std::size_t entry) = nullptr;
  // The name of an entry; null: entries have none.
  std::string& (*entry_name)(Recipe&, std::size_t entry) = nullptr;

  bool is_named() const { return entry_name != nullptr; }
};
const std::vector<RepeatedTable>& repeated_tables();
// How an entry is headed: [[optimizer.group]], [model.input."h0"].
std::string entry_title(const RepeatedTable& table, const Recipe& recipe, std::size_t entry);
// The same of any entry, for help and messages: [model.input.NAME].
std::string entry_title(const RepeatedTable& table);

// Whether the settings of the losses go together. THROWS: kInvalidArgument with the origin.
void check_losses(const Recipe& recipe);

// Fills what [clip.NAME] leaves out from [clip], and checks the tables of two models. THROWS:
// kInvalidArgument with the origin.
void complete_adversarial(Recipe& recipe);

// As TOML: true, 3, 0.1, "text", ["a", "b"]. Of a long list further lines begin with
// kContinuedLine, as the reader takes no lines beyond a length.
inline constexpr const char* kContinuedLine = "  ";
std::string to_toml_value(const RecipeValue& value);

// A setting of a recipe with where it came from ("default" where nothing set it).
struct DescribedSetting {
  std::string key;
  std::string value;  // as TOML
  std::string origin;
};
// All of them but the entries of repeated tables.
std::vector<DescribedSetting> described_settings(const Recipe& recipe);

// The value of a component's parameter, the same way.
std::string parameter_text(const AttrValue& value, const ParameterSpec& spec);

}  // namespace temper::training
