// Runs of elements picked from a tensor, or put into it, at places that indices name: Gather,
// GatherElements, GatherND, their gradients and the scatters are the same kernels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backends/cuda/device.h"
#include "backends/cuda/device/index_fault.h"
#include "backends/cuda/device/places.h"
#include "runtime/base/dtype.h"

namespace temper::cuda {

// The data is a list of runs, of equal length. Element `at` of the walk names the run
// base.find(at, 0) + sum of index[k] * steps[k] over the tuple of indices number at % period.
struct IndexedPlaces {
  Places<1> base;
  std::int64_t period = 1;
  int tuple = 1;
  std::int64_t dims[kMaxAxes] = {};   // of the axes that the indices pick from
  std::int64_t steps[kMaxAxes] = {};  // in runs
  std::int64_t inner = 1;             // elements of a run
  std::int64_t runs = 0;              // of the data
  const void* indices = nullptr;
  bool wide = true;  // indices are i64, not i32
  DeviceFault* fault = nullptr;

  std::int64_t count() const { return base.count; }
};

// y[at] = x[place]; `missing` (the bits of an element) where an index is out of range.
void gather_runs(const IndexedPlaces& places, std::size_t element_bytes, std::uint64_t missing,
                 const void* x, void* y, StreamHandle stream);

enum class Fold { kPut, kAdd, kMul, kMax, kMin };

// f32, f64, i32, i64, and f16 and bf16 for kAdd; kPut takes any type.
bool folds(Fold fold, DType dtype);

// Memory for the two below.
std::size_t put_bytes(const IndexedPlaces& places);
std::size_t fold_bytes(const IndexedPlaces& places);

// y[place] = u[at], the last one where a place is named twice. Like all scatters, needs fewer than
// 2^32 - 1 runs and places.
void put_runs(const IndexedPlaces& places, std::size_t element_bytes, const void* u, void* y,
              void* workspace, StreamHandle stream);
// y[place] = fold(y[place], u[at]), in the order of the places; floats in double.
void fold_runs(const IndexedPlaces& places, Fold fold, DType dtype, const void* u, void* y,
               void* workspace, StreamHandle stream);

}  // namespace temper::cuda
