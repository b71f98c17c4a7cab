#include "tools/cli/error_json.h"

namespace temper::cli {

training::JsonValue error_json(const Error& error) {
  training::JsonValue json = training::JsonValue::object();
  json.set("code", to_string(error.code()));
  json.set("exit", exit_code(error.code()));
  json.set("message", error.message());
  json.set("notes", training::JsonValue::array_of(error.notes()));
  return json;
}

}  // namespace temper::cli
