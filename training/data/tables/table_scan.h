// The first pass over a CSV file: what each column holds and how it will become numbers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "training/data/open_dataset.h"
#include "training/data/tables/table_encoding.h"
#include "training/formats/csv.h"

namespace temper::training {

struct TableScan {
  TableEncoding encoding;
  std::vector<std::size_t> file_columns;  // for each column of the encoding, its place in the file;
                                          // kAbsent for a target that is missing
  std::int64_t rows = 0;

  static constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);
};

// Learns the encoding, or takes the stored one of `options.preprocessing`.
// THROWS: kInvalidData with file, line and column for columns that mix numbers and text, columns
// without values, missing values that may not be filled, and names that are not in the table.
TableScan scan_table(CsvReader& reader, const std::string& path, const DataOptions& options);

}  // namespace temper::training
