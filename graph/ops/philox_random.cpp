// PhiloxRandom: numbers drawn inside the graph (latent noise, interpolation coefficients). Element
// e of sample i is a pure function of (seed, random_id, position + i, e), so a resumed run draws
// what the uninterrupted one would have.
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

// position: i64 scalar, the samples drawn before this batch. `shape` [N, ...], `dtype` a float
// type, `distribution` "normal" (mean 0, deviation 1) or "uniform" (0 to 1, 1 excluded).
void infer_philox_random(InferContext& c) {
  Attrs& attrs = c.attrs();
  const Shape shape(attrs.get_ints("shape"));
  c.check(shape.rank() > 0, "the shape of random numbers begins with the batch");
  const DType dtype = dtype_from_name(attrs.get_string("dtype", "f32"));
  c.check(is_float(dtype), "random numbers are floats, not ", attrs.get_string("dtype", ""));
  const std::string distribution = attrs.get_string("distribution", "normal");
  c.check(distribution == "normal" || distribution == "uniform", "distribution is '", distribution,
          "', expected normal or uniform");
  c.check(c.dtype(0) == DType::kInt64 && c.shape(0).element_count() == 1,
          "position must be one i64, but is ", c.dtype(0), c.shape(0));
  attrs.set("seed", attrs.get_int("seed", 0));
  attrs.set("random_id", attrs.get_int("random_id", 0));
  c.set_output(0, dtype, shape);
}

}  // namespace

void register_philox_random(OpRegistry& ops) {
  ops.add("PhiloxRandom")
      .infer(infer_philox_random)
      .no_gradient("random numbers do not depend on their position smoothly")
      .stateful()
      .internal();
}

}  // namespace temper::graph
