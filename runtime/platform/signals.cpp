#include "runtime/platform/signals.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "runtime/base/error.h"

namespace temper {
namespace {

constexpr int kSignals[] = {SIGTERM, SIGINT, SIGUSR1, SIGXFSZ, SIGPIPE};
constexpr int kStopSignals = 3;  // the first three; the others are ignored

// A signal handler has no other way to speak than through memory it finds without an argument.
std::atomic<int> first_signal{0};
std::atomic<bool> installed{false};
static_assert(std::atomic<int>::is_always_lock_free);

extern "C" void temper_stop_handler(int number) {
  int none = 0;
  if (!first_signal.compare_exchange_strong(none, number)) {
    ::_exit(128 + number);
  }
}

}  // namespace

StopSignals::StopSignals() {
  TEMPER_ASSERT(!installed.exchange(true), "stop signals are already watched");
  first_signal = 0;
  for (int i = 0; i < kCount; ++i) {
    struct sigaction action{};
    action.sa_handler = i < kStopSignals ? temper_stop_handler : SIG_IGN;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    const int result = ::sigaction(kSignals[i], &action, &former_[static_cast<std::size_t>(i)]);
    TEMPER_ASSERT(result == 0, "sigaction failed with errno ", errno);
  }
}

StopSignals::~StopSignals() {
  for (int i = 0; i < kCount; ++i) {
    ::sigaction(kSignals[i], &former_[static_cast<std::size_t>(i)], nullptr);
  }
  installed = false;
}

int StopSignals::signal_number() const { return first_signal.load(std::memory_order_relaxed); }

const char* StopSignals::signal_name() const {
  switch (signal_number()) {
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    case SIGUSR1:
      return "SIGUSR1";
    default:
      return "";
  }
}

}  // namespace temper
