// GlobalNorm and AllFinite over f32 tensors of any layout (padding is zero), in chunks of 16384
// elements, and AdaptiveClip over plain ones: the order of a sum does not depend on the number of
// threads.
#include <algorithm>
#include <cmath>

#include "backends/cpu/float_support.h"
#include "backends/cpu/parallel.h"
#include "backends/cpu/vector_loops.h"
#include "backends/host/unit_view.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/error.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kChunk = 16384;

struct Chunk {
  std::size_t input;
  std::int64_t begin, count;
};

struct Chunks {
  std::vector<Chunk> list;
  std::vector<Layout> layouts;
  int threads = 1;
};

// `others`: how many inputs at the end are none of the tensors looked at.
Chunks chunks_of(const OpQuery& query, std::size_t others) {
  Chunks chunks;
  std::int64_t total = 0;
  for (std::size_t i = 0; i < query.inputs.size(); ++i) {
    const TensorSpec& input = query.inputs[i];
    chunks.layouts.push_back(input.layout);
    if (!input.present() || i + others >= query.inputs.size()) {
      continue;
    }
    const std::int64_t count = storage_elements(input.shape, input.layout);
    for (std::int64_t begin = 0; begin < count; begin += kChunk) {
      chunks.list.push_back({i, begin, std::min(kChunk, count - begin)});
    }
    total += count;
  }
  chunks.threads = threads_for_elements(query.threads, total);
  return chunks;
}

// Calls f(chunk index, values, count) for all chunks and leaves its results in the workspace.
template <class T, class F>
void for_each_chunk(const Chunks& chunks, const KernelArgs& args, const F& f) {
  T* results = static_cast<T*>(args.workspace);
  parallel_ranges(chunks.threads, static_cast<std::int64_t>(chunks.list.size()), 1,
                  [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i) {
                      const Chunk& chunk = chunks.list[static_cast<std::size_t>(i)];
                      results[i] =
                          f(static_cast<const float*>(args.inputs[chunk.input]) + chunk.begin,
                            chunk.count);
                    }
                  });
}

template <class F>
std::unique_ptr<Kernel> chunk_kernel(const OpQuery& query, std::size_t result_bytes, F make,
                                     std::size_t others = 0) {
  Chunks chunks = chunks_of(query, others);
  const std::size_t workspace = chunks.list.size() * result_bytes;
  const std::size_t kept = chunks.list.size() * sizeof(Chunk);
  const std::vector<Layout> layouts = chunks.layouts;
  std::unique_ptr<Kernel> kernel = make(std::move(chunks));
  kernel->workspace_bytes = workspace;
  kernel->kept_bytes = kept;
  kernel->input_layouts = layouts;
  kernel->output_layouts.resize(1);
  kernel->description = "vector";
  return kernel;
}

double norm_part(SquareNorm, const float* values, std::int64_t count) {
  return sum_of_squares(values, count);
}

template <class Norm>
double norm_part(Norm norm, const float* values, std::int64_t count) {
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    norm.add(sum, static_cast<double>(values[i]));
  }
  return sum;
}

std::unique_ptr<Kernel> prepare_norm(const OpQuery& query) {
  const double norm_type = query.attrs->get_double("norm_type", 2);
  const std::size_t factor = query.attrs->get_int("scaled", 0) != 0 ? query.inputs.size() - 1 : 0;
  const auto make = [&](Chunks chunks) {
    return make_kernel([chunks = std::move(chunks), norm_type, factor](const KernelArgs& args) {
      visit_norm(norm_type, [&](auto norm) {
        for_each_chunk<double>(chunks, args, [&](const float* values, std::int64_t count) {
          return norm_part(norm, values, count);
        });
        double total = 0;
        for (std::size_t i = 0; i < chunks.list.size(); ++i) {
          norm.join(total, static_cast<const double*>(args.workspace)[i]);
        }
        const double times =
            factor > 0 ? static_cast<double>(*static_cast<const float*>(args.inputs[factor])) : 1;
        *static_cast<float*>(args.outputs[0]) = static_cast<float>(norm.finish(total) * times);
      });
    });
  };
  return chunk_kernel(query, sizeof(double), make, factor > 0 ? 1 : 0);
}

std::unique_ptr<Kernel> prepare_adaptive_clip(const OpQuery& query) {
  const AdaptiveClip clip = adaptive_clip_of(query);
  const int threads = threads_for_elements(query.threads, query.inputs[0].shape.element_count());
  auto kernel = make_kernel([clip, threads](const KernelArgs& args) {
    parallel_ranges(threads, clip.view.units, 16, [&](std::int64_t begin, std::int64_t end) {
      clip.run(static_cast<const float*>(args.inputs[0]), static_cast<const float*>(args.inputs[1]),
               static_cast<float*>(args.outputs[0]), static_cast<double*>(args.workspace), begin,
               end);
    });
  });
  kernel->workspace_bytes = static_cast<std::size_t>(clip.view.units) * 2 * sizeof(double);
  return kernel;
}

std::unique_ptr<Kernel> prepare_finite(const OpQuery& query) {
  return chunk_kernel(query, sizeof(bool), [](Chunks chunks) {
    return make_kernel([chunks = std::move(chunks)](const KernelArgs& args) {
      for_each_chunk<bool>(chunks, args, all_finite);
      const bool* finite = static_cast<const bool*>(args.workspace);
      *static_cast<bool*>(args.outputs[0]) =
          std::all_of(finite, finite + chunks.list.size(), [](bool ok) { return ok; });
    });
  });
}

}  // namespace

void register_whole_tensor_checks(KernelTable& table) {
  table.add("GlobalNorm", "cpu", only_float32, prepare_norm);
  table.add("AdaptiveClip", "cpu", only_float32, prepare_adaptive_clip);
  table.add("AllFinite", "cpu", only_float32, prepare_finite);
}

}  // namespace temper::cpu
