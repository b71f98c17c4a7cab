// Data-parallel training: the gradients of all ranks are summed, in buckets.
#pragma once

#include <cstdint>
#include <vector>

#include "graph/ir/builder.h"

namespace temper::graph {

struct ReduceOptions {
  int ranks = 1;
  // A bucket is full with so many bytes: few large sums cost less than many small ones, and the
  // sum of a bucket can go on while the gradients of the next one are computed.
  std::int64_t bucket_bytes = std::int64_t{25} << 20;  // PyTorch's DistributedDataParallel
};

// Puts in the place of each gradient its sum over the ranks. `raw`: what the reverse pass made, of
// which each gradient is computed; the buckets are filled in the order in which these are complete.
// A value that is the gradient of several variables is summed once. With one rank nothing is done.
void reduce_gradients(Builder& builder, const ReduceOptions& options,
                      const std::vector<ValueId>& raw, std::vector<ValueId>& gradients);

}  // namespace temper::graph
