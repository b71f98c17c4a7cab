#include "tools/cli/convert_options.h"

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/platform/threads.h"
#include "tools/cli/named_sizes.h"
#include "tools/cli/quantize_options.h"
#include "training/analysis/weights_file.h"

namespace temper::cli {

const std::vector<OptionSpec>& deployment_option_specs() {
  static const std::vector<OptionSpec> specs = [] {
    std::vector<OptionSpec> all = quantize_option_specs();
    all.insert(all.end(),
               {{"--external-data", "FILE",
                 "all weights in FILE beside OUT; FILE.safetensors is read by others as such"},
                {"--inline", "", "all weights in the .onnx file"}});
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
  take_quantization(arguments, options);
  const bool weights_alone = training::is_weights_file(arguments.positional(1));
  TEMPER_CHECK(!weights_alone || (!options.inline_data && options.external_data.empty()),
               ErrorCode::kInvalidArgument, arguments.positional(1),
               " holds weights alone; --inline and --external-data are of .onnx files");
  const std::vector<OptionSpec>& specs = deployment_option_specs();
  const bool any = std::any_of(specs.begin(), specs.end(),
                               [&](const OptionSpec& spec) { return arguments.has(spec.name); });
  TEMPER_CHECK(any || weights_alone, ErrorCode::kInvalidArgument,
               "no conversion is asked for; temper convert --help lists them, and a checkpoint's "
               "weights need --into MODEL.onnx");
  return options;
}

}  // namespace temper::cli
