// Recipes from TOML, environment and command line. The only user of toml++.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>

#include <toml++/toml.h>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "training/recipe/recipe.h"
#include "training/recipe/recipe_keys.h"

namespace temper::training {
namespace {

struct Assignment {
  std::string key;
  RecipeValue value;
  std::string origin;
  std::string folder;  // of the recipe file; empty for other sources
};

[[noreturn]] void bad(const std::string& origin, const std::string& text) {
  fail(ErrorCode::kInvalidArgument, origin.empty() ? "" : origin + ": ", text);
}

std::optional<RecipeValue> to_value(const toml::node& node) {
  if (const auto* v = node.as_boolean()) {
    return v->get();
  }
  if (const auto* v = node.as_integer()) {
    return v->get();
  }
  if (const auto* v = node.as_floating_point()) {
    return v->get();
  }
  if (const auto* v = node.as_string()) {
    return v->get();
  }
  const toml::array* list = node.as_array();
  if (list == nullptr) {
    return std::nullopt;
  }
  std::vector<std::string> texts;
  std::vector<double> numbers;
  std::vector<std::int64_t> integers;
  for (const toml::node& element : *list) {
    if (const auto* text = element.as_string()) {
      texts.push_back(text->get());
    } else if (const auto* integer = element.as_integer()) {
      integers.push_back(integer->get());
      numbers.push_back(static_cast<double>(integer->get()));
    } else if (const auto* number = element.as_floating_point()) {
      numbers.push_back(number->get());
    } else {
      return std::nullopt;
    }
  }
  if (texts.size() == list->size() && !texts.empty()) {
    return texts;
  }
  if (integers.size() == list->size() && !integers.empty()) {
    return integers;
  }
  return texts.empty() ? std::optional<RecipeValue>(numbers) : std::nullopt;
}

std::string at(const std::string& file, const toml::node& node) {
  return concat(file, ":", static_cast<long long>(node.source().begin.line));
}

class RecipeReader {
 public:
  explicit RecipeReader(const RecipeSources& sources) : sources_(sources) {}

  Recipe read() {
    if (!sources_.file.empty()) {
      read_file();
    }
    for (const auto& [name, text] : sources_.environment) {
      read_environment(name, text);
    }
    for (const std::string& text : sources_.overrides) {
      read_override(text);
      if (sources_.replace_components) {
        take_back(Assignment(assignments_.back()));
      }
    }
    for (const Assignment& assignment : assignments_) {
      apply(assignment);
    }
    complete_components();
    complete_entries();
    return std::move(recipe_);
  }

 private:
  void read_file() {
    constexpr std::size_t kLimit = 1 << 20;  // the parser recurses on long dotted keys
    const std::string text = read_file_text(sources_.file, kLimit);
    toml::table table;
    try {
      table = toml::parse(std::string_view(text), std::string_view(sources_.file));
    } catch (const toml::parse_error& error) {
      bad(concat(sources_.file, ":", static_cast<long long>(error.source().begin.line), ":",
                 static_cast<long long>(error.source().begin.column)),
          std::string(error.description()));
    }
    walk(table, "");
  }

  static std::string read_file_text(const std::string& path, std::size_t limit) {
    const auto bytes = read_file_bytes(path, limit);
    const std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::size_t line = 0;
    for (const char c : text) {
      line = c == '\n' ? 0 : line + 1;
      TEMPER_CHECK(line < 65536, ErrorCode::kInvalidArgument, path,
                   ": a line is longer than 65,536 bytes");
    }
    return text;
  }

  static std::vector<std::byte> read_file_bytes(const std::string& path, std::size_t limit) {
    return temper::read_file(path, limit);
  }

