// DropoutTrain of f32: the mask is drawn for whole blocks of random words.
#include <algorithm>
#include <cmath>

#include "backends/cpu/parallel.h"
#include "backends/cpu/random_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"

namespace temper::cpu {
namespace {

constexpr std::int64_t kTile = 1024;

struct DropoutPlan {
  std::int64_t elements = 0, per_sample = 1;
  std::uint32_t bound = 0;  // of the upper 24 bits of a word: the ratio of them
  float scale = 0;
  PhiloxStream stream;
};

DropoutPlan plan_dropout(const OpQuery& query) {
  const Attrs& attrs = *query.attrs;
  const Shape& x = query.inputs[0].shape;
  const double ratio = attrs.get_double("ratio", 0.5);
  return {x.element_count(), x.rank() == 0 ? 1 : x.count(1, x.rank()),
          static_cast<std::uint32_t>(std::ceil(ratio * 0x1p24)),
          static_cast<float>(ratio < 1 ? 1.0 / (1.0 - ratio) : 0.0),
          PhiloxStream(static_cast<std::uint64_t>(attrs.get_int("seed", 0)),
                       static_cast<std::uint64_t>(attrs.get_int("random_id", 0)))};
}

// Elements [first, first + n) of the batch, whose element 0 has word `origin`.
void drop_tile(const DropoutPlan& plan, std::uint64_t origin, std::int64_t first, std::int64_t n,
               const float* x, float* y, bool* mask) {
  std::uint32_t words[kTile + 2 * kPhiloxWords];
  const std::uint64_t position = origin + static_cast<std::uint64_t>(first);
  const std::uint64_t block = position / 4;
  const auto skipped = static_cast<std::int64_t>(position % 4);
  philox_words(plan.stream, block, (skipped + n + 3) / 4, words);
  drop(words + skipped, plan.bound, x + first, plan.scale, y == nullptr ? y : y + first,
       mask == nullptr ? mask : mask + first, n);
}

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const bool wants_y = has_output(query, 0), wants_mask = has_output(query, 1);
  const int threads = threads_for_elements(query.threads, query.inputs[0].shape.element_count());
  auto kernel = make_kernel([=, plan = plan_dropout(query)](const KernelArgs& args) {
    const std::uint64_t origin =
        static_cast<std::uint64_t>(*static_cast<const std::int64_t*>(args.inputs[1])) *
        static_cast<std::uint64_t>(plan.per_sample);
    parallel_ranges(threads, plan.elements, kTile, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t first = begin; first < end; first += kTile) {
        drop_tile(plan, origin, first, std::min(kTile, end - first),
                  static_cast<const float*>(args.inputs[0]),
                  wants_y ? static_cast<float*>(args.outputs[0]) : nullptr,
                  wants_mask ? static_cast<bool*>(args.outputs[1]) : nullptr);
      }
    });
  });
  if (wants_y) {
    kernel->inplace = {{0, 0}};
  }
  kernel->description = "vector";
  return kernel;
}

Support supports(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return dtype == DType::kFloat32 ? Support::yes() : Support::no(concat("only f32, not ", dtype));
}

}  // namespace

void register_dropout(KernelTable& table) { table.add("DropoutTrain", "cpu", supports, prepare); }

}  // namespace temper::cpu
