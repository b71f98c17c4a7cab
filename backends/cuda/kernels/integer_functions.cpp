// Bitwise operations and shifts; Mod, PRelu and Shrink of integers; BitCast.
#include "backends/cuda/kernels/integer_functions.h"

#include "backends/cuda/kernel_rows.h"
#include "backends/cuda/kernels/cast.h"
#include "backends/cuda/kernels/strided_copies.h"
#include "backends/cuda/walks.h"

namespace temper::cuda {
namespace {

bool set_pair(const OpQuery& query, Places<2>& places) {
  return set_axes(places, broadcast_axes(query.outputs[0].shape,
                                         {query.inputs[0].shape, query.inputs[1].shape}));
}

Support supports_integers(const OpQuery& query) {
  const DType dtype = query.inputs[0].dtype;
  return is_integer(dtype) ? Support::yes() : Support::no(concat("no ", dtype));
}

Support supports_pair(const OpQuery& query) {
  Places<2> places;
  const Support types = supports_integers(query);
  return !types.ok                 ? types
         : set_pair(query, places) ? Support::yes()
                                   : Support::no("too many axes that cannot be joined");
}

void add_pair(KernelTable& table, std::string_view op, IntegerPair (*pair_of)(const Attrs&)) {
  add_row(table, op, supports_pair, [pair_of](const OpQuery& query) {
    Places<2> places;
    set_pair(query, places);
    return make_kernel([places, pair = pair_of(*query.attrs),
                        dtype = query.inputs[0].dtype](const KernelArgs& args) {
      integer_pair(pair, dtype, places, args.inputs[0], args.inputs[1], args.outputs[0],
                   handle_of(args.stream));
    });
  });
}

std::unique_ptr<Kernel> prepare_not(const OpQuery& query) {
  return make_kernel([dtype = query.inputs[0].dtype,
                      count = query.inputs[0].shape.element_count()](const KernelArgs& args) {
    bitwise_not(dtype, args.inputs[0], args.outputs[0], count, handle_of(args.stream));
  });
}

std::unique_ptr<Kernel> prepare_shrink(const OpQuery& query) {
  return make_kernel([dtype = query.inputs[0].dtype, bound = query.attrs->get_double("lambd", 0.5),
                      bias = query.attrs->get_double("bias", 0),
                      count = query.inputs[0].shape.element_count()](const KernelArgs& args) {
    shrink_integers(dtype, bound, bias, args.inputs[0], args.outputs[0], count,
                    handle_of(args.stream));
  });
}

// Bits as they are; those of a bool are 0 or 1.
std::unique_ptr<Kernel> prepare_bit_cast(const OpQuery& query) {
  const std::int64_t count = query.inputs[0].shape.element_count();
  const std::size_t bytes = size_of(query.inputs[0].dtype);
  const bool truths = query.outputs[0].dtype == DType::kBool;
  Places<2> places;
  set_axes(places, {{count, {1, 1}}});
  return make_kernel([=](const KernelArgs& args) {
    if (truths) {
      cast_elements(DType::kUInt8, args.inputs[0], DType::kBool, args.outputs[0], count,
                    handle_of(args.stream));
    } else if (count > 0) {
      copy_strided(places, bytes, args.inputs[0], args.outputs[0], handle_of(args.stream));
    }
  });
}

template <IntegerPair kPair>
IntegerPair always(const Attrs&) {
  return kPair;
}

}  // namespace

void register_integer_functions(KernelTable& table) {
  add_pair(table, "BitwiseAnd", always<IntegerPair::kAnd>);
  add_pair(table, "BitwiseOr", always<IntegerPair::kOr>);
  add_pair(table, "BitwiseXor", always<IntegerPair::kXor>);
  add_pair(table, "PRelu", always<IntegerPair::kPRelu>);
  add_pair(table, "BitShift", [](const Attrs& attrs) {
    return attrs.get_string("direction", "") == "LEFT" ? IntegerPair::kShiftLeft
                                                       : IntegerPair::kShiftRight;
  });
  add_pair(table, "Mod", [](const Attrs& attrs) {
    return attrs.get_int("fmod", 0) != 0 ? IntegerPair::kTruncatedMod : IntegerPair::kFlooredMod;
  });
  add_row(table, "BitwiseNot", supports_integers, prepare_not);
  add_row(table, "Shrink", supports_integers, prepare_shrink);
  add_row(table, "BitCast", {}, prepare_bit_cast);
  table.set_any_type("BitCast");
}

}  // namespace temper::cuda
