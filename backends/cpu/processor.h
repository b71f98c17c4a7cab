// What only the processor knows: its maker, and how it takes the smallest numbers.
#pragma once

#include <cstdint>

namespace temper::cpu {

// Whether its bf16 dot products of vector registers (AVX512-BF16), where it has them, do fewer
// multiplications in a second than its f32 ones: Intel's do half as many, measured on Sapphire
// Rapids by the library's convolutions; AMD's twice as many. Matrix registers (AMX) are another
// matter.
bool halves_bfloat16_products();

// While it lives, the calling thread reads and writes numbers below the smallest normal one
// (1.2e-38 in f32) as zeros, each of which costs 100 to 150 cycles otherwise. For code that is
// called, not inlined: the compiler moves arithmetic across it.
class FlushedDenormals {
 public:
  FlushedDenormals();
  ~FlushedDenormals();
  FlushedDenormals(const FlushedDenormals&) = delete;
  FlushedDenormals& operator=(const FlushedDenormals&) = delete;

 private:
  std::uint64_t before_;
};

}  // namespace temper::cpu
