// Reference kernels of BitShift, BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot and BitCast.
#include <algorithm>
#include <cstring>

#include "backends/reference/elementwise.h"

namespace temper::reference {
namespace {

template <class Make>
void add_integer(KernelTable& table, std::string_view op, Make make) {
  table.add(op, kFamily, when_dtype(is_integer), [make](const OpQuery& query) {
    return visit_integer(query.inputs[0].dtype,
                         [&]<class T>() { return make.template operator()<T>(query); });
  });
}

// Bits that leave the type are lost; a distance below 0 or beyond the type's bits moves all out.
template <class T>
bool moves_all_out(T distance) {
  constexpr int kBits = static_cast<int>(sizeof(T)) * 8;
  return distance < T(0) || distance >= T(kBits);
}

template <class T>
T shifted_left(T x, T distance) {
  const auto bits = static_cast<std::uint64_t>(x);
  return moves_all_out(distance) ? T(0) : static_cast<T>(bits << static_cast<int>(distance));
}

// Of a signed type the sign moves in from the left.
template <class T>
T shifted_right(T x, T distance) {
  if (moves_all_out(distance)) {
    return x < T(0) ? static_cast<T>(-1) : T(0);
  }
  return static_cast<T>(x >> static_cast<int>(distance));
}

template <class F>
void add_pairs(KernelTable& table, std::string_view op, F f) {
  add_integer(table, op,
              [f]<class T>(const OpQuery& query) { return broadcast_kernel<T, T, T>(query, f); });
}

std::unique_ptr<Kernel> prepare_bit_cast(const OpQuery& query) {
  const std::size_t bytes = static_cast<std::size_t>(query.inputs[0].shape.element_count()) *
                            size_of(query.inputs[0].dtype);
  if (query.outputs[0].dtype == DType::kBool) {
    return make_kernel([bytes](const KernelArgs& args) {
      const auto* x = static_cast<const std::uint8_t*>(args.inputs[0]);
      std::transform(x, x + bytes, static_cast<bool*>(args.outputs[0]),
                     [](std::uint8_t bits) { return bits != 0; });
    });
  }
  return make_kernel([bytes](const KernelArgs& args) {
    if (bytes > 0) {
      std::memcpy(args.outputs[0], args.inputs[0], bytes);
    }
  });
}

}  // namespace

void register_bits(KernelTable& table) {
  add_integer(table, "BitShift", []<class T>(const OpQuery& query) {
    return query.attrs->get_string("direction", "") == "LEFT"
               ? broadcast_kernel<T, T, T>(query, shifted_left<T>)
               : broadcast_kernel<T, T, T>(query, shifted_right<T>);
  });
  add_pairs(table, "BitwiseAnd", [](auto a, auto b) { return a & b; });
  add_pairs(table, "BitwiseOr", [](auto a, auto b) { return a | b; });
  add_pairs(table, "BitwiseXor", [](auto a, auto b) { return a ^ b; });
  add_integer(table, "BitwiseNot", []<class T>(const OpQuery& query) {
    return broadcast_kernel<T, T>(query, [](T x) { return ~x; });
  });
  table.add("BitCast", kFamily, {}, prepare_bit_cast);
  table.set_any_type("BitCast");
}

}  // namespace temper::reference
