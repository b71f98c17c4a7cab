// `temper prune`: a model with fewer weights.
#include <cstdio>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command.h"
#include "tools/cli/name_list.h"
#include "tools/cli/named_sizes.h"
#include "tools/cli/trial_lines.h"
#include "training/analysis/pruning.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::JsonValue;

training::PruningOptions options_of(const Arguments& arguments) {
  training::PruningOptions options;
  options.threads = static_cast<int>(arguments.integer("--threads", available_processors(), 1));
  options.symbols = named_sizes(arguments, 2);
  const auto share = read_number(arguments.text("--sparsity"));
  TEMPER_CHECK(share && *share > 0 && *share < 1, ErrorCode::kInvalidArgument, "--sparsity is '",
               arguments.text("--sparsity"), "', expected a share between 0 and 1, such as 0.5");
  options.prune.sparsity = *share;
  const std::string structured = arguments.text("--structured", "channels");
  TEMPER_CHECK(structured == "channels", ErrorCode::kInvalidArgument, "--structured is '",
               structured, "', expected channels");
  options.prune.channels = arguments.has("--structured");
  options.prune.match = name_test(arguments, "--match");
  return options;
}

void print(const training::Pruning& done, bool channels) {
  for (const graph::PrunedLayer& layer : done.layers) {
    if (layer.gone > 0) {
      std::printf("%s  %lld of %lld %s\n", layer.layer.c_str(), static_cast<long long>(layer.gone),
                  static_cast<long long>(layer.of),
                  channels ? "channels are gone" : "weights are 0");
    } else {
      std::printf("%s  stays as it is: %s\n", layer.layer.c_str(), layer.kept.c_str());
    }
  }
  print_outputs("trial", done.trial);
}

int run(const Arguments& arguments) {
  const std::string& in = arguments.positional(0);
  const std::string& out = arguments.positional(1);
  const training::PruningOptions options = options_of(arguments);
  const training::Pruning done = training::prune_model(in, out, options);
  if (!arguments.has("--json")) {
    print(done, options.prune.channels);
    std::printf("%s\n", out.c_str());
    return 0;
  }
  JsonValue layers = JsonValue::array();
  for (const graph::PrunedLayer& layer : done.layers) {
    JsonValue row = JsonValue::object();
    row.set("layer", layer.layer);
    row.set("weight", layer.weight);
    row.set("gone", layer.gone);
    row.set("of", layer.of);
    row.set("kept", layer.kept);
    layers.push_back(std::move(row));
  }
  JsonValue line = JsonValue::object();
  line.set("out", out);
  line.set("layers", std::move(layers));
  line.set("trial", outputs_json(done.trial));
  std::printf("%s\n", line.text().c_str());
  return 0;
}

}  // namespace

Command prune_command() {
  return {
      "prune",
      "weights that count little are zeros, or whole channels are gone",
      "In each layer the weights of the smallest magnitude become 0. With --structured channels\n"
      "the outputs of a layer whose weights are smallest are gone, and the model is smaller and\n"
      "faster; layers whose outputs go to more than one other layer stay. Train the result: some\n"
      "of what was lost comes back. docs/deploy.md has more.\n",
      {{"IN", "the ONNX file"},
       {"OUT", "the ONNX file to write"},
       {"NAME=SIZE", "sizes of symbolic dimensions, for the trial run", false, true}},
      {{"--sparsity", "SHARE", "of each layer's weights or channels, such as 0.5", true},
       {"--structured", "channels", "channels, in place of single weights"},
       {"--match", "LIST", "patterns of layers, by module path, weight or node; all when left out"},
       {"--threads", "N", "threads of the trial run; all processors when left out"},
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
