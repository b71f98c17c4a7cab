// The `temper` command: parses the line, runs the subcommand, turns errors into text and exit
// codes.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>

#include "runtime/base/error.h"
#include "runtime/base/log.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command_line.h"
#include "tools/cli/error_json.h"
#include "tools/cli/new_command.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

std::vector<Command> all_commands(const std::vector<std::string>& words) {
  return {train_command(),   eval_command(),    predict_command(), generate_command(),
          grad_command(),    data_command(),    lr_find_command(), diagnose_command(),
          compare_command(), inspect_command(), prepare_command(), new_command(words),
          plot_command(),    export_command(),  convert_command(), diff_command(),
          verify_command(),  average_command(), prune_command(),   bench_command(),
          doctor_command(),  help_command()};
}

int report(const Error& error, bool as_json) {
  const int code = exit_code(error.code());
  if (as_json) {
    training::JsonValue outer = training::JsonValue::object();
    outer.set("error", error_json(error));
    std::fprintf(stderr, "%s\n", outer.text().c_str());
  } else {
    std::fprintf(stderr, "temper: %s\n", error.what());
  }
  return code;
}

int run(int argc, const char* const* argv) {
  bool as_json = false;
  for (int i = 1; i < argc; ++i) {
    as_json = as_json || std::strcmp(argv[i], kJsonSwitch) == 0;
  }
  try {
    ask_for_short_turns();  // before any thread is started
    set_log_sink([](LogLevel level, std::string_view text) {
      if (level != LogLevel::kDebug) {
        std::fprintf(stderr, "temper: %.*s\n", static_cast<int>(text.size()), text.data());
      }
    });
    const std::vector<Command> commands = all_commands({argv + std::min(argc, 1), argv + argc});
    const ParsedLine line = parse_command_line(argc, argv, commands);
    if (line.command == nullptr) {
      std::fputs(line.output.c_str(), stdout);
      return argc > 1 ? 0 : exit_code(ErrorCode::kInvalidArgument);
    }
    const int code = line.command->run(line.arguments);
    TEMPER_CHECK(std::fflush(stdout) == 0, ErrorCode::kIo, "cannot write to the standard output");
    return code;
  } catch (const Error& error) {
    return report(error, as_json);
  } catch (const std::bad_alloc&) {
    return report(Error(ErrorCode::kOutOfMemory, "out of memory"), as_json);
  } catch (const std::exception& error) {
    return report(Error(ErrorCode::kInternal, error.what()), as_json);
  }
}

}  // namespace
}  // namespace temper::cli

int main(int argc, char** argv) { return temper::cli::run(argc, argv); }