  void walk(const toml::table& table, const std::string& prefix) {
    const std::string folder = std::filesystem::path(sources_.file).parent_path().string();
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      const auto repeated = std::find_if(repeated_tables().begin(), repeated_tables().end(),
                                         [&](const auto& entry) { return entry.name == key; });
      if (repeated != repeated_tables().end()) {
        read_entries(*repeated, node, folder);
      } else if (const auto* inner = node.as_table()) {
        walk(*inner, key + ".");
      } else if (const auto value = to_value(node)) {
        assignments_.push_back({key, *value, at(sources_.file, node), folder});
      } else {
        bad(at(sources_.file, node), concat(key, " has a value of a kind no setting takes"));
      }
    }
  }

  void read_entries(const RepeatedTable& table, const toml::node& node, const std::string& folder) {
    const toml::array* list = node.as_array();
    if (list == nullptr) {
      bad(at(sources_.file, node), concat("write it as [[", table.name, "]]"));
    }
    for (const toml::node& element : *list) {
      const toml::table* entry = element.as_table();
      if (entry == nullptr) {
        bad(at(sources_.file, element), concat("write it as [[", table.name, "]]"));
      }
      table.append(recipe_);
      std::vector<Assignment> parameters;
      for (const auto& [name, value] : *entry) {
        read_entry_key(table, std::string(name.str()), value, folder, parameters);
      }
      for (const RepeatedKey& key : table.keys) {
        if (key.required && entry->get(key.name) == nullptr) {
          bad(at(sources_.file, element),
              concat("[[", table.name, "]] needs ", key.name, " (", key.help, ")"));
        }
      }
      if (table.component != nullptr) {
        ComponentSettings& settings = table.component(recipe_, table.count(recipe_) - 1);
        try {
          complete_component(component_table(table.component_table), settings, parameters);
        } catch (const Error& error) {
          bad(at(sources_.file, element), error.message());
        }
      }
    }
    recipe_.origins[table.name] = at(sources_.file, node);
  }

  void read_entry_key(const RepeatedTable& table, const std::string& name, const toml::node& node,
                      const std::string& folder, std::vector<Assignment>& parameters) {
    const std::string origin = at(sources_.file, node);
    std::vector<std::string> names;
    for (const RepeatedKey& key : table.keys) {
      names.push_back(key.name);
      if (key.name != name) {
        continue;
      }
      const auto value = to_value(node);
      if (!value) {
        bad(origin, concat(table.name, ".", name, " must be ", key.type));
      }
      try {
        key.set(recipe_, table.count(recipe_) - 1,
                resolve_path({name, *value, origin, folder}, key.is_path));
      } catch (const Error& error) {
        bad(origin, concat(table.name, ".", name, " ", error.message()));
      }
      return;
    }
    const auto value = to_value(node);
    if (table.component != nullptr && value) {
      parameters.push_back({concat(table.component_table, ".", name), *value, origin, folder});
      return;
    }
    if (table.parameters != nullptr) {
      if (!value) {
        bad(origin, concat(table.name, ".", name, " has a value of a kind no parameter takes"));
      }
      entry_parameters_.push_back({&table, table.count(recipe_) - 1, {name, *value, origin, {}}});
      return;
    }
    const std::string hint = nearest(name, names);
    bad(origin, concat(table.name, ".", name, " is not a setting (there are ", join(names, ", "),
                       ")", hint.empty() ? "" : concat("; did you mean ", hint, "?")));
  }

  static RecipeValue parse_text(const std::string& text, const std::string& origin) {
    if (text.find_first_of("\r\n") != std::string::npos) {
      bad(origin, "a value may not hold a line break");
    }
    try {
      const toml::table table = toml::parse(std::string_view("v = " + text));
      if (const auto value = to_value(*table.get("v"))) {
        return *value;
      }
    } catch (const toml::parse_error&) {
      // Not TOML: a bare string such as adamw or 5%.
    }
    return text;
  }

