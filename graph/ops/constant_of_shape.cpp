// ConstantOfShape and Range: tensors made from numbers known when the graph is compiled.
#include <cmath>

#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

void infer_constant_of_shape(InferContext& c) {
  const auto asked = c.take_ints("shape", 0);
  c.check(asked.has_value(), "ConstantOfShape has no shape");
  for (const std::int64_t dim : *asked) {
    c.check(dim >= 0, "ConstantOfShape with shape [", join(*asked, ","), "]: ", dim,
            " is no dimension");
  }
  const std::string name = c.attrs().get_string("dtype", "f32");
  const DType dtype = dtype_from_name(name);
  c.check(dtype != DType::kUndefined && dtype != DType::kOpaque, "ConstantOfShape of type '", name,
          "', which is no element type");
  c.attrs().set("dtype", name);
  if (!c.attrs().has("value")) {
    c.attrs().set("value", 0.0);
  }
  c.set_output(0, dtype, Shape(*asked));
}

std::int64_t integer_count(std::int64_t start, std::int64_t limit, std::int64_t delta) {
  const __int128 span = static_cast<__int128>(limit) - start;
  const __int128 step = delta;
  const __int128 count = (span + step + (step > 0 ? -1 : 1)) / step;
  return count < 0 ? 0 : static_cast<std::int64_t>(count < INT64_MAX ? count : INT64_MAX);
}

// ceil((limit - start) / delta) numbers, none when that is negative.
void infer_range(InferContext& c) {
  c.require_same_dtype({0, 1, 2});
  for (const int i : {0, 1, 2}) {
    TEMPER_CHECK(c.constant(i) != nullptr, ErrorCode::kUnsupported, "input ", i,
                 " of Range is computed from data; only values known when the graph is compiled "
                 "are supported");
    c.check(c.constant(i)->element_count() == 1, "input ", i,
            " of Range must be a scalar, but has the shape ", c.shape(i));
  }
  std::int64_t count = 0;
  if (is_float(c.dtype(0))) {
    const double start = c.constant(0)->values<double>().front();
    const double limit = c.constant(1)->values<double>().front();
    const double delta = c.constant(2)->values<double>().front();
    const double exact = std::ceil((limit - start) / delta);
    c.check(delta != 0 && exact < 0x1p62, "Range from ", start, " to ", limit, " by ", delta,
            " has no end");
    count = exact > 0 ? static_cast<std::int64_t>(exact) : 0;
  } else {
    c.check(is_integer(c.dtype(0)), "Range of ", c.dtype(0));
    const auto number = [&](int i) { return c.constant(i)->values<std::int64_t>().front(); };
    c.check(number(2) != 0, "Range from ", number(0), " to ", number(1), " by 0 has no end");
    count = integer_count(number(0), number(1), number(2));
  }
  c.set_output(0, c.dtype(0), {count});
}

void upgrade_range(NodeDraft& d) { d.attrs.erase("stash_type"); }

}  // namespace

void register_constant_of_shape(OpRegistry& ops) {
  ops.add("ConstantOfShape")
      .takes_narrow()
      .filler_attribute("value")
      .inputs(0, 1)
      .absorbs({0})
      .writes(0, "shape", InputForm::kIntegers)
      .unwritten({"dtype"})
      .infer(infer_constant_of_shape)
      .no_gradient("a constant");
  ops.add("Range")
      .upgrade(upgrade_range)
      .inputs(3, 3)
      .absorbs({0, 1, 2})
      .infer(infer_range)
      .no_gradient("its inputs are constants");
}

}  // namespace temper::graph
