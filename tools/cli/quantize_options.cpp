#include "tools/cli/quantize_options.h"

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "tools/cli/name_list.h"
#include "tools/cli/quick_recipe.h"

namespace temper::cli {
namespace {

using graph::Calibration;

// One of these words.
template <class T>
T word_of(const Arguments& arguments, const char* option, const std::string& otherwise,
          const std::vector<std::pair<std::string, T>>& words) {
  const std::string given = arguments.text(option, otherwise);
  std::vector<std::string> known;
  for (const auto& [word, value] : words) {
    if (given == word) {
      return value;
    }
    known.push_back(word);
  }
  fail(ErrorCode::kInvalidArgument, option, " is '", given, "', expected ", join(known, ", "));
}

// What says more about an option is an error without it.
void check_companions(const Arguments& arguments) {
  const std::string how = arguments.text("--int8");
  const bool is_static = how == "static" || how == "training";
  const std::vector<std::pair<const char*, bool>> companions = {
      {"--calibrate", is_static},
      {"--calibration", is_static},
      {"--calibration-samples", is_static},
      {"--percentile", is_static && arguments.text("--calibration") == "percentile"},
      {"--activations", is_static},
      {"--sensitivity", is_static},
      {"--per-tensor", is_static || how == "dynamic"},
      {"--skip", is_static || how == "dynamic" || arguments.has("--int4")}};
  for (const auto& [option, fits] : companions) {
    TEMPER_CHECK(fits || !arguments.has(option), ErrorCode::kInvalidArgument, option,
                 " says more about ",
                 std::string_view(option) == "--percentile"   ? "--calibration percentile"
                 : std::string_view(option) == "--per-tensor" ? "--int8"
                 : std::string_view(option) == "--skip"       ? "--int8 or --int4"
                                                              : "--int8 static",
                 ", which is not given");
  }
}

training::CalibrationData calibration_data(const Arguments& arguments) {
  const std::string path = arguments.text("--calibrate");
  TEMPER_CHECK(!path.empty(), ErrorCode::kInvalidArgument,
               "--int8 static and training need --calibrate DATA: samples such as the model will "
               "see, from "
               "which it learns the ranges of its values; --int8 dynamic needs none");
  training::CalibrationData data;
  data.recipe = data_recipe(path, arguments);
  data.samples = arguments.integer("--calibration-samples", data.samples, 1);
  return data;
}

graph::CalibrationOptions calibration_of(const Arguments& arguments) {
  graph::CalibrationOptions options;
  options.how = word_of<Calibration>(arguments, "--calibration", "minmax",
                                     {{"minmax", Calibration::kMinMax},
                                      {"percentile", Calibration::kPercentile},
                                      {"entropy", Calibration::kEntropy},
                                      {"mse", Calibration::kMse}});
  if (arguments.has("--percentile")) {
    const auto value = read_number(arguments.text("--percentile"));
    TEMPER_CHECK(value && *value > 50 && *value <= 100, ErrorCode::kInvalidArgument,
                 "--percentile is '", arguments.text("--percentile"),
                 "', expected a number above 50 and up to 100, such as 99.99");
    options.percentile = *value;
  }
  return options;
}

// block=32
graph::QuantizeBlocksOptions blocks_of(const Arguments& arguments) {
  graph::QuantizeBlocksOptions blocks;
  const std::string text = arguments.text("--int4");
  const auto size = text.starts_with("block=") ? read_number(text.substr(6)) : std::nullopt;
  TEMPER_CHECK(size && *size >= 1 && *size <= 65536 && *size == static_cast<int>(*size),
               ErrorCode::kInvalidArgument, "--int4 is '", text,
               "', expected block=N, such as block=32");
  blocks.block = static_cast<std::int64_t>(*size);
  blocks.skip = name_test(arguments, "--skip");
  return blocks;
}

}  // namespace

const std::vector<OptionSpec>& quantize_option_specs() {
  static const std::vector<OptionSpec> specs = {
      {"--int8", "HOW",
       "8-bit products: dynamic; static or training with --calibrate; pack after training"},
      {"--calibrate", "DATA", "data or a RECIPE.toml, from which the ranges of values are learnt"},
      {"--calibration-samples", "N", "so many samples of them at most, at random; 512"},
      {"--calibration", "HOW", "minmax, percentile, entropy or mse: which range counts; minmax"},
      {"--percentile", "PERCENT", "how much of the numbers the range holds; 99.999"},
      {"--activations", "TYPE", "uint8, int8 or symmetric (int8 around 0); uint8"},
      {"--per-tensor", "", "one scale for a weight, in place of one for each output of it"},
      {"--skip", "LIST", "patterns of layers that stay in floats, such as 'head,blocks.0.**'"},
      {"--sensitivity", "", "also rounds each layer alone and says what that does to the outputs"},
      {"--int4", "block=32", "4-bit weights of Gemm and MatMul, a scale for so many inputs"}};
  return specs;
}

void take_quantization(const Arguments& arguments, training::DeploymentOptions& options) {
  check_companions(arguments);
  TEMPER_CHECK(!arguments.has("--int8") || !arguments.has("--int4"), ErrorCode::kInvalidArgument,
               "--int8 and --int4 rule each other out");
  if (arguments.has("--int4")) {
    options.conversions.int4 = blocks_of(arguments);
  }
  if (!arguments.has("--int8")) {
    return;
  }
  const std::string how = word_of<std::string>(
      arguments, "--int8", "",
      {{"dynamic", "dynamic"}, {"static", "static"}, {"training", "training"}, {"pack", "pack"}});
  if (how == "pack") {
    options.conversions.int8_pack = true;
    return;
  }
  if (how == "dynamic") {
    options.conversions.int8_dynamic = graph::QuantizeDynamicOptions{
        name_test(arguments, "--skip"), !arguments.has("--per-tensor")};
    return;
  }
  graph::QuantizeStaticOptions made;
  made.plan.skip = name_test(arguments, "--skip");
  made.plan.per_channel = !arguments.has("--per-tensor");
  made.plan.symmetric = arguments.text("--activations") == "symmetric";
  made.activations = word_of<DType>(
      arguments, "--activations", "uint8",
      {{"int8", DType::kInt8}, {"uint8", DType::kUInt8}, {"symmetric", DType::kInt8}});
  made.calibration = calibration_of(arguments);
  made.trains = how == "training";
  options.conversions.int8_static = std::move(made);
  options.calibration = calibration_data(arguments);
  options.sensitivity = arguments.has("--sensitivity");
}

}  // namespace temper::cli
