// A tensor of a model that stays in its file until it is read, a piece at a time.
#pragma once

#include <utility>

#include "graph/ir/stored_value.h"
#include "graph/onnx/external_data.h"
#include "graph/onnx/tensor_codec.h"

namespace temper::graph {

class FileTensor final : public StoredValue {
 public:
  // REQUIRES: a float type, the range as data_range() gives it.
  FileTensor(SharedFiles files, ExternalRange range, const TensorHeader& header)
      : files_(std::move(files)), range_(std::move(range)), header_(header) {}

  void read(std::int64_t first, std::span<std::byte> out) const override;

 private:
  SharedFiles files_;
  ExternalRange range_;
  TensorHeader header_;
};

SharedValue make_file_tensor(SharedFiles files, ExternalRange range, const TensorHeader& header);

}  // namespace temper::graph
