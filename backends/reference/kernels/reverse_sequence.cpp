// ReverseSequence. A length beyond the steps there are is noted for whoever runs the kernel, and
// reverses nothing.
#include <algorithm>

#include "backends/reference/reference_backend.h"
#include "runtime/base/dtype_visit.h"

namespace temper::reference {
namespace {

std::unique_ptr<Kernel> prepare_reverse_sequence(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const bool batch_first = query.attrs->get_int("batch_axis", 1) == 0;
  const std::int64_t rows = shape[0], columns = shape[1];
  const std::int64_t steps = batch_first ? columns : rows;
  const std::int64_t inner = shape.count(2, shape.rank());
  return visit_bits(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      const std::int64_t* lengths = static_cast<const std::int64_t*>(args.inputs[1]);
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j, y += inner) {
          const std::int64_t step = batch_first ? j : i;
          std::int64_t length = lengths[batch_first ? i : j];
          if (length < 0 || length > steps) {
            args.note_index(length, 0, steps + 1);
            length = 0;
          }
          const std::int64_t from = step < length ? length - 1 - step : step;
          const std::int64_t at = batch_first ? i * columns + from : from * columns + j;
          std::copy_n(x + at * inner, inner, y);
        }
      }
    });
  });
}

}  // namespace

void register_reverse_sequence(KernelTable& table) {
  table.add("ReverseSequence", "reference", {}, prepare_reverse_sequence);
}

}  // namespace temper::reference
