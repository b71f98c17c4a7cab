// A training run as a process of its own, for tests that kill it or limit what it may write:
//   run_recipe [--resume] [--file-limit BYTES] [--kill-at CALL] key=value ...
// Prints "STEPS SHA-256(variables) SHA-256(log)" when the run has ended and, with --kill-at (see
// kill_at_call.h), the number of calls it made on a second line. Exit codes are the command's: 0, 4
// (not all could be saved), 75 (stopped by a signal), 1 for any error.
#include <sys/resource.h>

#include <cstdio>
#include <string>

#include "runtime/base/error.h"
#include "runtime/platform/signals.h"
#include "tests/programs/kill_at_call.h"
#include "tests/training/support/tiny_run.h"
#include "training/formats/sha256.h"

namespace temper::training {
namespace {

int exit_code(RunOutcome outcome) {
  switch (outcome) {
    case RunOutcome::kInterrupted:
      return kStoppedExitCode;
    case RunOutcome::kSaveFailed:
      return 4;
    case RunOutcome::kFinished:
    case RunOutcome::kStoppedEarly:
    case RunOutcome::kTimeIsUp:
      break;
  }
  return 0;
}

int run(int argc, char** argv) {
  RecipeSources sources;
  bool resume = false;
  bool counts = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--resume") {
      resume = true;
    } else if (argument == "--file-limit" && i + 1 < argc) {
      rlimit limit{};
      limit.rlim_cur = limit.rlim_max = std::stoul(argv[++i]);
      ::setrlimit(RLIMIT_FSIZE, &limit);
    } else if (argument == "--kill-at" && i + 1 < argc) {
      counts = true;
      testing_programs::kill_at_call(std::stol(argv[++i]));
    } else {
      sources.overrides.push_back(argument);
    }
  }
  const StopSignals signals;
  const RunRecord record =
      run_tiny(read_recipe(sources), resume, [&](const StepView&) { return signals.requested(); });
  Sha256 log;
  log.update(record.log);
  std::printf("%lld %s %s\n", static_cast<long long>(record.result.steps), record.variables.c_str(),
              log.finish().c_str());
  if (counts) {
    std::printf("%lld\n", static_cast<long long>(testing_programs::calls_that_change_files()));
  }
  return exit_code(record.result.outcome);
}

}  // namespace
}  // namespace temper::training

int main(int argc, char** argv) {
  try {
    return temper::training::run(argc, argv);
  } catch (const temper::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
