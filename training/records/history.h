// The history of a run, one row per epoch: what a person opens in a spreadsheet.
#pragma once

#include <string>

namespace temper::training {

// Writes RUN/history.csv from RUN/metrics.jsonl: for each finished epoch its number (from 1), the
// step it ended at and every metric logged at that step; empty where one was not. Nothing is
// written before the first epoch has ended. THROWS: kIo, kInvalidData with the line.
void write_history(const std::string& run_directory);

}  // namespace temper::training
