#include "tools/cli/man_page.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"
#include "tools/cli/version.h"
#include "training/settings/component.h"

namespace temper::cli {
namespace {

// Text as roff takes it: what it would act on is written out.
std::string roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) {
      out += "\\&";
    }
    line_begins = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string heading(const std::string& name, const std::string& summary) {
  const std::string dashed = name.empty() ? "temper" : "temper-" + name;
  std::string capitals = dashed;
  std::transform(capitals.begin(), capitals.end(), capitals.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return concat(".TH ", roff(capitals), " 1 \"\" \"temper ", version(), "\" \"Temper\"\n.SH NAME\n",
                roff(dashed), " \\- ", roff(summary), "\n");
}

std::string entry(const std::string& term, const std::string& text) {
  return concat(".TP\n.B ", roff(term), "\n", roff(text), "\n");
}

std::string synopsis(const Command& command) {
  std::string line = concat(".SH SYNOPSIS\n.B temper ", command.name, "\n");
  for (const PositionalSpec& spec : command.positionals) {
    const std::string shown = concat("\\fI", roff(spec.name), "\\fR", spec.repeated ? "..." : "");
    line += spec.required ? shown + "\n" : concat("[", shown, "]\n");
  }
  return line + "[\\fIoptions\\fR]\n";
}

std::string page_of(const Command& command) {
  std::string page = heading(command.name, command.summary) + synopsis(command);
  if (!command.details.empty()) {
    page += concat(".SH DESCRIPTION\n.nf\n", roff(command.details), "\n.fi\n");
  }
  if (!command.positionals.empty()) {
    page += ".SH ARGUMENTS\n";
    for (const PositionalSpec& spec : command.positionals) {
      page += entry(spec.name, spec.help);
    }
  }
  page += ".SH OPTIONS\n";
  for (const OptionSpec& option : command.options) {
    const std::string needed = option.required ? " (needed)" : "";
    page += entry(option.value.empty() ? option.name : concat(option.name, " ", option.value),
                  option.help + needed);
  }
  page += entry("--help", "what the command takes");
  return page + ".SH SEE ALSO\n.BR temper (1)\n";
}

// What the exit status says, as exit_code() has it.
std::string exit_statuses() {
  constexpr std::array<ErrorCode, 10> kCodes = {
      ErrorCode::kInternal,     ErrorCode::kInvalidArgument,
      ErrorCode::kInvalidModel, ErrorCode::kInvalidData,
      ErrorCode::kIo,           ErrorCode::kDiverged,
      ErrorCode::kOutOfMemory,  ErrorCode::kDistributed,
      ErrorCode::kUnsupported,  ErrorCode::kDevice};
  std::string text = entry("0", "success");
  for (const ErrorCode code : kCodes) {
    text += entry(concat(exit_code(code)), std::string(to_string(code)));
  }
  return text + entry("75", "stopped by a signal after saving: run again with --resume");
}

std::string overview(const std::vector<Command>& commands) {
  std::string page = heading("", "trains and fine-tunes ONNX models");
  page +=
      ".SH SYNOPSIS\n.B temper\n\\fIcommand\\fR [\\fIarguments\\fR]\n.SH DESCRIPTION\n"
      "A model comes in as an ONNX file; loss, gradient and optimizer are added to its graph; the\n"
      "trained weights go back into the same file. A run is described by a recipe in TOML, whose "
      "keys\nare also words KEY=VALUE of the command line.\n.SH COMMANDS\n";
  for (const Command& command : commands) {
    page += concat(".TP\n.BR temper\\-", roff(command.name), " (1)\n", roff(command.summary), "\n");
  }
  page += ".SH ENVIRONMENT\n" +
          entry("TEMPER_TABLE_KEY",
                "a key of the recipe, such as TEMPER_TRAIN_EPOCHS for train.epochs; the command "
                "line wins over it") +
          entry("NO_COLOR", "progress without colours");
  return page + ".SH EXIT STATUS\n" + exit_statuses();
}

}  // namespace

std::string man_page(const std::vector<Command>& commands, const std::string& name) {
  if (name.empty()) {
    return overview(commands);
  }
  std::vector<std::string> names;
  for (const Command& command : commands) {
    if (command.name == name) {
      return page_of(command);
    }
    names.push_back(command.name);
  }
  const std::string near = training::nearest(name, names);
  fail(ErrorCode::kInvalidArgument, "there is no command '", name, "'",
       near.empty() ? "" : concat("; did you mean ", near, "?"));
}

}  // namespace temper::cli
