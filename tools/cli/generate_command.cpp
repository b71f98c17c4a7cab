// `temper generate`: continues a text by a language model, of a file, a recipe or a run.
#include <charconv>
#include <cstdio>
#include <functional>
#include <optional>
#include <span>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command.h"
#include "tools/cli/device_option.h"
#include "tools/cli/recipe_words.h"
#include "training/analysis/text_generator.h"
#include "training/analysis/token_names.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::TokenNames;
using training::TokenSampling;

constexpr std::int64_t kDefaultLength = 200;

// What continues the text, and what its tokens are called.
struct Source {
  std::string model;
  std::vector<std::string> names;
  std::int64_t context = 0;  // the windows it was trained on; 0: nothing is known
};

Source find_source(const std::string& first) {
  if (first.ends_with(".onnx")) {
    return {first, {}, 0};
  }
  const bool is_run = file_status(first).is_folder;
  const training::Recipe recipe =
      training::read_recipe(recipe_sources(is_run ? join_path(first, "recipe.toml") : first, {}));
  const std::string best = join_path(first, "best.onnx");
  return {!is_run                    ? recipe.model.path
          : file_status(best).exists ? best
                                     : join_path(first, "last.onnx"),
          recipe.data.class_names, recipe.data.block};
}

double number(const Arguments& arguments, std::string_view option, double fallback) {
  if (!arguments.has(option)) {
    return fallback;
  }
  const std::optional<double> value = read_number(arguments.text(option));
  TEMPER_CHECK(value.has_value(), ErrorCode::kInvalidArgument, option, " takes a number, not '",
               arguments.text(option), "'");
  return *value;
}

TokenSampling sampling_of(const Arguments& arguments) {
  TokenSampling sampling;
  const bool greedy = arguments.has("--greedy");
  TEMPER_CHECK(!greedy || !(arguments.has("--temperature") || arguments.has("--top-k") ||
                            arguments.has("--top-p")),
               ErrorCode::kInvalidArgument,
               "--greedy takes the likeliest token always; --temperature, --top-k and --top-p "
               "choose among several");
  sampling.temperature = greedy ? 0 : number(arguments, "--temperature", 1);
  sampling.top_k = arguments.integer("--top-k", 0, 1);
  sampling.top_p = number(arguments, "--top-p", 1);
  sampling.seed = static_cast<std::uint64_t>(arguments.integer("--seed", 0, 0));
  check_sampling(sampling);
  return sampling;
}

std::vector<std::int64_t> typed_tokens(const std::string& text) {
  std::vector<std::int64_t> tokens;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    std::int64_t token = 0;
    const auto [stop, error] = std::from_chars(at, end, token);
    TEMPER_CHECK(error == std::errc() && (stop == end || *stop == ','), ErrorCode::kInvalidArgument,
                 "--tokens takes numbers with commas between them, not '", text, "'");
    tokens.push_back(token);
    at = stop == end ? stop : stop + 1;
  }
  return tokens;
}

// Numbers, where tokens have neither names nor are bytes.
TokenNames names_of(const Arguments& arguments, const Source& source, std::int64_t vocabulary) {
  const auto count = static_cast<std::int64_t>(source.names.size());
  TEMPER_CHECK(count == 0 || count == vocabulary, ErrorCode::kInvalidArgument,
               "data.class_names has ", count, " names, but the model '", source.model, "' has ",
               vocabulary, " tokens");
  TEMPER_CHECK(arguments.has("--tokens") || count > 0 || vocabulary == training::kByteTokens,
               ErrorCode::kInvalidArgument, "the model '", source.model, "' has ", vocabulary,
               " tokens, and nothing says which text each is: give the recipe or run whose "
               "data.class_names does, or the prompt as numbers, --tokens 1,2,3 (a model of ",
               training::kByteTokens, " tokens takes bytes)");
  return TokenNames(source.names);
}

int run(const Arguments& arguments) {
  const Source source = find_source(arguments.positional(0));
  const TokenSampling sampling = sampling_of(arguments);
  const bool numbers = arguments.has("--tokens");
  TEMPER_CHECK(numbers != arguments.has("--prompt"), ErrorCode::kInvalidArgument,
               "temper generate needs a text to continue: --prompt TEXT, or --tokens 1,2,3");
  training::GeneratorOptions options;
  options.context = arguments.integer("--context", source.context, 1);
  DeviceChoice chosen = chosen_device(arguments, options.device);
  options.device = chosen.device;
  options.opened = std::move(chosen.opened);
  options.engine.threads =
      static_cast<int>(arguments.integer("--threads", available_processors(), 1));
  training::TextGenerator generator(source.model, std::move(options));
  const TokenNames names = names_of(arguments, source, generator.vocabulary());
  std::vector<std::int64_t> tokens = numbers ? typed_tokens(arguments.text("--tokens"))
                                             : names.tokens_of(arguments.text("--prompt"));
  const std::int64_t length = arguments.integer("--length", kDefaultLength, 1);
  const bool json = arguments.has("--json");
  const auto show = [&](std::int64_t token) {
    const std::string text =
        numbers ? concat(token, "\n") : names.text_of(std::span<const std::int64_t>(&token, 1));
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  if (!json && !numbers) {
    std::fputs(arguments.text("--prompt").c_str(), stdout);
  }
  const std::size_t begin = tokens.size();
  generator.continue_text(tokens, length, sampling,
                          json ? std::function<void(std::int64_t)>() : show);
  if (!json) {
    std::fputs(numbers ? "" : "\n", stdout);
    return 0;
  }
  training::JsonValue line = training::JsonValue::object();
  const std::span<const std::int64_t> made = std::span(tokens).subspan(begin);
  line.set("tokens", training::JsonValue::array_of(made));
  if (!numbers && !names.are_bytes()) {
    line.set("text", names.text_of(made));
  }
  std::printf("%s\n", line.text().c_str());
  return 0;
}

}  // namespace

Command generate_command() {
  return {
      "generate",
      "continues a text by a language model",
      "The model has an input [batch, sequence] of tokens and an output [batch, sequence, "
      "vocabulary] of scores for the next\n"
      "one. A recipe or run names the text of each token by data.class_names; a model of 256 "
      "tokens without names takes bytes.",
      {{"MODEL", "MODEL.onnx; or RECIPE.toml; or a run directory: its best model"}},
      {{"--prompt", "TEXT", "the text to continue"},
       {"--tokens", "N,N,..", "the same as numbers of tokens; numbers are printed, too"},
       {"--length", "N", concat("tokens to add; ", kDefaultLength, " when left out")},
       {"--greedy", "", "always the likeliest token"},
       {"--temperature", "T", "divides the scores: below 1 is safer, above bolder; 1"},
       {"--top-k", "N", "draw among the N likeliest tokens"},
       {"--top-p", "SHARE", "draw among the likeliest tokens that together have this probability"},
       {"--seed", "N", "of the draws; 0 when left out"},
       {"--context", "N",
        concat("tokens that the model sees, the last ones; what its file says, else ",
               training::kDefaultContext)},
       {"--threads", "N", "threads; all processors when left out"},
       device_option(),
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
