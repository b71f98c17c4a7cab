// Shape rules shared by the elementwise ops.
#pragma once

#include "graph/ir/batch_context.h"
#include "graph/ir/broadcast.h"
#include "graph/ir/infer_context.h"

namespace temper::graph {

// The output is like input 0; all inputs have its shape.
inline void infer_same_shape(InferContext& c) {
  for (int i = 1; i < c.input_count(); ++i) {
    c.check(c.shape(i) == c.shape(0), "inputs 0 and ", i, " must have one shape, but are ",
            c.shape(0), " and ", c.shape(i));
    c.require_same_dtype({0, i});
  }
  c.set_output(0, c.dtype(0), c.shape(0));
}

inline Shape broadcast_inputs(const InferContext& c) {
  Shape shape;
  for (int i = 0; i < c.input_count(); ++i) {
    if (c.has_input(i)) {
      shape = broadcast(shape, c.shape(i));
    }
  }
  return shape;
}

// All inputs broadcast to the output and have its dtype.
inline void infer_broadcast(InferContext& c) {
  for (int i = 1; i < c.input_count(); ++i) {
    c.require_same_dtype({0, i});
  }
  c.set_output(0, c.dtype(0), broadcast_inputs(c));
}

// The same with a bool output.
inline void infer_broadcast_to_bool(InferContext& c) {
  for (int i = 1; i < c.input_count(); ++i) {
    c.require_same_dtype({0, i});
  }
  c.set_output(0, DType::kBool, broadcast_inputs(c));
}

inline void require_float(const InferContext& c, int i = 0) {
  c.check(is_float(c.dtype(i)), "input ", i, " must be of a floating type, but is ", c.dtype(i));
}

inline void require_number(const InferContext& c, int i = 0) {
  c.check(is_float(c.dtype(i)) || is_integer(c.dtype(i)), "input ", i,
          " must be of a number type, but is ", c.dtype(i));
}

inline void infer_float_unary(InferContext& c) {
  require_float(c);
  infer_same_shape(c);
}

inline void infer_number_unary(InferContext& c) {
  require_number(c);
  infer_same_shape(c);
}

inline void infer_number_broadcast(InferContext& c) {
  require_number(c);
  infer_broadcast(c);
}

// The functor of an op without parameters; with `alpha`; with `alpha` and `beta`. The attributes
// are there by inference.
template <Functor kFunctor>
std::optional<FunctorCall> plain_functor(const Attrs&) {
  return FunctorCall{kFunctor};
}
template <Functor kFunctor>
std::optional<FunctorCall> alpha_functor(const Attrs& attrs) {
  return FunctorCall{kFunctor, attrs.get_double("alpha", 1)};
}
template <Functor kFunctor>
std::optional<FunctorCall> alpha_beta_functor(const Attrs& attrs) {
  return FunctorCall{kFunctor, attrs.get_double("alpha", 1), attrs.get_double("beta", 0)};
}

}  // namespace temper::graph
