// Who uses the processors: this process or others. For telling a person why a run is slow, never
// for a decision that numbers depend on.
#pragma once

namespace temper {

// What this process has had of the processors since it began, all its threads. For any thread.
struct ProcessUsage {
  double seconds = 0;
  double put_aside = 0;  // how often a thread was, for another program, though it could go on
};
ProcessUsage process_usage();

// Seconds since some moment; zero where /proc does not say.
struct ProcessorTimes {
  double wall = 0;
  double busy = 0;  // of all programs, the host of a virtual machine included, on the processors
                    // this process may use
  double own = 0;   // of this process, all its threads
};
ProcessorTimes processor_times();

// How many processors others used between two moments; 0 where that is not known. Meaningful from
// about a fifth of a second on: the system counts in hundredths.
double processors_used_elsewhere(const ProcessorTimes& before, const ProcessorTimes& after);

// Whether that many of `processors` make a run wait for its cores: more than an eighth.
bool is_busy_elsewhere(double used, int processors);

}  // namespace temper
