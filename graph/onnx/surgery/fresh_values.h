// The values that PyTorch gives a new layer, to the bit, from a seed.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "runtime/memory/tensor.h"

namespace temper::graph {

// torch.manual_seed(seed) and what uniform_() draws after it on the CPU, in float32.
class TorchUniform {
 public:
  explicit TorchUniform(std::uint64_t seed) : engine_(static_cast<std::uint32_t>(seed)) {}
  // As torch.empty(count).uniform_(-bound, bound).
  std::vector<float> draw(std::int64_t count, double bound);

 private:
  std::mt19937 engine_;
};

// The bound of torch.nn.Linear and Conv: kaiming_uniform_(a=sqrt(5)), so 1 / sqrt(fan_in).
double layer_bound(std::int64_t fan_in);

// The axes of a matrix exchanged.
std::vector<double> transposed(const std::vector<double>& matrix, std::int64_t rows);
// The same of a tensor with two axes.
Tensor turned(const Tensor& matrix);

}  // namespace temper::graph
