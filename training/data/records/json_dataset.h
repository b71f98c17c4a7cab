// Records of a JSON file as a data set: fields by the model's input names and the target's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "training/data/arrays/array_dataset.h"
#include "training/data/open_dataset.h"
#include "training/formats/json_records.h"

namespace temper::training {

// Numbers, nested lists of numbers and names of classes, which become codes. Lists of whole numbers
// are filled up to the length of the model's input, and targets as long as their input with -100,
// which losses ignore. A model's input `attention_mask` that the records do not have is 1 for what
// was there and 0 for what was filled up. Which codes the classes have is learned from the training
// set and kept in preprocessing().
class JsonDataset : public ArrayDataset {
 public:
  static std::unique_ptr<JsonDataset> open(const std::string& path, const DataOptions& options);

  std::string where(std::size_t field, std::int64_t row) const override;
  JsonValue preprocessing() const override { return preprocessing_; }

 private:
  JsonDataset(JsonRecords records, std::vector<ArrayField> arrays, std::string fingerprint)
      : ArrayDataset(std::move(arrays), std::move(fingerprint)), records_(std::move(records)) {}

  JsonRecords records_;
  std::vector<std::string> keys_;     // of each field
  std::vector<std::int64_t> places_;  // of each row
  JsonValue preprocessing_;
};

}  // namespace temper::training
