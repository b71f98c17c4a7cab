// ArgMax and ArgMin of f32 over the last axis, or over one of which all later axes have one
// element.
#include "backends/cpu/parallel.h"
#include "backends/cpu/row_loops.h"
#include "runtime/backend/kernel_table.h"
#include "runtime/base/concat.h"

namespace temper::cpu {
namespace {

Support supports(const OpQuery& query) {
  const TensorSpec& x = query.inputs[0];
  if (x.dtype != DType::kFloat32) {
    return Support::no(concat("only f32, not ", x.dtype));
  }
  const auto axis = static_cast<int>(query.attrs->get_int("axis", 0));
  return axis < x.shape.rank() && x.shape.count(axis + 1, x.shape.rank()) == 1
             ? Support::yes()
             : Support::no("only the last axis");
}

template <bool kSmallest>
std::unique_ptr<Kernel> prepare(const OpQuery& query) {
  const Shape& x = query.inputs[0].shape;
  const auto axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const std::int64_t rows = x.count(0, axis), size = x[axis];
  const bool last_wins = query.attrs->get_int("select_last_index", 0) != 0;
  const int threads = threads_for_elements(query.threads, x.element_count());
  auto kernel = make_kernel([=](const KernelArgs& args) {
    const auto* values = static_cast<const float*>(args.inputs[0]);
    auto* index = static_cast<std::int64_t*>(args.outputs[0]);
    parallel_ranges(threads, rows, 8, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t r = begin; r < end; ++r) {
        index[r] = row_extremum(values + r * size, size, kSmallest, last_wins);
      }
    });
  });
  kernel->description = "vector";
  return kernel;
}

}  // namespace

void register_arg_max(KernelTable& table) {
  table.add("ArgMax", "cpu", supports, prepare<false>);
  table.add("ArgMin", "cpu", supports, prepare<true>);
}

}  // namespace temper::cpu
