// Trilu of any element type: of each row the part that stays is copied.
#include <algorithm>
#include <cstring>

#include "backends/cpu/parallel.h"
#include "runtime/backend/kernel_table.h"

namespace temper::cpu {
namespace {

struct TrianglePlan {
  std::int64_t rows = 0, columns = 0, k = 0, size = 0;  // size: bytes of an element
  bool upper = true;

  // Columns [begin, end) of row i stay.
  std::int64_t begin(std::int64_t i) const {
    return upper ? std::clamp<std::int64_t>(i + k, 0, columns) : 0;
  }
  std::int64_t end(std::int64_t i) const {
    return upper ? columns : std::clamp<std::int64_t>(i + k + 1, 0, columns);
  }
  void copy_row(std::int64_t i, const char* x, char* y) const {
    const std::int64_t first = begin(i) * size, last = end(i) * size;
    std::memset(y, 0, static_cast<std::size_t>(first));
    if (x != y && last > first) {
      std::memcpy(y + first, x + first, static_cast<std::size_t>(last - first));
    }
    std::memset(y + last, 0, static_cast<std::size_t>(columns * size - last));
  }
};

std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  TrianglePlan plan;
  plan.rows = shape[shape.rank() - 2];
  plan.columns = shape[shape.rank() - 1];
  plan.k = query.attrs->get_ints("k").front();
  plan.size = static_cast<std::int64_t>(size_of(query.inputs[0].dtype));
  plan.upper = query.attrs->get_int("upper", 1) != 0;
  const std::int64_t all_rows = shape.count(0, shape.rank() - 1);
  const int threads = threads_for_elements(query.threads, shape.element_count());
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* x = static_cast<const char*>(args.inputs[0]);
    auto* y = static_cast<char*>(args.outputs[0]);
    parallel_ranges(threads, all_rows, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t row = begin; row < end; ++row) {
        const std::int64_t at = row * plan.columns * plan.size;
        plan.copy_row(row % plan.rows, x + at, y + at);
      }
    });
  });
  kernel->inplace = {{0, 0}};
  kernel->description = "rows in parallel";
  return kernel;
}

}  // namespace

void register_trilu(KernelTable& table) { table.add("Trilu", "cpu", {}, prepare); }

}  // namespace temper::cpu
