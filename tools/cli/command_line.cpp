// The only user of CLI11: it splits the arguments and writes the help; errors are worded here.
#include "tools/cli/command_line.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "runtime/base/error.h"
#include "tools/cli/completions.h"
#include "tools/cli/man_page.h"
#include "tools/cli/version.h"
#include "training/settings/component.h"

namespace temper::cli {
namespace {

// What CLI11 writes into while it parses one subcommand.
struct Target {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  std::vector<std::string> positionals;  // one each
  std::vector<std::string> rest;         // of the repeated one
  std::vector<std::string> values;
  std::vector<CLI::Option*> options;
};

std::unique_ptr<Target> add_command(CLI::App& root, const Command& command) {
  auto target = std::make_unique<Target>();
  target->command = &command;
  target->app = root.add_subcommand(command.name, command.summary);
  if (!command.details.empty()) {
    target->app->footer("\n" + command.details);
  }
  target->positionals.resize(command.positionals.size());
  for (std::size_t i = 0; i < command.positionals.size(); ++i) {
    const PositionalSpec& spec = command.positionals[i];
    CLI::Option* option =
        spec.repeated ? target->app->add_option(spec.name, target->rest, spec.help)
                      : target->app->add_option(spec.name, target->positionals[i], spec.help);
    option->type_name("");
  }
  target->values.resize(command.options.size());
  for (std::size_t i = 0; i < command.options.size(); ++i) {
    const OptionSpec& spec = command.options[i];
    target->options.push_back(spec.value.empty()
                                  ? target->app->add_flag(spec.name, spec.help)
                                  : target->app->add_option(spec.name, target->values[i], spec.help)
                                        ->type_name(spec.value));
  }
  return target;
}

std::vector<std::string> option_names(const Command& command) {
  std::vector<std::string> names = {"--help", "--version"};
  for (const OptionSpec& option : command.options) {
    names.push_back(option.name);
  }
  return names;
}

std::string hint(const std::string& word, const std::vector<std::string>& known) {
  const std::string near = training::nearest(word, known);
  return near.empty() ? std::string{} : concat("; did you mean ", near, "?");
}

// Finds the word that is wrong and says so: CLI11's own texts name neither the nearest word nor the
// order typed.
void check_words(int argc, const char* const* argv, const std::vector<Command>& commands) {
  std::vector<std::string> names;
  for (const Command& command : commands) {
    names.push_back(command.name);
  }
  const std::string first = argc > 1 ? argv[1] : "";
  if (first.empty() || first == "--help" || first == "-h" || first == "--version") {
    return;
  }
  const auto known = std::find(names.begin(), names.end(), first);
  TEMPER_CHECK(known != names.end(), ErrorCode::kInvalidArgument, "there is no command '", first,
               "'", hint(first, names), " (temper --help lists the commands)");
  const Command& command = commands[static_cast<std::size_t>(known - names.begin())];
  const std::vector<std::string> options = option_names(command);
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    const std::string name = word.substr(0, word.find('='));
    if (!name.starts_with("--") || name == "--" ||
        std::count(options.begin(), options.end(), name) > 0) {
      continue;
    }
    fail(ErrorCode::kInvalidArgument, "temper ", first, " has no option ", name,
         hint(name, options), " (temper ", first, " --help lists them)");
  }
}

Arguments collect(const Target& target) {
  Arguments arguments;
  for (std::size_t i = 0; i < target.positionals.size(); ++i) {
    const PositionalSpec& spec = target.command->positionals[i];
    const bool given = spec.repeated ? !target.rest.empty() : !target.positionals[i].empty();
    TEMPER_CHECK(!spec.required || given, ErrorCode::kInvalidArgument, "temper ",
                 target.command->name, " needs ", spec.name, ": ", spec.help);
    if (!spec.repeated && !target.positionals[i].empty()) {
      arguments.positionals_.push_back(target.positionals[i]);
    }
  }
  arguments.positionals_.insert(arguments.positionals_.end(), target.rest.begin(),
                                target.rest.end());
  for (std::size_t i = 0; i < target.options.size(); ++i) {
    const OptionSpec& spec = target.command->options[i];
    if (target.options[i]->count() > 0) {
      arguments.options_[spec.name] = target.values[i];
    }
    TEMPER_CHECK(!spec.required || arguments.has(spec.name), ErrorCode::kInvalidArgument, "temper ",
                 target.command->name, " needs ", spec.name, " ", spec.value, ": ", spec.help);
  }
  return arguments;
}

// `temper help` and `temper help COMMAND` are --help and COMMAND --help.
std::vector<const char*> with_help_as_option(int argc, const char* const* argv,
                                             const std::vector<Command>& commands) {
  std::vector<const char*> words(argv, argv + argc);
  if (argc < 2 || argc > 3 || std::string(words[1]) != "help") {
    return words;
  }
  const bool alone = argc == 2;
  const bool names_command =
      !alone && std::any_of(commands.begin(), commands.end(),
                            [&](const Command& command) { return command.name == words[2]; });
  if (alone || names_command) {
    words.erase(words.begin() + 1);
    words.push_back("--help");
  }
  return words;
}

ParsedLine parse_words(int argc, const char* const* argv, const std::vector<Command>& commands) {
  check_words(argc, argv, commands);
  CLI::App app("Fine-tunes ONNX models.", "temper");
  app.set_version_flag("--version", concat("temper ", version()));
  app.require_subcommand(0, 1);
  std::vector<std::unique_ptr<Target>> targets;
  for (const Command& command : commands) {
    targets.push_back(add_command(app, command));
  }
  ParsedLine line;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion&) {
    line.output = concat("temper ", version(), "\n");
    return line;
  } catch (const CLI::Success&) {
    const auto parsed = app.get_subcommands();
    line.output = parsed.empty() ? app.help() : parsed.front()->help("temper") + "\n";
    return line;
  } catch (const CLI::ParseError& error) {
    fail(ErrorCode::kInvalidArgument, error.what(), " (temper ", argc > 1 ? argv[1] : "",
         " --help shows what it takes)");
  }
  for (const auto& target : targets) {
    if (target->app->parsed()) {
      line.command = target->command;
      line.arguments = collect(*target);
      return line;
    }
  }
  line.output = app.help();
  return line;
}

// What is written from the table of commands itself; nothing: something else was typed.
std::optional<std::string> text_from_table(const std::vector<std::string>& words,
                                           const std::vector<Command>& commands) {
  const auto is = [&](std::size_t at, std::string_view word) {
    return words.size() > at && words[at] == word;
  };
  if (is(0, "--version") && is(1, kJsonSwitch)) {
    return version_facts() + "\n";
  }
  if (is(0, "help") && is(1, "complete")) {
    return completion_candidates(commands, {words.begin() + 2, words.end()});
  }
  if (is(0, "help") && is(1, "completions")) {
    return completion_script(words.size() > 2 ? words[2] : "");
  }
  if (is(0, "help") && is(1, "man")) {
    return man_page(commands, words.size() > 2 ? words[2] : "");
  }
  return std::nullopt;
}

}  // namespace

ParsedLine parse_command_line(int argc, const char* const* argv,
                              const std::vector<Command>& commands) {
  if (auto text = text_from_table({argv + std::min(argc, 1), argv + argc}, commands)) {
    ParsedLine line;
    line.output = std::move(*text);
    return line;
  }
  const std::vector<const char*> words = with_help_as_option(argc, argv, commands);
  return parse_words(static_cast<int>(words.size()), words.data(), commands);
}

}  // namespace temper::cli
