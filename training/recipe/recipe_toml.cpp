#include "training/recipe/recipe_toml.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include <toml++/toml.h>

#include "runtime/base/error.h"
#include "runtime/base/text_bytes.h"
#include "runtime/platform/files.h"

namespace temper::training {
namespace {

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

constexpr std::size_t kLimit = 1 << 20;  // the parser recurses on long dotted keys

std::string read_text(const std::string& path) {
  const auto bytes = read_file(path, kLimit);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void check_lines(const std::string& text, const std::string& name) {
  TEMPER_CHECK(text.size() <= kLimit, ErrorCode::kInvalidArgument, name, " has ", text.size(),
               " bytes, at most ", kLimit, " are read");
  std::size_t line = 0;
  for (const char c : text) {
    line = c == '\n' ? 0 : line + 1;
    TEMPER_CHECK(line < 65536, ErrorCode::kInvalidArgument, name,
                 ": a line is longer than 65,536 bytes");
  }
}

RecipeValue from_folder(const RecipeValue& value, const std::string& folder) {
  const auto* path = std::get_if<std::string>(&value);
  if (path == nullptr || path->empty() || folder.empty() || path->front() == '/') {
    return value;
  }
  return (std::filesystem::path(folder) / *path).lexically_normal().string();
}

// Whether a table of this name exists, or one that stands in it: [loss.teacher] in [loss].
bool leads_to_table(const std::string& name) {
  return std::any_of(recipe_tables().begin(), recipe_tables().end(), [&](const RecipeTable& table) {
    return table.name == name || table.name.starts_with(name + ".");
  });
}

// Walks a recipe file.
class FileReader {
 public:
  // `folder`: what paths are relative to; empty: they stay as they are.
  FileReader(const std::string& file, std::string folder, WrittenRecipe& out)
      : file_(file), folder_(std::move(folder)), out_(out) {}

  void read(const std::string& text) {
    check_lines(text, file_);
    toml::table table;
    try {
      table = toml::parse(std::string_view(text), std::string_view(file_));
    } catch (const toml::parse_error& error) {
      fail_at(concat(file_, ":", static_cast<long long>(error.source().begin.line), ":",
                     static_cast<long long>(error.source().begin.column)),
              std::string(error.description()));
    }
    walk(table, "");
  }

 private:
  std::string at(const toml::node& node) const { return training::at(file_, node); }

  void walk(const toml::table& table, const std::string& prefix) {
    for (const auto& [name, node] : table) {
      const std::string key = prefix + std::string(name.str());
      const auto repeated = std::find_if(repeated_tables().begin(), repeated_tables().end(),
                                         [&](const auto& entry) { return entry.name == key; });
      if (repeated != repeated_tables().end() && repeated->is_named()) {
        read_named_entries(*repeated, node, "");
      } else if (repeated != repeated_tables().end()) {
        read_entries(*repeated, node);
      } else if (const auto* inner = node.as_table()) {
        if (!leads_to_table(key)) {
          fail_at(at(node), concat("there is no table [", key, "]", table_hint(key)));
        }
        walk(*inner, key + ".");
      } else if (const auto value = to_value(node)) {
        const RecipeKey* known = find_recipe_key(key);
        const bool is_path = known != nullptr && known->is_path;
        out_.assignments.push_back(
            {key, is_path ? from_folder(*value, folder_) : *value, at(node)});
      } else if (node.is_array_of_tables()) {
        fail_at(at(node), concat("there is no table [[", key, "]]", table_hint(key)));
      } else {
        fail_at(at(node), concat(key, " has a value of a kind no setting takes"));
      }
    }
  }

  void read_entries(const RepeatedTable& table, const toml::node& node) {
    const toml::array* list = node.as_array();
    if (list == nullptr) {
      fail_at(at(node), concat("write it as [[", table.name, "]]"));
    }
    for (const toml::node& element : *list) {
      const toml::table* entry = element.as_table();
      if (entry == nullptr) {
        fail_at(at(element), concat("write it as [[", table.name, "]]"));
      }
      out_.entries.push_back(read_entry(table, *entry));
    }
  }

  WrittenEntry read_entry(const RepeatedTable& table, const toml::table& entry) {
    WrittenEntry written{&table, {}, at(entry)};
    for (const auto& [name, value_node] : entry) {
      if (!(table.is_named() && value_node.is_table())) {
        written.values.push_back(read_setting(table, std::string(name.str()), value_node));
      }
    }
    return written;
  }

  Assignment read_setting(const RepeatedTable& table, const std::string& key,
                          const toml::node& node) {
    const auto value = to_value(node);
    if (!value) {
      fail_at(at(node), concat(table.name, ".", key, " has a value of a kind no setting takes"));
    }
    const bool is_path =
        std::any_of(table.keys.begin(), table.keys.end(),
                    [&](const RepeatedKey& known) { return known.is_path && known.name == key; });
    return {key, is_path ? from_folder(*value, folder_) : *value, at(node)};
  }

  // A table in a table is part of the name: [model.input.encoder.state] is of 'encoder.state', as
  // [model.input."encoder.state"] is.
  void read_named_entries(const RepeatedTable& table, const toml::node& node,
                          const std::string& prefix) {
    const toml::table* entries = node.as_table();
    if (entries == nullptr) {
      fail_at(at(node), concat("write it as ", entry_title(table)));
    }
    for (const auto& [name, inner] : *entries) {
      const std::string full = concat(prefix, name.str());
      const toml::table* entry = inner.as_table();
      if (entry == nullptr) {
        if (prefix.empty()) {
          fail_at(at(inner), concat("write it as ", entry_title(table)));
        }
        continue;  // a setting of the table around it
      }
      WrittenEntry written = read_entry(table, *entry);
      written.name = full;
      const bool holds_tables = std::any_of(
          entry->begin(), entry->end(), [](const auto& each) { return each.second.is_table(); });
      if (!written.values.empty() || !holds_tables) {
        out_.entries.push_back(std::move(written));
      }
      read_named_entries(table, *entry, full + ".");
    }
  }

  const std::string& file_;
  std::string folder_;
  WrittenRecipe& out_;
};

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos
             ? std::string{}
             : std::string(text.substr(begin, text.find_last_not_of(" \t") + 1 - begin));
}

// Where the character of this number begins, as the parser counts columns.
std::size_t byte_of(std::string_view text, std::size_t character) {
  std::size_t at = 0;
  for (; character > 0 && at < text.size(); --character) {
    at += utf8_length(text, at);
  }
  return at;
}

// The elements of a list as they were typed; nothing where it holds lists or tables itself.
std::optional<RecipeValue> typed_elements(const toml::array& list, std::string_view text) {
  std::vector<std::string> elements;
  for (const toml::node& element : list) {
    if (const auto* quoted = element.as_string()) {
      elements.push_back(quoted->get());
      continue;
    }
    if (!element.is_value()) {
      return std::nullopt;
    }
    // Up to the comma or bracket behind it: numbers, dates and truth values hold none.
    const std::size_t begin = byte_of(text, element.source().begin.column - 1);
    const std::size_t end = std::min(text.find_first_of(",]", begin), text.size());
    elements.push_back(trimmed(text.substr(begin, end - begin)));
  }
  return RecipeValue(std::move(elements));
}

// "[cat, dog]", which TOML does not take, as a list of texts.
std::optional<RecipeValue> bare_elements(const std::string& typed) {
  const std::string text = trimmed(typed);
  if (text.size() < 2 || text.front() != '[' || text.back() != ']' ||
      text.find_first_of("\"'") != std::string::npos) {
    return std::nullopt;
  }
  std::vector<std::string> elements;
  for (std::size_t begin = 1; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size() - 1);
    elements.push_back(trimmed(std::string_view(text).substr(begin, end - begin)));
    begin = end + 1;
  }
  return RecipeValue(std::move(elements));
}

}  // namespace

