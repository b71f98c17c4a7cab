#include "tools/cli/convert_options.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/platform/threads.h"
#include "tools/cli/face_options.h"
#include "tools/cli/name_list.h"
#include "tools/cli/named_sizes.h"
#include "tools/cli/quantize_options.h"
#include "tools/cli/quick_recipe.h"
#include "training/analysis/weights_file.h"

namespace temper::cli {
namespace {

void take_precision(const Arguments& arguments, training::DeploymentOptions& options) {
  const std::string type = arguments.text("--precision");
  TEMPER_CHECK(type == "fp16" || type == "bf16" || type == "fp32", ErrorCode::kInvalidArgument,
               "--precision is '", type, "', expected fp16, bf16 or fp32");
  if (type == "fp32") {
    for (const char* option : {"--keep", "--strict"}) {
      TEMPER_CHECK(!arguments.has(option), ErrorCode::kInvalidArgument, option,
                   " is of --precision fp16 and bf16: fp32 holds whatever 16 bits do");
    }
    options.conversions.float32.emplace().convert_io = arguments.has("--convert-io");
    return;
  }
  graph::PrecisionOptions& precision = options.conversions.precision.emplace();
  precision.type = type == "bf16" ? DType::kBFloat16 : DType::kFloat16;
  precision.keep = name_test(arguments, "--keep");
  precision.convert_io = arguments.has("--convert-io");
  precision.strict = arguments.has("--strict");
  if (arguments.has("--check")) {
    options.ranges.emplace().recipe =
        make_quick_recipe({arguments.positional(0), arguments.text("--check"), "", {}});
  }
}

}  // namespace

const std::vector<OptionSpec>& deployment_option_specs() {
  static const std::vector<OptionSpec> specs = [] {
    std::vector<OptionSpec> all = face_option_specs();
    all.insert(
        all.end(),
        {{"--fix-dims", "NAME=SIZE", "numbers for symbolic sizes; a list, such as batch=1,seq=128"},
         {"--fold", "",
          "stores what is always the same, and leaves out BatchNorms and nodes that do nothing"},
         {"--opset", "N",
          "the operators of opset N, 7 to 28, with the IR version of its release"}});
    const std::vector<OptionSpec>& integers = quantize_option_specs();
    all.insert(all.end(), integers.begin(), integers.end());
    all.insert(
        all.end(),
        {{"--precision", "TYPE",
          "fp16 or bf16: weights and nodes in 16 bits, Cast where needed; fp32: back from those"},
         {"--keep", "LIST",
          "patterns of nodes, outputs or operators that --precision leaves alone"},
         {"--convert-io", "", "--precision also for the model's inputs and outputs"},
         {"--external-data", "FILE",
          "all weights in FILE beside OUT; FILE.safetensors is read by others as such"},
         {"--inline", "", "all weights in the .onnx file"}});
    const std::vector<OptionSpec>& embedded = embed_option_specs();
    all.insert(all.end(), embedded.begin(), embedded.end());
    return all;
  }();
  return specs;
}

training::DeploymentOptions deployment_options(const Arguments& arguments) {
  training::DeploymentOptions options;
  options.threads = static_cast<int>(arguments.integer("--threads", available_processors(), 1));
  options.symbols = named_sizes(arguments, 2);
  options.external_data = arguments.text("--external-data");
  options.inline_data = arguments.has("--inline");
  TEMPER_CHECK(!options.inline_data || options.external_data.empty(), ErrorCode::kInvalidArgument,
               "--inline and --external-data rule each other out");
  options.face = face_options(arguments);
  options.embed = embed_options(arguments);
  options.conversions.inference = arguments.has("--inference");
  take_quantization(arguments, options);
  const bool weights_alone = training::is_weights_file(arguments.positional(1));
  TEMPER_CHECK(!weights_alone || (!options.inline_data && options.external_data.empty()),
               ErrorCode::kInvalidArgument, arguments.positional(1),
               " holds weights alone; --inline and --external-data are of .onnx files");
  TEMPER_CHECK(!weights_alone || (!options.embed.any() && !options.face.names_anything()),
               ErrorCode::kInvalidArgument, arguments.positional(1),
               " holds weights alone; inputs, outputs and metadata are of .onnx files");
  if (arguments.has("--fix-dims")) {
    options.conversions.fixed_dims = named_sizes(arguments, "--fix-dims");
  }
  if (arguments.has("--fold")) {
    options.conversions.fold.emplace();
  }
  if (arguments.has("--opset")) {
    options.conversions.opset.emplace().opset = arguments.integer("--opset", 0, 1);
  }
  TEMPER_CHECK(
      !arguments.has("--precision") || (!arguments.has("--int8") && !arguments.has("--int4")),
      ErrorCode::kInvalidArgument,
      "--precision and --int8 or --int4 rule each other out: what is not of integers stays "
      "in float32");
  if (arguments.has("--precision")) {
    take_precision(arguments, options);
  }
  for (const char* option : {"--keep", "--convert-io", "--strict"}) {
    TEMPER_CHECK(arguments.has("--precision") || !arguments.has(option),
                 ErrorCode::kInvalidArgument, option,
                 " says more about --precision, which is not "
                 "given");
  }
  const std::vector<OptionSpec>& specs = deployment_option_specs();
  const bool any = std::any_of(specs.begin(), specs.end(),
                               [&](const OptionSpec& spec) { return arguments.has(spec.name); }) ||
                   options.face.batch;
  TEMPER_CHECK(any || weights_alone, ErrorCode::kInvalidArgument,
               "no conversion is asked for; temper convert --help lists them, and a checkpoint's "
               "weights need --into MODEL.onnx");
  return options;
}

}  // namespace temper::cli
