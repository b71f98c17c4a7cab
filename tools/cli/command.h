// How a subcommand of `temper` describes itself, and what it gets when it runs. The parser
// (command_line.h) is built from these descriptions, so that only one file knows the library behind
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace temper::cli {

// An option such as --data PATH, or a switch such as --json when `value` is empty.
struct OptionSpec {
  std::string name;   // with its dashes
  std::string value;  // what stands for the value in the help: "PATH"
  std::string help;
  bool required = false;
};

struct PositionalSpec {
  std::string name;
  std::string help;
  bool required = true;
  bool repeated = false;  // takes all that is left; only the last one
};

// What was typed after the subcommand.
class Arguments {
 public:
  // Empty when a positional argument was not given.
  const std::string& positional(std::size_t index) const;
  const std::vector<std::string>& positionals() const { return positionals_; }
  bool has(std::string_view option) const { return options_.find(option) != options_.end(); }
  // The value of an option, or `fallback`.
  std::string text(std::string_view option, std::string_view fallback = {}) const;
  // THROWS: kInvalidArgument when the value is not a whole number of at least `least`.
  std::int64_t integer(std::string_view option, std::int64_t fallback, std::int64_t least) const;

  std::vector<std::string> positionals_;
  std::map<std::string, std::string, std::less<>> options_;
};

// To stderr, a line each: what was inferred or is worth knowing.
void print_notes(const std::vector<std::string>& notes);

struct Command {
  std::string name;
  std::string summary;  // one line, in the list of commands
  std::string details;  // below it, in the command's own help
  std::vector<PositionalSpec> positionals;
  std::vector<OptionSpec> options;
  // Returns the exit code. Errors are thrown; results go to stdout, everything else to stderr.
  int (*run)(const Arguments& arguments) = nullptr;
};

// One function per file of this folder.
Command train_command();
Command eval_command();
Command predict_command();
Command grad_command();
Command data_command();
Command lr_find_command();
Command diagnose_command();
Command compare_command();
Command inspect_command();
Command prepare_command();
Command plot_command();
Command generate_command();
Command export_command();
Command convert_command();
Command diff_command();
Command verify_command();
Command average_command();
Command prune_command();
Command bench_command();
Command doctor_command();
Command help_command();

}  // namespace temper::cli
