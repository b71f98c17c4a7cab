// CIFAR-10 and CIFAR-100 as a data set: one input of images, one target of labels.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "training/data/arrays/array_dataset.h"
#include "training/data/open_dataset.h"
#include "training/formats/cifar.h"

namespace temper::training {

// CIFAR-100's target is the fine label, or the coarse one where data.target says so. Class names
// come from the .txt file that is published beside the records, when it is there.
class CifarDataset : public ArrayDataset {
 public:
  static std::unique_ptr<CifarDataset> open(const std::vector<std::string>& paths, CifarKind kind,
                                            const DataOptions& options);

  std::string where(std::size_t field, std::int64_t row) const override;
  std::vector<std::string> class_names() const override { return class_names_; }

 private:
  CifarDataset(std::vector<ArrayField> arrays, std::string fingerprint)
      : ArrayDataset(std::move(arrays), std::move(fingerprint)) {}

  std::vector<std::string> paths_;
  std::vector<std::int64_t> ends_;  // rows up to the end of each file
  std::vector<std::string> class_names_;
};

}  // namespace temper::training
