#include "tools/cli/face_options.h"

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "tools/cli/name_list.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

std::pair<std::string, std::string> pair_of(const std::string& text, const char* option,
                                            const char* expected) {
  const std::size_t equals = text.find('=');
  TEMPER_CHECK(equals != std::string::npos && equals > 0, ErrorCode::kInvalidArgument, option,
               " has '", text, "', expected ", expected);
  return {text.substr(0, equals), text.substr(equals + 1)};
}

Pairs renamed(const Arguments& arguments) {
  Pairs names;
  for (const std::string& part : split_list(arguments.text("--rename"))) {
    names.push_back(pair_of(part, "--rename", "OLD=NEW, such as input.1=image"));
    TEMPER_CHECK(!names.back().second.empty(), ErrorCode::kInvalidArgument, "--rename has '", part,
                 "', which gives no new name");
  }
  return names;
}

// One entry, or those of a file.
Pairs metadata_of(const std::string& text) {
  constexpr std::uint64_t kMostBytes = 1 << 24;
  if (text.find('=') != std::string::npos) {
    return {pair_of(text, "--set-metadata", "KEY=VALUE")};
  }
  TEMPER_CHECK(text.ends_with(".json"), ErrorCode::kInvalidArgument, "--set-metadata has '", text,
               "', expected KEY=VALUE or a FILE.json of texts by their keys");
  Pairs entries;
  const training::JsonValue all = training::parse_json(read_text_file(text, kMostBytes), text);
  for (const training::JsonMember& member : all.as_object(text)) {
    entries.emplace_back(member.key, member.value.as_string(member.key));
  }
  return entries;
}

}  // namespace

const std::vector<OptionSpec>& face_option_specs() {
  static const std::vector<OptionSpec> specs = {
      {"--inference", "", "training form, Dropout and training steps of the file are gone"},
      {"--from", "LIST", "inner values that become the inputs"},
      {"--outputs", "LIST", "inner values that become the outputs, such as features"},
      {"--rename", "OLD=NEW", "inputs and outputs by other names; a list"},
      {"--strip-metadata", "", "texts of the exporter (source paths, modules) are gone"},
      {"--set-metadata", "KEY=VALUE", "an entry of the metadata, or a FILE.json of such"}};
  return specs;
}

const std::vector<OptionSpec>& embed_option_specs() {
  static const std::vector<OptionSpec> specs = {
      {"--embed-preprocessing", "", "the file takes 8-bit pictures, or the numbers of a table"},
      {"--embed-postprocessing", "", "the file gives probabilities and the class"},
      {"--class-names", "", "and the class's name, as a text in the graph"},
      {"--channels-first", "", "pictures are [N, channels, height, width], not channels last"},
      {"--recipe", "RECIPE", "how the data were prepared, where the file does not say it"}};
  return specs;
}

training::FileFace face_options(const Arguments& arguments) {
  training::FileFace face;
  if (arguments.text("--batch") == "dynamic") {
    face.batch = 0;
  } else if (arguments.has("--batch")) {
    face.batch = arguments.integer("--batch", 1, 1);
  }
  face.inputs = split_list(arguments.text("--from"));
  face.outputs = split_list(arguments.text("--outputs"));
  face.names = renamed(arguments);
  face.strip_metadata = arguments.has("--strip-metadata");
  if (arguments.has("--set-metadata")) {
    face.metadata = metadata_of(arguments.text("--set-metadata"));
  }
  return face;
}

training::EmbedOptions embed_options(const Arguments& arguments) {
  training::EmbedOptions embed;
  embed.preprocessing = arguments.has("--embed-preprocessing");
  embed.answers = arguments.has("--embed-postprocessing");
  embed.class_names = arguments.has("--class-names");
  embed.channels_first = arguments.has("--channels-first");
  embed.recipe = arguments.text("--recipe");
  const auto needs = [&](const char* option, bool there, const char* other) {
    TEMPER_CHECK(there || !arguments.has(option), ErrorCode::kInvalidArgument, option,
                 " says more about ", other, ", which is not given");
  };
  needs("--class-names", embed.answers, "--embed-postprocessing");
  needs("--channels-first", embed.preprocessing, "--embed-preprocessing");
  needs("--recipe", embed.any(), "--embed-preprocessing and --embed-postprocessing");
  return embed;
}

}  // namespace temper::cli
