// Stopping on request: SIGTERM, SIGINT and SIGUSR1 ask the run to save and end with exit code 75.
#pragma once

#include <array>
#include <csignal>

namespace temper {

// The command's exit code after a run was stopped by a signal and saved its state.
inline constexpr int kStoppedExitCode = 75;

// While it lives, the first of SIGTERM, SIGINT and SIGUSR1 sets a flag that the training loop
// reads once per step; a second one ends the process at once with 128 + its number, saving
// nothing. SIGXFSZ and SIGPIPE are ignored, so that a full quota or a closed pipe is an ordinary
// error of the write. The destructor puts the former handlers back.
// Threading: make one at a time, on the main thread; requested() may be called from any thread.
class StopSignals {
 public:
  // THROWS: kInternal when there is one already.
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  bool requested() const { return signal_number() != 0; }
  // The number of the signal that came first; 0 when none came.
  int signal_number() const;
  // "SIGTERM", or "" when none came.
  const char* signal_name() const;

 private:
  static constexpr int kCount = 5;
  std::array<struct sigaction, kCount> former_{};
};

}  // namespace temper
