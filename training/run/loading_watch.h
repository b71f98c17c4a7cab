// How fast batches were gathered and how long the steps waited for them: since the last logged
// line, and of the whole run.
#pragma once

#include "training/data/batch_loader.h"

namespace temper::training {

struct LoadingSpeed {
  double samples_per_second = 0;  // that could be gathered; 0: nothing was
  double wait_share = 0;          // of the steps' time
};

class LoadingWatch {
 public:
  // From now on; times between two calls are not the steps'.
  void restart(const LoaderTimes& now) { window_ = now; }
  // Of the window of steps that took `seconds`; they count for the whole, too.
  LoadingSpeed close(const LoaderTimes& now, double seconds) {
    const LoaderTimes part = {now.samples - window_.samples, now.gathering - window_.gathering,
                              now.waiting - window_.waiting};
    whole_.samples += part.samples;
    whole_.gathering += part.gathering;
    whole_.waiting += part.waiting;
    seconds_ += seconds;
    window_ = now;
    return speed(part, seconds);
  }
  LoadingSpeed whole() const { return speed(whole_, seconds_); }

 private:
  static LoadingSpeed speed(const LoaderTimes& times, double seconds) {
    LoadingSpeed made;
    made.samples_per_second =
        times.gathering > 0 ? static_cast<double>(times.samples) / times.gathering : 0;
    made.wait_share = seconds > 0 ? times.waiting / seconds : 0;
    return made;
  }

  LoaderTimes window_, whole_;
  double seconds_ = 0;
};

}  // namespace temper::training
