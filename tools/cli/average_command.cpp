// `temper average`: the weighted mean of several files' weights.
#include <algorithm>
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command.h"
#include "tools/cli/quick_recipe.h"
#include "training/analysis/averaging.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::JsonValue;

training::AverageOptions options_of(const Arguments& arguments) {
  training::AverageOptions options;
  options.threads = static_cast<int>(arguments.integer("--threads", available_processors(), 1));
  const std::string text = arguments.text("--weights");
  options.by_samples = text == "samples";
  for (std::size_t begin = 0; !options.by_samples && begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto number = read_number(std::string_view(text).substr(begin, end - begin));
    TEMPER_CHECK(number, ErrorCode::kInvalidArgument, "--weights is '", text,
                 "', expected a number for each file, such as 0.3,0.7, or samples");
    options.weights.push_back(*number);
    begin = end + 1;
  }
  if (arguments.has("--recalibrate")) {
    options.recalibrate = data_recipe(arguments.text("--recalibrate"), arguments);
    options.recalibrate->data.batch_size =
        arguments.integer("--batch-size", options.recalibrate->data.batch_size, 1);
  }
  TEMPER_CHECK(options.recalibrate || !arguments.has("--batch-size"), ErrorCode::kInvalidArgument,
               "--batch-size says more about --recalibrate, which is not given");
  return options;
}

int run(const Arguments& arguments) {
  const std::string out = arguments.text("--out");
  const training::Average made =
      training::average_files(arguments.positionals(), out, options_of(arguments));
  if (arguments.has("--json")) {
    JsonValue outputs = JsonValue::array();
    for (const training::TrialOutput& output : made.trial) {
      JsonValue row = JsonValue::object();
      row.set("output", output.name);
      row.set("largest_of_first", output.before);
      row.set("largest", output.after);
      row.set("largest_difference", output.difference);
      outputs.push_back(std::move(row));
    }
    JsonValue line = JsonValue::object();
    line.set("out", out);
    line.set("shares", JsonValue::array_of(made.shares));
    line.set("averaged", made.averaged);
    line.set("equal", made.equal);
    line.set("recalibrated", made.recalibrated);
    line.set("trial", std::move(outputs));
    line.set("notes", JsonValue::array_of(made.notes));
    std::printf("%s\n", line.text().c_str());
    return 0;
  }
  for (std::size_t i = 0; i < made.shares.size(); ++i) {
    std::printf("%s  counts %s\n", arguments.positional(i).c_str(),
                digits_text(made.shares[i], 6).c_str());
  }
  std::printf("%lld tensors averaged, %lld equal in all\n", static_cast<long long>(made.averaged),
              static_cast<long long>(made.equal));
  if (made.recalibrated > 0) {
    std::printf("%lld running statistics computed anew\n",
                static_cast<long long>(made.recalibrated));
  }
  for (const training::TrialOutput& output : made.trial) {
    std::printf("trial: output '%s' %s, at most %s of the first file and %s of the mean\n",
                output.name.c_str(), to_string(output.shape).c_str(),
                digits_text(output.before, 4).c_str(), digits_text(output.after, 4).c_str());
  }
  print_notes(made.notes);
  std::printf("%s\n", out.c_str());
  return 0;
}

}  // namespace

Command average_command() {
  return {
      "average",
      "the weighted mean of several files' weights: of checkpoints, or of clients' models",
      "All are ONNX files of one structure, or all are checkpoints of PyTorch's and others, or\n"
      "runs; then OUT is a .safetensors file. The mean is taken in double; whole numbers must be "
      "equal.\n"
      "The new model is run before it is written. docs/verify.md has more.\n",
      {{"FIRST", "the first file, whose metadata and rest the mean has"},
       {"FILE", "the others", true, true}},
      {{"--out", "OUT", "the file to write", true},
       {"--weights", "W,W,...",
        "how much each file counts, such as 0.3,0.7 or numbers of samples; or samples: as many as "
        "its metadata says it was trained on; all alike when left out"},
       {"--recalibrate", "DATA",
        "running statistics of BatchNorm anew, from inputs such as an .npz or a RECIPE.toml"},
       {"--batch-size", "N", "of --recalibrate; the recipe's, or 32"},
       {"--threads", "N", "threads; all processors when left out"},
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
