// Equal, Less, LessOrEqual, Greater, GreaterOrEqual, And, Or, Xor (broadcasting) and Not: bool
// outputs. IsNaN and IsInf as well.
#include "graph/ops/elementwise_rules.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_order(InferContext& c) {
  require_number(c);
  infer_broadcast_to_bool(c);
}

void infer_logic(InferContext& c) {
  c.check(c.dtype(0) == DType::kBool, "input 0 must be bool, but is ", c.dtype(0));
  infer_broadcast_to_bool(c);
}

void infer_float_test(InferContext& c) {
  require_float(c);
  c.set_output(0, DType::kBool, c.shape(0));
}

void infer_is_inf(InferContext& c) {
  for (const char* sign : {"detect_negative", "detect_positive"}) {
    c.attrs().set(sign, c.attrs().get_int(sign, 1));
  }
  infer_float_test(c);
}

}  // namespace

void register_comparison(OpRegistry& ops) {
  struct Row {
    const char* name;
    InferFunction infer;
    FunctorFunction functor;
  };
  using F = Functor;
  for (const Row& row : {
           Row{"Equal", infer_broadcast_to_bool, plain_functor<F::kEqual>},
           Row{"Less", infer_order, plain_functor<F::kLess>},
           Row{"LessOrEqual", infer_order, plain_functor<F::kLessOrEqual>},
           Row{"Greater", infer_order, plain_functor<F::kGreater>},
           Row{"GreaterOrEqual", infer_order, plain_functor<F::kGreaterOrEqual>},
           Row{"And", infer_logic, plain_functor<F::kAnd>},
           Row{"Or", infer_logic, plain_functor<F::kOr>},
           Row{"Xor", infer_logic, plain_functor<F::kXor>},
       }) {
    ops.add(row.name)
        .batch(batch_elementwise)
        .inputs(2, 2)
        .infer(row.infer)
        .no_gradient("bool output")
        .elementwise(row.functor);
  }
  ops.add("IsNaN").batch(batch_elementwise).infer(infer_float_test).no_gradient("bool output");
  ops.add("IsInf").batch(batch_elementwise).infer(infer_is_inf).no_gradient("bool output");
  ops.add("Not")
      .batch(batch_elementwise)
      .infer(infer_logic)
      .no_gradient("bool output")
      .elementwise(plain_functor<F::kNot>);
}

}  // namespace temper::graph
