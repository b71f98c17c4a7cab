// What only the processor's maker says.
#pragma once

namespace temper::cpu {

// Whether its bf16 dot products of vector registers (AVX512-BF16), where it has them, do fewer
// multiplications in a second than its f32 ones: Intel's do half as many, measured on Sapphire
// Rapids by the library's convolutions; AMD's twice as many. Matrix registers (AMX) are another
// matter.
bool halves_bfloat16_products();

}  // namespace temper::cpu
