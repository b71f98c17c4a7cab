// What a data set holds and what is wrong with it, found by reading every row once: for people who
// want to know before they train.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "training/data/dataset.h"

namespace temper::training {

// One array over all rows that could be read.
struct FieldSummary {
  Field field;
  double min = 0;  // of the finite values, as the others
  double max = 0;
  double mean = 0;
  double deviation = 0;
  std::int64_t not_finite = 0;
  std::int64_t constant = 0;  // elements of a row that are the same in all rows (2 rows or more)
};

struct SetSummary {
  std::string name;  // "train", "val"
  std::int64_t rows = 0;
  std::vector<FieldSummary> fields;
  // Where there is one integer target per row: how many rows each label has.
  std::map<std::int64_t, std::int64_t> labels;
  // Rows that cannot be read, by what is wrong with them.
  std::vector<std::string> broken;
};

// Two rows with equal inputs, as Dataset::where() names them.
using RowPair = std::pair<std::string, std::string>;

struct DataReport {
  std::vector<SetSummary> sets;
  std::int64_t duplicates = 0;  // rows of train whose inputs an earlier row of train has
  std::int64_t leaked = 0;      // rows of val whose inputs a row of train has
  std::int64_t conflicts = 0;   // of both, those with another target
  // Up to kMostExamples of each.
  std::vector<RowPair> duplicate_examples;
  std::vector<RowPair> leaked_examples;
  std::vector<RowPair> conflict_examples;
};

inline constexpr std::size_t kMostExamples = 3;

// Rows of one data set under a name.
struct NamedRows {
  std::string name;
  const Dataset& data;
  std::span<const std::int64_t> rows;
};

// Reads all rows of `train` and then of `val` (which may have none). Inputs are compared by their
// SHA-256. COST: one pass, and about 100 bytes of memory per row.
DataReport report_data(const NamedRows& train, const NamedRows& val);

// What stands out, one sentence each, the worst first; empty when nothing does.
std::vector<std::string> findings(const DataReport& report);

}  // namespace temper::training
