// The size of a dynamic batch inside a model: nodes that compute it from an input.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

class BatchSize {
 public:
  // `input`: one whose dimension 0 is the batch.
  BatchSize(ModelEdit& edit, std::string input) : edit_(edit), input_(std::move(input)) {}

  // The name of a vector of the numbers with the batch's size times `factor` at `at`, computed in
  // front of `place`.
  std::string with_batch(const wire::NodeProto& place, const std::vector<std::int64_t>& numbers,
                         std::size_t at, std::int64_t factor);

 private:
  const std::string& size();

  ModelEdit& edit_;
  std::string input_;
  std::string size_;
};

}  // namespace temper::graph
