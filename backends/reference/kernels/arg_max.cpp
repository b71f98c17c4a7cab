// ArgMax, ArgMin and OneHot: from values to indices and back.
#include "backends/host/cast_element.h"
#include "backends/reference/element_order.h"
#include "backends/reference/reference_backend.h"

namespace temper::reference {
namespace {

// Whether the challenger takes the place of the best one so far: `kSmallest` asks for the smallest
// element. NaN beats every number; an equal element wins only where the last one is wanted.
template <bool kSmallest, class T>
bool beats(T challenger, T best, bool last_wins) {
  if (is_nan(best)) {
    return last_wins && is_nan(challenger);
  }
  if (is_nan(challenger)) {
    return true;
  }
  const bool equal = challenger == best;
  return equal ? last_wins : kSmallest ? challenger < best : challenger > best;
}

template <bool kSmallest>
std::unique_ptr<Kernel> prepare_arg_max(const OpQuery& query) {
  const Shape& shape = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const bool last_wins = query.attrs->get_int("select_last_index", 0) != 0;
  const std::int64_t outer = shape.count(0, axis);
  const std::int64_t dim = shape[axis];
  const std::int64_t inner = shape.count(axis + 1, shape.rank());
  return visit_any(query.inputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const T* x = static_cast<const T*>(args.inputs[0]);
      std::int64_t* y = static_cast<std::int64_t*>(args.outputs[0]);
      for (std::int64_t o = 0; o < outer; ++o) {
        for (std::int64_t i = 0; i < inner; ++i) {
          const T* line = x + o * dim * inner + i;
          std::int64_t best = 0;
          for (std::int64_t d = 1; d < dim; ++d) {
            if (beats<kSmallest>(comparable(line[d * inner]), comparable(line[best * inner]),
                                 last_wins)) {
              best = d;
            }
          }
          y[o * inner + i] = best;
        }
      }
    });
  });
}

using ReadAnyIndex = std::int64_t (*)(const void* indices, std::int64_t at);

ReadAnyIndex index_reader(DType dtype) {
  return visit_any(dtype, []<class I>() -> ReadAnyIndex {
    return [](const void* indices, std::int64_t at) {
      return cast_element<std::int64_t>(static_cast<const I*>(indices)[at]);
    };
  });
}

std::unique_ptr<Kernel> prepare_one_hot(const OpQuery& query) {
  const Shape& indices = query.inputs[0].shape;
  const int axis = static_cast<int>(query.attrs->get_int("axis", 0));
  const std::int64_t depth = query.attrs->get_int("depth", 0);
  const std::int64_t outer = indices.count(0, axis);
  const std::int64_t inner = indices.count(axis, indices.rank());
  const ReadAnyIndex index_at = index_reader(query.inputs[0].dtype);
  return visit_bits(query.outputs[0].dtype, [&]<class T>() -> std::unique_ptr<Kernel> {
    return make_kernel([=](const KernelArgs& args) {
      const T* values = static_cast<const T*>(args.inputs[2]);
      T* y = static_cast<T*>(args.outputs[0]);
      for (std::int64_t o = 0; o < outer; ++o) {
        for (std::int64_t i = 0; i < inner; ++i) {
          std::int64_t hot = index_at(args.inputs[0], o * inner + i);
          hot = hot < 0 ? hot + depth : hot;
          for (std::int64_t d = 0; d < depth; ++d) {
            y[(o * depth + d) * inner + i] = values[d == hot ? 1 : 0];
          }
        }
      }
    });
  });
}

}  // namespace

void register_arg_max(KernelTable& table) {
  table.add("ArgMax", "reference", {}, prepare_arg_max<false>);
  table.add("ArgMin", "reference", {}, prepare_arg_max<true>);
  table.add("OneHot", "reference", {}, prepare_one_hot);
}

}  // namespace temper::reference
