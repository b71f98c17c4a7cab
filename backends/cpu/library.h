// What the backend asks of the math library it is built with; a build without one answers for
// itself (absent/library_absent.cpp).
#pragma once

#include <cstdint>
#include <string>

namespace temper::cpu {

// "onednn 2.6.3 avx512_core_bf16" or "own avx2". THROWS: kDevice when the loaded library's major
// version is not the headers'.
std::string library_fingerprint();

// Whether the processor multiplies bf16 matrices by instructions of its own (AVX512-BF16, AMX) that
// the library uses; and whether those do more in a second than its f32 ones.
bool has_bfloat16_products();
bool has_fast_bfloat16_products();

// Channels that fill a vector register.
std::int64_t register_channels();

}  // namespace temper::cpu