void read_recipe_file(const std::string& file, WrittenRecipe& out) {
  const std::string text = read_text(file);
  FileReader(file, std::filesystem::path(file).parent_path().string(), out).read(text);
}

void read_recipe_content(const std::string& text, const std::string& name, WrittenRecipe& out) {
  FileReader(name, {}, out).read(text);
}

Assignment parse_typed(std::string key, const std::string& text, std::string origin) {
  if (text.find_first_of("\r\n") != std::string::npos) {
    fail_at(origin, "a value may not hold a line break");
  }
  if (!is_utf8(text)) {  // the run's recipe.toml could not be read again
    fail_at(origin, concat("the value of ", key, " is not UTF-8, which a recipe must be"));
  }
  Assignment made{std::move(key), text, std::move(origin)};
  const std::string line = "v = " + text;
  try {
    const toml::table table = toml::parse(std::string_view(line));
    const toml::node& node = *table.get("v");
    const toml::array* list = node.as_array();
    if (list != nullptr) {
      made.as_text = typed_elements(*list, line);
    } else if (node.is_value() && !node.is_string()) {
      made.as_text = trimmed(text);
    }
    if (const auto value = to_value(node)) {
      made.value = *value;
    }
  } catch (const toml::parse_error&) {
    // Not TOML: a bare string such as adamw or 5%.
    made.as_text = bare_elements(text);
  }
  return made;
}

}  // namespace temper::training
