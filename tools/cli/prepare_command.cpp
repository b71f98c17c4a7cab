// `temper prepare`: changes of a model's file before it is trained, or after.
#include <cstdio>

#include "backends/backends.h"
#include "runtime/base/error.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command.h"
#include "tools/cli/named_sizes.h"
#include "tools/cli/prepare_options.h"
#include "training/formats/json.h"
#include "training/records/adapter_files.h"

namespace temper::cli {
namespace {

int run(const Arguments& arguments) {
  const graph::PrepareOptions options = prepare_options(arguments);
  const std::string& path = arguments.positional(1);
  const std::unique_ptr<Backend> reference = make_backend("reference");
  const std::unique_ptr<Backend> backend = make_backend("cpu");
  const graph::Trial trial{
      *reference, *backend,
      static_cast<int>(arguments.integer("--threads", available_processors(), 1)),
      named_sizes(arguments, 2)};
  const graph::OnnxModel model = graph::OnnxModel::load(arguments.positional(0), {});
  const graph::Prepared done = graph::prepare_model(model, options, trial, path);
  if (options.extract_lora) {
    training::write_adapters(arguments.text("--extract-lora"), done.adapters);
  }
  if (arguments.has("--json")) {
    training::JsonValue line = training::JsonValue::object();
    line.set("out", path);
    line.set("notes", training::JsonValue::array_of(done.notes));
    std::printf("%s\n", line.text().c_str());
    return 0;
  }
  print_notes(done.notes);
  std::printf("%s\n", path.c_str());
  return 0;
}

}  // namespace

Command prepare_command() {
  return {"prepare",
          "changes a model's file: batch, head, adapters, what an exporter did",
          "Edits may be combined; they are done in the order above. What none of them touches "
          "stays as\n"
          "it is in the file, and nothing is written when one is refused. temper inspect says "
          "which of\n"
          "them a model needs.\n",
          {{"IN", "the ONNX file"},
           {"OUT", "the ONNX file to write"},
           {"NAME=SIZE",
            "sizes of symbolic dimensions, for the trial runs of --dynamic-batch and -axis", false,
            true}},
          prepare_option_specs(),
          run};
}

}  // namespace temper::cli
