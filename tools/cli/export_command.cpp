// `temper export`: the model of a run's newest checkpoint, with its weights or their averages.
#include <cstdio>

#include "runtime/base/error.h"
#include "tools/cli/command.h"
#include "training/formats/json.h"
#include "training/records/run_export.h"

namespace temper::cli {
namespace {

int run(const Arguments& arguments) {
  const std::string weights = arguments.text("--weights", "last");
  TEMPER_CHECK(weights == "last" || weights == "average", ErrorCode::kInvalidArgument,
               "--weights is '", weights, "', expected last or average");
  const std::string& path = arguments.positional(1);
  const std::vector<std::string> notes =
      training::export_run(arguments.positional(0), path, weights == "average");
  if (arguments.has("--json")) {
    training::JsonValue line = training::JsonValue::object();
    line.set("out", path);
    line.set("weights", weights);
    line.set("notes", training::JsonValue::array_of(notes));
    std::printf("%s\n", line.text().c_str());
    return 0;
  }
  print_notes(notes);
  std::printf("%s\n", path.c_str());
  return 0;
}

}  // namespace

Command export_command() {
  return {
      "export",
      "writes the model of a run's newest checkpoint",
      "A run writes best.onnx and last.onnx itself, with the weights that average.export says.\n",
      {{"RUN", "the run directory"}, {"OUT", "the ONNX file to write"}},
      {{"--weights", "WHICH", "last or average ([average] of the recipe); last when left out"},
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
