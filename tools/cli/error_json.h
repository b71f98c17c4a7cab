// An error as JSON, as every command prints it with --json.
#pragma once

#include "runtime/base/error.h"
#include "training/formats/json.h"

namespace temper::cli {

// code, exit, message, notes.
training::JsonValue error_json(const Error& error);

}  // namespace temper::cli
