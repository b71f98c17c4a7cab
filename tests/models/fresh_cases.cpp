#include "tests/models/fresh_cases.h"

#include <temper_test_paths.h>

#include <cstdint>
#include <string>

#include "runtime/platform/files.h"

namespace temper {

using models::Architecture;
using training::JsonValue;

using Int = std::int64_t;

namespace {

AttrValue option_value(const models::ModelOption& option, const JsonValue& value) {
  if (value.is_bool()) {
    return Int{value.as_bool("a switch")};
  }
  if (value.is_array()) {
    std::vector<Int> list;
    for (const JsonValue& number : value.as_array("a list")) {
      list.push_back(number.as_int("a number"));
    }
    return list;
  }
  if (value.is_string()) {
    return value.as_string("a text");
  }
  return std::holds_alternative<double>(option.fallback) ? AttrValue(value.as_double("a share"))
                                                         : AttrValue(value.as_int("a number"));
}

}  // namespace

const std::vector<JsonValue>& fresh_cases() {
  static const JsonValue all = training::parse_json(
      [] {
        const MappedFile file(std::string(TEMPER_SOURCE_DIR) +
                              "/tests/models/expected/fresh_models.json");
        return std::string(reinterpret_cast<const char*>(file.data()), file.size());
      }(),
      "fresh_models.json");
  return all.as_array("the cases");
}

models::FreshModel fresh_model_of(const JsonValue& test, std::uint64_t seed) {
  const Architecture& architecture =
      models::find_architecture(test.at("architecture").as_string("architecture"));
  Attrs options;
  for (const models::ModelOption& option : architecture.options) {
    if (const JsonValue* value = test.at("options").find(option.name)) {
      options.set(option.name, option_value(option, *value));
    }
  }
  const JsonValue* opset = test.find("opset");
  return models::make_model(architecture, options, seed,
                            opset == nullptr ? models::kDefaultOpset : opset->as_int("opset"));
}

}  // namespace temper
