// RandomNormal, RandomUniform, the same like another tensor, Bernoulli and Multinomial. In training
// each step draws other numbers, as Dropout does: a function of the run's seed, the node's number
// and the samples before the batch, which is then the last input. Elsewhere a node draws the same
// numbers each time.
#include <bit>

#include "graph/ir/batch_context.h"
#include "graph/ir/builder.h"
#include "graph/ir/infer_context.h"
#include "graph/ir/node_draft.h"
#include "graph/ir/training_context.h"
#include "graph/ops/standard_ops.h"

namespace temper::graph {
namespace {

// The stream, and the position in it: input `at`, which only training adds.
void settle_stream(InferContext& c, int at) {
  Attrs& attrs = c.attrs();
  attrs.set("seed", attrs.get_int("seed", 0));
  if (!attrs.has("random_id")) {
    attrs.set("random_id", std::int64_t{c.node().outputs.front().index});
  }
  if (c.has_input(at)) {
    c.check(c.dtype(at) == DType::kInt64 && c.shape(at).element_count() == 1,
            "position must be one i64, but is ", c.dtype(at), " ", c.shape(at));
  }
}

DType drawn_type(InferContext& c, DType fallback) {
  const DType dtype =
      c.attrs().has("dtype") ? dtype_from_name(c.attrs().get_string("dtype", "")) : fallback;
  c.check(dtype != DType::kUndefined && dtype != DType::kOpaque, "there is no such type to draw");
  c.attrs().set("dtype", std::string(to_string(dtype)));
  return dtype;
}

// y = mean + scale z with z normal, or low + (high - low) u with u from 0 to 1
void draw_floats(InferContext& c, DType fallback, const Shape& shape) {
  Attrs& attrs = c.attrs();
  for (const auto& [name, value] :
       {std::pair{"mean", 0.0}, {"scale", 1.0}, {"low", 0.0}, {"high", 1.0}}) {
    attrs.set(name, attrs.get_double(name, value));
  }
  const DType dtype = drawn_type(c, fallback);
  c.check(is_float(dtype), "random numbers are floats, not ", dtype);
  c.set_output(0, dtype, shape);
}

void infer_random(InferContext& c) {
  const Shape shape(c.attrs().get_ints("shape"));
  for (const std::int64_t dim : shape) {
    c.check(dim >= 0, "random numbers of the shape ", shape);
  }
  settle_stream(c, 0);
  draw_floats(c, DType::kFloat32, shape);
}

void infer_random_like(InferContext& c) {
  settle_stream(c, 1);
  draw_floats(c, c.dtype(0), c.shape(0));
}

// y = 1 with probability x, else 0
void infer_bernoulli(InferContext& c) {
  settle_stream(c, 1);
  c.check(is_float(c.dtype(0)), "probabilities are floats, not ", c.dtype(0));
  c.set_output(0, drawn_type(c, c.dtype(0)), c.shape(0));
}

// x [N, C] -> y [N, sample_size], each number k with probability softmax(x)[k]
void infer_multinomial(InferContext& c) {
  settle_stream(c, 1);
  const Shape& x = c.shape(0);
  const std::int64_t samples = c.attrs().get_int("sample_size", 1);
  c.check(x.rank() == 2 && x[1] > 0 && is_float(c.dtype(0)),
          "Multinomial takes logarithms of probabilities [N, C], not ", c.dtype(0), " ", x);
  c.check(samples >= 0, "Multinomial has sample_size ", samples);
  const DType dtype = drawn_type(c, DType::kInt32);
  c.check(dtype == DType::kInt32 || dtype == DType::kInt64, "Multinomial gives i32 or i64, not ",
          dtype);
  c.attrs().set("sample_size", samples);
  c.set_output(0, dtype, {x[0], samples});
}

template <std::size_t kInputs>
void train_random(TrainingContext& c) {
  if (!c.options().dropout) {
    return;
  }
  TEMPER_ASSERT(c.options().position.valid());
  const Node& node = c.node();
  Attrs attrs = node.attrs;
  attrs.set("seed", static_cast<std::int64_t>(c.options().seed));
  attrs.set("random_id", c.next_random_id());
  std::vector<ValueId> inputs = node.inputs;
  inputs.resize(kInputs);
  inputs.push_back(c.graph().read_variable(c.options().position));
  Builder builder(c.graph(), node.origin);
  c.replace({builder.op(node.op->name(), std::move(inputs), std::move(attrs))});
}

// The seed of a file is a float; its bits are as good as another number.
template <std::size_t kInputs>
void upgrade_random(NodeDraft& d) {
  TEMPER_CHECK(d.inputs.size() <= kInputs, ErrorCode::kInvalidModel, d.op, " has ", d.inputs.size(),
               " inputs, expected ", kInputs);
  d.attrs.erase("random_id");
  if (d.attrs.has("seed")) {
    d.attrs.set("seed", std::bit_cast<std::int64_t>(d.attrs.get_double("seed", 0)));
  }
}

int batch_of_multinomial(const BatchContext& c) {
  c.check(c.data_axis() == 0, "draws among the samples of the batch");
  return 0;
}

}  // namespace

void register_random(OpRegistry& ops) {
  constexpr const char* kReason = "random numbers do not depend on anything smoothly";
  for (const char* name : {"RandomNormal", "RandomUniform"}) {
    ops.add(name)
        .inputs(0, 1)
        .infer(infer_random)
        .upgrade(upgrade_random<0>)
        .training(train_random<0>, nullptr)
        .type_attribute("dtype")
        .no_gradient(kReason)
        .stateful();
  }
  struct Row {
    const char* name;
    InferFunction infer;
    BatchFunction batch;
  };
  for (const Row& row : {Row{"RandomNormalLike", infer_random_like, batch_elementwise},
                         {"RandomUniformLike", infer_random_like, batch_elementwise},
                         {"Bernoulli", infer_bernoulli, batch_elementwise},
                         {"Multinomial", infer_multinomial, batch_of_multinomial}}) {
    ops.add(row.name)
        .inputs(1, 2)
        .infer(row.infer)
        .batch(row.batch)
        .upgrade(upgrade_random<1>)
        .training(train_random<1>, nullptr)
        .type_attribute("dtype")
        .no_gradient(kReason)
        .stateful();
  }
}

}  // namespace temper::graph
