// What kind of data a path names, and which files: by the recipe's word, the names, the first
// bytes.
#pragma once

#include <string>
#include <vector>

#include "training/data/open_dataset.h"
#include "training/settings/data_formats.h"

namespace temper::training {

struct DataFiles {
  DataKind kind = DataKind::kNpz;
  std::vector<std::string> paths;  // for kNpyFolder and folders of kImages the folder itself
};

// THROWS: kIo when there is nothing at the path; kInvalidData, kUnsupported when it is none of the
// kinds, with what was expected.
DataFiles find_data(const std::string& path, const DataSettings& settings, DataPart part);

// As data.format names it; "npy folder" for a folder of arrays.
const char* format_name(DataKind kind);

}  // namespace temper::training
