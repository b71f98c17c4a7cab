// Functions of one f32 that no chain of elementwise ops takes in: rounding, sine and cosine, and
// what tells NaN and infinity.
#include <cmath>

#include "backends/cpu/float_support.h"
#include "backends/cpu/instruction_sets.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/vector_math.h"

namespace temper::cpu {
namespace {

using Loop = void (*)(const float* x, float* y, std::int64_t n);
using Test = void (*)(const float* x, bool* y, std::int64_t n);

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void floor_loop(const float* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = std::floor(x[i]);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void ceil_loop(const float* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = std::ceil(x[i]);
  }
}

// Halves to the even neighbour.
TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void round_loop(const float* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = std::nearbyint(x[i]);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void sin_vectors(const float* x, float* y, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = sin_of(x[i]);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void cos_vectors(const float* x, float* y, std::int64_t n) {
#pragma GCC ivdep
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = cos_of(x[i]);
  }
}

// In blocks: where an angle is too large for the vectors' reduction, the library's function.
template <Loop kVectors, float (*kLibrary)(float)>
void angle_loop(const float* x, float* y, std::int64_t n) {
  constexpr std::int64_t kBlock = 256;
  float kept[kBlock];
  for (std::int64_t first = 0; first < n; first += kBlock) {
    const std::int64_t count = std::min(kBlock, n - first);
    std::copy_n(x + first, count, kept);
    kVectors(kept, y + first, count);
    for (std::int64_t i = 0; i < count; ++i) {
      if (!(std::abs(kept[i]) <= kLargestAngle)) {
        y[first + i] = kLibrary(kept[i]);
      }
    }
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void is_nan_loop(const float* x, bool* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    y[i] = std::isnan(x[i]);
  }
}

template <class R>
std::unique_ptr<Kernel> prepare(const OpQuery& query,
                                void (*loop)(const float*, R*, std::int64_t)) {
  constexpr std::int64_t kGrain = 1024;
  const std::int64_t count = query.outputs[0].shape.element_count();
  const int threads = threads_for_elements(query.threads, count);
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    R* y = static_cast<R*>(args.outputs[0]);
    parallel_ranges(threads, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
      loop(x + begin, y + begin, end - begin);
    });
  });
  if constexpr (std::is_same_v<R, float>) {
    kernel->inplace = {{0, 0}};
  }
  kernel->description = "vector";
  return kernel;
}

template <class R>
void add_row(KernelTable& table, std::string_view op,
             void (*loop)(const float*, R*, std::int64_t)) {
  table.add(op, "cpu", only_float32,
            [loop](const OpQuery& query) { return prepare<R>(query, loop); });
}

}  // namespace

void register_float_functions(KernelTable& table) {
  add_row<float>(table, "Floor", floor_loop);
  add_row<float>(table, "Ceil", ceil_loop);
  add_row<float>(table, "Round", round_loop);
  add_row<float>(table, "Sin", angle_loop<sin_vectors, std::sin>);
  add_row<float>(table, "Cos", angle_loop<cos_vectors, std::cos>);
  add_row<bool>(table, "IsNaN", is_nan_loop);
}

}  // namespace temper::cpu
