// `temper diff`: what differs between two models or checkpoints, and where it begins.
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command.h"
#include "tools/cli/diff_report.h"
#include "tools/cli/named_sizes.h"
#include "tools/cli/quick_recipe.h"
#include "training/analysis/model_diff.h"

namespace temper::cli {
namespace {

constexpr double kTolerance = 1e-5;

double tolerance_of(const Arguments& arguments) {
  if (!arguments.has("--tolerance")) {
    return kTolerance;
  }
  const auto number = read_number(arguments.text("--tolerance"));
  TEMPER_CHECK(number && *number >= 0, ErrorCode::kInvalidArgument, "--tolerance is '",
               arguments.text("--tolerance"), "', expected a number such as 1e-5");
  return *number;
}

training::ModelDiffOptions options_of(const Arguments& arguments) {
  training::ModelDiffOptions options;
  options.runs = !arguments.has("--no-run");
  options.threads = static_cast<int>(arguments.integer("--threads", available_processors(), 1));
  const std::string data = arguments.text("--data");
  TEMPER_CHECK(options.runs || data.empty(), ErrorCode::kInvalidArgument,
               "--no-run compares the files alone: leave out --data");
  if (data.empty()) {
    options.symbols = named_sizes(arguments, 2);
    return options;
  }
  options.data =
      make_quick_recipe({arguments.positional(0), data, "", parameters_of(arguments, 2)});
  options.data->data.batch_size =
      arguments.integer("--batch-size", options.data->data.batch_size, 1);
  options.data->data.batch_size_given =
      options.data->data.batch_size_given || arguments.has("--batch-size");
  options.data->train.threads = options.threads;
  return options;
}

int run(const Arguments& arguments) {
  const double tolerance = tolerance_of(arguments);
  const training::ModelDiff diff = training::diff_models(
      arguments.positional(0), arguments.positional(1), options_of(arguments));
  const bool equal = diff.equal(tolerance, arguments.has("--strict"));
  if (arguments.has("--json")) {
    training::JsonValue line = diff_json(diff, tolerance);
    line.set("tolerance", tolerance);
    line.set("equal", equal);
    std::printf("%s\n", line.text().c_str());
    return equal ? 0 : 1;
  }
  print_notes(diff.notes);
  std::fputs(diff_text(diff, tolerance).c_str(), stdout);
  std::printf("\n%s within %s of the largest value\n", equal ? "equal" : "not equal",
              digits_text(tolerance, 4).c_str());
  return equal ? 0 : 1;
}

}  // namespace

Command diff_command() {
  return {
      "diff",
      "what differs between two models or checkpoints, and which layer differs first",
      "Compares how two ONNX files are written, their stored tensors (renamed ones are found by\n"
      "content), and what both give on the same inputs: made-up ones, or DATA. Both may also be\n"
      "checkpoints of PyTorch's and others, or runs; then tensors alone are compared.\n"
      "Exit code 0: the outputs, or without a run the tensors, are equal within the tolerance;\n"
      "1: they are not (and then no error is printed); others: an error. docs/verify.md: more.\n",
      {{"FIRST", "an ONNX file, a checkpoint or the directory of a run"},
       {"SECOND", "the other one"},
       {"NAME=SIZE|KEY=VALUE",
        "sizes of symbolic dimensions of made-up inputs; with --data keys of a recipe, such as "
        "data.scale=true",
        false, true}},
      {{"--data", "FILE", "what to run both on, such as an .npz; layers on its first batch"},
       {"--tolerance", "T", "of the largest value of an output or tensor; 1e-5 when left out"},
       {"--strict", "", "structure, names and tensors count as well"},
       {"--no-run", "", "compare the files alone"},
       {"--batch-size", "N", "samples per batch of DATA; 32 when left out"},
       {"--threads", "N", "threads; all processors when left out"},
       {"--json", "", "one JSON line with every value that was compared, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