  void read_environment(const std::string& name, const std::string& text) {
    for (std::string table : {"MODELS_GENERATOR", "MODELS_DISCRIMINATOR", "OPTIMIZER_GENERATOR",
                              "OPTIMIZER_DISCRIMINATOR", "MODEL", "DATA", "LOSS", "OPTIMIZER",
                              "SCHEDULE", "CLIP", "TRAIN", "CHECKPOINT", "LOG", "ADVERSARIAL"}) {
      const std::string prefix = concat("TEMPER_", table, "_");
      if (!name.starts_with(prefix)) {
        continue;
      }
      std::replace(table.begin(), table.end(), '_', '.');
      std::string key = concat(table, ".", name.substr(prefix.size()));
      std::transform(key.begin(), key.end(), key.begin(),
                     [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      // Parameters such as T_max are not lower case: take the component's own spelling.
      assignments_.push_back({key, parse_text(text, name), name, {}});
      return;
    }
  }

  void read_override(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      bad("command line", concat("'", text, "' is not key=value"));
    }
    assignments_.push_back(
        {text.substr(0, equals), parse_text(text.substr(equals + 1), text), "command line", {}});
  }

  // The parameters of the component that `naming`, the last assignment, replaces.
  void take_back(const Assignment& naming) {
    const ComponentTable* table = component_of(naming.key);
    const auto* name = std::get_if<std::string>(&naming.value);
    if (table == nullptr || name == nullptr || naming.key != table->name + ".name") {
      return;
    }
    std::string before = table->settings(recipe_).name;
    for (std::size_t i = 0; i + 1 < assignments_.size(); ++i) {
      const auto* earlier = std::get_if<std::string>(&assignments_[i].value);
      before = assignments_[i].key == naming.key && earlier != nullptr ? *earlier : before;
    }
    if (before == *name) {
      return;
    }
    const std::string prefix = table->name + ".";
    std::erase_if(assignments_, [&](const Assignment& assignment) {
      return assignment.key.starts_with(prefix) && assignment.key != prefix + "lr" &&
             find_recipe_key(assignment.key) == nullptr;
    });
  }

  static const ComponentTable* component_of(const std::string& key) {
    for (const ComponentTable& table : component_tables()) {
      if (key.starts_with(table.name + ".")) {
        return &table;
      }
    }
    return nullptr;
  }

  void apply(const Assignment& assignment) {
    recipe_.origins[assignment.key] = assignment.origin;
    if (const RecipeKey* known = find_recipe_key(assignment.key)) {
      try {
        known->set(recipe_, resolve_path(assignment, known->is_path));
      } catch (const Error& error) {
        bad(assignment.origin, concat(assignment.key, " ", error.message()));
      }
      recipe_.data.batch_size_given =
          recipe_.data.batch_size_given || known->name == "data.batch_size";
      return;
    }
    const ComponentTable* table = component_of(assignment.key);
    if (table == nullptr) {
      const std::string hint = nearest(assignment.key, recipe_keys());
      bad(assignment.origin, concat("unknown key ", assignment.key,
                                    hint.empty() ? " (temper train --help lists the keys)"
                                                 : concat("; did you mean ", hint, "?")));
    }
    parameters_[table->name].push_back(assignment);
  }

  static RecipeValue resolve_path(const Assignment& assignment, bool is_path) {
    const auto* path = std::get_if<std::string>(&assignment.value);
    if (!is_path || path == nullptr || path->empty() || assignment.folder.empty() ||
        path->front() == '/') {
      return assignment.value;
    }
    return (std::filesystem::path(assignment.folder) / *path).lexically_normal().string();
  }

  // A recipe that lists phases is a sequence.
  void name_sequence() {
    std::string& name = recipe_.schedule.schedule.name;
    const std::string origin = recipe_.origins["schedule.name"];
    if (!recipe_.schedule.phases.empty() && name != kSequenceSchedule) {
      if (!origin.empty()) {
        bad(origin, concat("schedule.name is \"", name,
                           "\", but the recipe has [[schedule.phase]] tables too: leave one out"));
      }
      name = kSequenceSchedule;
    }
    if (name == kSequenceSchedule && recipe_.schedule.phases.empty()) {
      bad(origin, "schedule.name is \"sequence\", which needs [[schedule.phase]] tables");
    }
  }

  // Component parameters need the component's final name, so they come last.
  void complete_components() {
    name_sequence();
    for (const ComponentTable& table : component_tables()) {
      ComponentSettings& settings = table.settings(recipe_);
      if (settings.name.empty()) {
        TEMPER_CHECK(parameters_[table.name].empty(), ErrorCode::kInvalidArgument,
                     parameters_[table.name].front().origin, ": ",
                     parameters_[table.name].front().key, " is given, but ", table.name,
                     ".name is not");
        continue;
      }
      const std::string name_origin = recipe_.origins[table.name_key];
      try {
        complete_component(table, settings, parameters_[table.name]);
      } catch (Error& error) {
        if (!name_origin.empty() && error.message().starts_with("unknown ")) {
          bad(name_origin, error.message());
        }
        throw;
      }
    }
    std::erase_if(recipe_.origins, [](const auto& entry) { return entry.second.empty(); });
  }

  // A value as the parameter's type. THROWS: kInvalidArgument, also when there is no such
  // parameter.
  static AttrValue typed_parameter(const std::string& table, const std::string& component,
                                   const std::vector<ParameterSpec>& specs, const std::string& name,
                                   const RecipeValue& value) {
    const bool is_bool = std::any_of(specs.begin(), specs.end(), [&](const ParameterSpec& spec) {
      return spec.name == name && spec.is_bool;
    });
    Attrs one;
    std::visit(
        [&]<class T>(const T& v) {
          if constexpr (!std::is_same_v<T, bool>) {
            one.set(name, AttrValue(v));
          } else if (is_bool) {
            one.set(name, std::int64_t{v});
          } else {
            one.set(name, std::string(v ? "true" : "false"));
          }
        },
        value);
    return *complete_parameters(table, component, specs, one).find(name);
  }

  // Which parameters an entry may give depends on the final name of its component.
  void complete_entries() {
    for (const EntryParameter& entry : entry_parameters_) {
      const RepeatedTable& table = *entry.table;
      const Assignment& assignment = entry.assignment;
      try {
        const auto specs = table.parameters(recipe_, entry.index);
        table.given(recipe_, entry.index)
            .set(assignment.key, typed_parameter(table.name, concat("[[", table.name, "]]"), specs,
                                                 assignment.key, assignment.value));
      } catch (const Error& error) {
        bad(assignment.origin, error.message());
      }
    }
  }

  static void complete_component(const ComponentTable& table, ComponentSettings& settings,
                                 const std::vector<Assignment>& parameters) {
    const std::vector<ParameterSpec> specs = table.parameters(settings.name);
    settings.parameters = complete_parameters(table.name, settings.name, specs, {});
    for (const Assignment& assignment : parameters) {
      std::string name = assignment.key.substr(table.name.size() + 1);
      const auto spec = std::find_if(specs.begin(), specs.end(), [&](const ParameterSpec& s) {
        return std::equal(s.name.begin(), s.name.end(), name.begin(), name.end(),
                          [](char a, char b) {
                            return std::tolower(static_cast<unsigned char>(a)) ==
                                   std::tolower(static_cast<unsigned char>(b));
                          });
      });
      if (spec != specs.end() && assignment.origin.starts_with("TEMPER_")) {
        name = spec->name;
      }
      try {
        settings.parameters.set(
            name, typed_parameter(table.name, settings.name, specs, name, assignment.value));
      } catch (const Error& error) {
        bad(assignment.origin, error.message());
      }
    }
    const std::string problem = table.check == nullptr ? "" : table.check(settings);
    TEMPER_CHECK(problem.empty(), ErrorCode::kInvalidArgument, table.name, " ", settings.name, " ",
                 problem);
  }

  struct EntryParameter {
    const RepeatedTable* table;
    std::size_t index;
    Assignment assignment;
  };

  const RecipeSources& sources_;
  std::vector<Assignment> assignments_;
  std::vector<EntryParameter> entry_parameters_;
  std::map<std::string, std::vector<Assignment>> parameters_;
  Recipe recipe_;
};

}  // namespace

Recipe read_recipe(const RecipeSources& sources) { return RecipeReader(sources).read(); }

}  // namespace temper::training
