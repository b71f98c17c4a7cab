// Cast and CastLike: element by element, see cast_element.h.
#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "backends/host/cast_element.h"
#include "backends/reference/quantization.h"
#include "backends/reference/reference_backend.h"
#include "runtime/base/narrow_types.h"

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

// A type of codes that Cast leaves: its numbers are double, which are all of them.
void read_codes(const std::array<double, 256>& numbers, const void* x, std::int64_t from,
                std::int64_t count, double* block) {
  const std::uint8_t* codes = static_cast<const std::uint8_t*>(x) + from;
  std::transform(codes, codes + count, block, [&](std::uint8_t code) { return numbers[code]; });
}

NarrowRounding rounding_of(const Attrs& attrs) {
  const std::string mode = attrs.get_string("round_mode", "up");
  return {attrs.get_int("saturate", 1) != 0, mode == "nearest" ? PowerRounding::kNearest
                                             : mode == "down"  ? PowerRounding::kDown
                                                               : PowerRounding::kUp};
}

// The low bits of an integer, all that a narrow one keeps.
ReadElement low_bits_reader(DType from) {
  return visit_integer(from, []<class T>() -> ReadElement {
    return [](const void* tensor, std::int64_t at) {
      return static_cast<double>(static_cast<const T*>(tensor)[at] & T{15});
    };
  });
}

// From or to a narrow type, by way of double.
std::unique_ptr<Kernel> prepare_narrow_cast(const OpQuery& query) {
  const std::int64_t count = query.inputs[0].shape.element_count();
  const DType from = query.inputs[0].dtype;
  const DType to = query.outputs[0].dtype;
  const NarrowRounding rounding = rounding_of(*query.attrs);
  const bool wraps = is_integer(from) && is_narrow(to) && !is_narrow_float(to);
  const ReadElement read = is_narrow(from) ? nullptr
                           : wraps         ? low_bits_reader(from)
                                           : reader_of(from);
  const Narrow write = is_narrow(to) ? nullptr : narrow_from<double>(to);
  return make_kernel([=](const KernelArgs& args) {
    double block[kBlock];
    for (std::int64_t i = 0; i < count; i += kBlock) {
      const std::int64_t length = std::min(kBlock, count - i);
      if (read == nullptr) {
        read_codes(narrow_values(from), args.inputs[0], i, length, block);
      } else {
        for (std::int64_t k = 0; k < length; ++k) {
          block[k] = read(args.inputs[0], i + k);
        }
      }
      if (write != nullptr) {
        write(block, args.outputs[0], i, length);
        continue;
      }
      std::uint8_t* codes = static_cast<std::uint8_t*>(args.outputs[0]) + i;
      std::transform(block, block + length, codes,
                     [&](double value) { return narrow_code(to, value, rounding); });
    }
  });
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
  if (is_narrow(from) || is_narrow(to)) {
    return prepare_narrow_cast(query);
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
