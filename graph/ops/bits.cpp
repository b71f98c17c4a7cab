// Integers as bits: BitShift, BitwiseAnd, BitwiseOr, BitwiseXor (broadcasting), BitwiseNot; and
// BitCast, which gives an element's bits another type of the same size.
#include <string>

#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_bitwise(InferContext& c) {
  c.check(is_integer(c.dtype(0)), "input 0 must be of an integer type, but is ", c.dtype(0));
  infer_broadcast(c);
}

void infer_shift(InferContext& c) {
  const std::string direction = c.attrs().get_string("direction", "");
  c.check(direction == "LEFT" || direction == "RIGHT", "BitShift's direction is \"", direction,
          "\", expected \"LEFT\" or \"RIGHT\"");
  infer_bitwise(c);
}

void infer_bit_cast(InferContext& c) {
  const std::string name = c.attrs().get_string("to", "");
  const DType to = dtype_from_name(name);
  c.check(to != DType::kUndefined && to != DType::kOpaque, "BitCast to '", name,
          "', which is no element type");
  // Floats of 16 bits in a file are computed in 32: their bits are not there to be looked at.
  TEMPER_CHECK(size_of(to) == size_of(c.dtype(0)), ErrorCode::kUnsupported, "BitCast from ",
               c.dtype(0), " to ", to, ", which differ in size (a file's 16-bit floats are f32)");
  c.set_output(0, to, c.shape(0));
}

}  // namespace

void register_bits(OpRegistry& ops) {
  ops.add("BitShift")
      .batch(batch_elementwise)
      .inputs(2, 2)
      .infer(infer_shift)
      .no_gradient("integer output");
  for (const char* name : {"BitwiseAnd", "BitwiseOr", "BitwiseXor"}) {
    ops.add(name)
        .batch(batch_elementwise)
        .inputs(2, 2)
        .infer(infer_bitwise)
        .no_gradient("integer output");
  }
  ops.add("BitwiseNot").batch(batch_elementwise).infer(infer_bitwise).no_gradient("integer output");
  // In float32: under mixed precision 16 bits would be another number's.
  ops.add("BitCast")
      .since(26)
      .type_attribute("to")
      .batch(batch_elementwise)
      .infer(infer_bit_cast)
      .no_gradient("bits have no slope")
      .precision(PrecisionClass::kFloat32);
}

}  // namespace temper::graph
