// Cast and CastLike: element by element, see cast_element.h.
#include <algorithm>
#include <cstring>

#include "backends/reference/cast_element.h"
#include "backends/reference/reference_backend.h"

namespace temper::reference {
namespace {

// A value goes into the widest type of its kind first, which loses nothing, and from there into the
// other type: one loop for each type and one for each kind and type, not one for each pair of
// types.
template <class S>
auto widest(S value) {
  if constexpr (std::is_same_v<S, double>) {
    return value;
  } else if constexpr (std::is_integral_v<S> && std::is_signed_v<S>) {
    return std::int64_t{value};
  } else if constexpr (std::is_integral_v<S>) {
    return std::uint64_t{value};
  } else {
    return static_cast<float>(value);
  }
}
template <class S>
using Widest = decltype(widest(S{}));

constexpr std::int64_t kBlock = 512;  // elements between the two loops

using Widen = void (*)(const void* x, std::int64_t from, std::int64_t count, void* block);
using Narrow = void (*)(const void* block, void* y, std::int64_t from, std::int64_t count);

template <class S>
void widen(const void* x, std::int64_t from, std::int64_t count, void* block) {
  const S* values = static_cast<const S*>(x) + from;
  std::transform(values, values + count, static_cast<Widest<S>*>(block), widest<S>);
}

template <class W, class T>
void narrow(const void* block, void* y, std::int64_t from, std::int64_t count) {
  const W* values = static_cast<const W*>(block);
  std::transform(values, values + count, static_cast<T*>(y) + from, cast_element<T, W>);
}

template <class W>
Narrow narrow_from(DType to) {
  return visit_any(to, []<class T>() -> Narrow { return narrow<W, T>; });
}

Narrow narrow_function(DType from, DType to) {
  if (from == DType::kFloat64) {
    return narrow_from<double>(to);
  }
  if (is_float(from)) {
    return narrow_from<float>(to);
  }
  const bool is_signed = visit_any(from, []<class S>() { return std::is_signed_v<S>; });
  return is_signed ? narrow_from<std::int64_t>(to) : narrow_from<std::uint64_t>(to);
}

std::unique_ptr<Kernel> prepare_cast(const OpQuery& query) {
  const std::int64_t count = query.inputs[0].shape.element_count();
  const DType from = query.inputs[0].dtype;
  const DType to = query.outputs[0].dtype;
  if (from == to) {
    const std::size_t bytes = static_cast<std::size_t>(count) * size_of(to);
    return make_kernel([bytes](const KernelArgs& args) {
      if (bytes > 0) {
        std::memcpy(args.outputs[0], args.inputs[0], bytes);
      }
    });
  }
  const Widen widen_block = visit_any(from, []<class S>() -> Widen { return widen<S>; });
  const Narrow narrow_block = narrow_function(from, to);
  return make_kernel([=](const KernelArgs& args) {
    alignas(8) std::byte block[kBlock * 8];
    for (std::int64_t i = 0; i < count; i += kBlock) {
      const std::int64_t length = std::min(kBlock, count - i);
      widen_block(args.inputs[0], i, length, block);
      narrow_block(block, args.outputs[0], i, length);
    }
  });
}

}  // namespace

void register_cast(KernelTable& table) {
  table.add("Cast", "reference", {}, prepare_cast);
  table.add("CastLike", "reference", {}, prepare_cast);
  table.set_any_type("Cast");
  table.set_any_type("CastLike");
}

}  // namespace temper::reference
