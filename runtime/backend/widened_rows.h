// 16-bit tensors by conversion: a kernel written for f32 runs on f16 and bf16 tensors through f32
// copies of them. Inputs are exact in f32, the kernel's arithmetic and accumulators are f32 or
// wider, and each output is rounded once: the semantics of a 16-bit op, whatever the kernel.
#pragma once

#include <cstdint>

#include "runtime/backend/kernel_table.h"

namespace temper {

// Where a conversion works: on so many threads of the host, or on a device's stream.
struct ConversionPlace {
  int threads = 1;
  Stream* stream = nullptr;
};

// Loops of a backend over contiguous elements; `from` and `to` are kFloat16 or kBFloat16.
struct ConversionLoops {
  void (*widen)(DType from, const void* x, float* y, std::int64_t n, ConversionPlace place);
  // Rounds to nearest even.
  void (*narrow)(DType to, const float* x, void* y, std::int64_t n, ConversionPlace place);
};

// Adds, behind each op's rows, one more for each of them that was not widened yet: family "F via
// f32" for family F. It takes a query with 16-bit tensors if row F takes the same query in f32. Ops
// that take any type themselves (Cast, Copy, ...) are left out.
void add_widened_rows(KernelTable& table, const ConversionLoops& loops);

}  // namespace temper
