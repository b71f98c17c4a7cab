#include "tools/cli/prepare_options.h"

#include <algorithm>
#include <array>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "tools/cli/name_list.h"
#include "training/records/adapter_files.h"
#include "training/settings/name_pattern.h"

namespace temper::cli {
namespace {

double number(const std::string& text, const std::string& what) {
  const std::optional<double> value = read_number(text);
  TEMPER_CHECK(value, ErrorCode::kInvalidArgument, what, " is '", text, "', expected a number");
  return *value;
}

std::int64_t whole_number(const std::string& text, const std::string& what, std::int64_t least) {
  Arguments one;
  one.options_[what] = text;
  return one.integer(what, least, least);
}

std::uint64_t seed_of(const Arguments& arguments) {
  return static_cast<std::uint64_t>(arguments.integer("--seed", 0, 0));
}

// r=8,alpha=16,dropout=0.05: those of `keys`.
std::map<std::string, std::string> lora_words(const Arguments& arguments,
                                              const std::vector<std::string>& keys,
                                              const char* expected) {
  std::map<std::string, std::string> words;
  for (const std::string& part : split_list(arguments.text("--lora"))) {
    const std::size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    TEMPER_CHECK(
        equals != std::string::npos && std::find(keys.begin(), keys.end(), key) != keys.end(),
        ErrorCode::kInvalidArgument, "--lora has '", part, "', expected ", expected);
    words[key] = part.substr(equals + 1);
  }
  return words;
}

// '**.qkv=4,**.out=16'
std::vector<graph::LoraRank> ranks_of(const Arguments& arguments) {
  std::vector<graph::LoraRank> ranks;
  for (const std::string& part : split_list(arguments.text("--lora-ranks"))) {
    const std::size_t equals = part.rfind('=');
    TEMPER_CHECK(equals != std::string::npos && equals > 0, ErrorCode::kInvalidArgument,
                 "--lora-ranks has '", part, "', expected PATTERN=RANK");
    ranks.push_back({[pattern = part.substr(0, equals)](std::string_view name) {
                       return training::matches_pattern(pattern, name);
                     },
                     whole_number(part.substr(equals + 1), "--lora-ranks", 1)});
  }
  return ranks;
}

graph::LoraOptions lora_of(const Arguments& arguments) {
  graph::LoraOptions lora;
  const auto words =
      lora_words(arguments, {"r", "alpha", "dropout"}, "r=RANK, alpha=NUMBER and dropout=SHARE");
  for (const auto& [key, word] : words) {
    if (key == "r") {
      lora.rank = whole_number(word, "--lora r", 1);
    } else {
      (key == "alpha" ? lora.alpha : lora.dropout) = number(word, "--lora " + key);
    }
  }
  lora.match = name_test(arguments, "--match");
  TEMPER_CHECK(lora.match, ErrorCode::kInvalidArgument,
               "--lora needs --match: which layers get "
               "adapters, such as --match '**.attn.**'");
  lora.seed = seed_of(arguments);
  lora.ranks = ranks_of(arguments);
  return lora;
}

// The file's adapters; --lora says what the file does not.
graph::LoraLoad lora_load_of(const Arguments& arguments) {
  graph::LoraLoad load = training::read_adapters(arguments.text("--lora-load"));
  const auto words = lora_words(arguments, {"alpha", "dropout"},
                                "alpha=NUMBER and dropout=SHARE beside --lora-load");
  for (const auto& [key, word] : words) {
    const double value = number(word, "--lora " + key);
    if (key == "dropout") {
      load.dropout = value;
    } else {
      load.alpha = value;
    }
  }
  return load;
}

// WEIGHT=ROW, separated by commas
std::vector<std::pair<std::string, std::int64_t>> padding_of(const std::string& text) {
  std::vector<std::pair<std::string, std::int64_t>> rows;
  for (const std::string& part : split_list(text)) {
    const std::size_t equals = part.rfind('=');
    TEMPER_CHECK(equals != std::string::npos && equals > 0, ErrorCode::kInvalidArgument,
                 "--padding-idx has '", part, "', expected WEIGHT=ROW");
    rows.emplace_back(part.substr(0, equals),
                      whole_number(part.substr(equals + 1), "--padding-idx", 0));
  }
  return rows;
}

// INPUT:AXIS=SYMBOL, separated by commas
std::vector<graph::DynamicAxis> axes_of(const std::string& text) {
  std::vector<graph::DynamicAxis> axes;
  for (const std::string& part : split_list(text)) {
    const std::size_t equals = part.rfind('=');
    const std::size_t colon = part.rfind(':', equals);
    TEMPER_CHECK(equals != std::string::npos && colon != std::string::npos && colon > 0 &&
                     equals + 1 < part.size(),
                 ErrorCode::kInvalidArgument, "--dynamic-axis has '", part,
                 "', expected INPUT:AXIS=SYMBOL, such as input_ids:1=seq");
    axes.push_back({part.substr(0, colon),
                    static_cast<int>(whole_number(part.substr(colon + 1, equals - colon - 1),
                                                  "--dynamic-axis", 0)),
                    part.substr(equals + 1)});
  }
  return axes;
}

// What says more about an edit is an error without the edit.
void check_companions(const Arguments& arguments) {
  struct Companion {
    const char* option;
    std::vector<const char*> of;
  };
  const std::array companions = {
      Companion{"--head-keep", {"--head-classes"}},
      Companion{"--head-output", {"--head-classes", "--strip-activation", "--insert-dropout"}},
      Companion{"--seed", {"--head-classes", "--lora"}}, Companion{"--lora-ranks", {"--lora"}},
      Companion{"--match",
                {"--lora", "--insert-dropout", "--restore-bias", "--restore-batchnorm"}}};
  for (const Companion& one : companions) {
    const bool has = std::any_of(one.of.begin(), one.of.end(),
                                 [&](const char* option) { return arguments.has(option); });
    TEMPER_CHECK(has || !arguments.has(one.option), ErrorCode::kInvalidArgument, one.option,
                 " says more about ", join(one.of, ", "), ", which is not given");
  }
}

}  // namespace

const std::vector<OptionSpec>& prepare_option_specs() {
  static const std::vector<OptionSpec> specs = {
      {"--inference", "", "nodes exported in training form are brought to inference form"},
      {"--lift-constants", "", "weights in Constant nodes become initializers"},
      {"--untie", "", "weights that the exporter merged because they were equal are copied"},
      {"--untie-match", "LIST", "these shared weights are copied, whatever they are"},
      {"--tie", "", "an embedding and what is the same once more, such as a head, are one tensor"},
      {"--tie-match", "LIST", "these weights are one tensor where they are equal bit for bit"},
      {"--readable-names", "", "weights called val_88 and the like are called after their modules"},
      {"--strip-activation", "", "a final Softmax, LogSoftmax or Sigmoid is removed"},
      {"--restore-bias", "", "layers without a bias (of --match) get one of zeros"},
      {"--restore-batchnorm", "", "BatchNormalization behind the Conv it was folded into"},
      {"--dynamic-batch", "", "any batch size in place of a fixed one, tried at two sizes"},
      {"--dynamic-axis", "IN:AXIS=NAME", "any length or picture size; a list, such as ids:1=seq"},
      {"--padding-idx", "WEIGHT=ROW", "this row of an embedding does not train; a list of such"},
      {"--head-classes", "N", "the last Gemm, MatMul or Conv for N classes"},
      {"--head-keep", "LIST", "0,3,7 or names: classes of the file that come first"},
      {"--head-output", "NAME", "the output whose head is meant; the first when left out"},
      {"--insert-dropout", "RATIO", "Dropout behind the layers of --match, or before the last one"},
      {"--lora-load", "FILE", "adapters of .safetensors (peft's, or extracted) or .onnx are added"},
      {"--extract-lora", "FILE", "the file's adapters as .safetensors, named as peft does"},
      {"--merge-lora", "", "the file's adapters are added to their weights"},
      {"--lora", "r=8,alpha=16", "adds adapters to the layers of --match; also dropout=0.05"},
      {"--lora-ranks", "LIST", "other ranks for some of them: '**.qkv=4,**.out=16'"},
      {"--match", "LIST", "patterns of layers, by module path, weight or node: '**.attn.**'"},
      {"--seed", "N", "of new values; 0 when left out"},
      {"--threads", "N", "threads of the trial run; all processors when left out"},
      {"--json", "", "one JSON line, and errors as JSON"}};
  return specs;
}

graph::PrepareOptions prepare_options(const Arguments& arguments) {
  check_companions(arguments);
  graph::PrepareOptions options;
  options.inference = arguments.has("--inference");
  options.lift_constants = arguments.has("--lift-constants");
  options.untie = arguments.has("--untie");
  options.untie_match = name_test(arguments, "--untie-match");
  options.tie = arguments.has("--tie");
  options.tie_match = name_test(arguments, "--tie-match");
  options.readable_names = arguments.has("--readable-names");
  options.strip_activation = arguments.has("--strip-activation");
  options.restore_bias = arguments.has("--restore-bias");
  options.restore_batchnorm = arguments.has("--restore-batchnorm");
  options.dynamic_batch = arguments.has("--dynamic-batch");
  options.dynamic_axes = axes_of(arguments.text("--dynamic-axis"));
  if (arguments.has("--padding-idx")) {
    options.padding_rows = padding_of(arguments.text("--padding-idx"));
  }
  options.output = arguments.text("--head-output");
  if (arguments.has("--head-classes")) {
    options.head = graph::HeadOptions{arguments.integer("--head-classes", 1, 1),
                                      split_list(arguments.text("--head-keep")), options.output,
                                      seed_of(arguments)};
  }
  options.match = name_test(arguments, "--match");
  if (arguments.has("--insert-dropout")) {
    options.dropout =
        graph::DropoutOptions{number(arguments.text("--insert-dropout"), "--insert-dropout"),
                              options.match, options.output};
  }
  options.extract_lora = arguments.has("--extract-lora");
  options.merge_lora = arguments.has("--merge-lora");
  if (arguments.has("--lora-load")) {
    for (const char* other : {"--lora-ranks", "--seed"}) {
      TEMPER_CHECK(!arguments.has(other) || arguments.has("--head-classes"),
                   ErrorCode::kInvalidArgument, other, " is of new adapters, not of --lora-load");
    }
    options.lora_load = lora_load_of(arguments);
  } else if (arguments.has("--lora")) {
    options.lora = lora_of(arguments);
  }
  const bool any = options.inference || options.lift_constants || options.untie ||
                   options.untie_match || options.tie || options.tie_match || options.lora_load ||
                   options.readable_names || options.strip_activation || options.restore_bias ||
                   options.restore_batchnorm || options.dynamic_batch ||
                   !options.dynamic_axes.empty() || !options.padding_rows.empty() || options.head ||
                   options.dropout || options.extract_lora || options.merge_lora || options.lora;
  TEMPER_CHECK(any, ErrorCode::kInvalidArgument, "no edit is asked for; temper inspect ",
               arguments.positional(0),
               " says what this model needs, temper help prepare what there "
               "is");
  return options;
}

}  // namespace temper::cli
