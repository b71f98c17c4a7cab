// The optimizers' updates of all parameters at once. Their outputs are the variables' own memory.
#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

constexpr int kFirstParameter = 4;  // after ok, rates, step, scale

void check_scalars(InferContext& c) {
  c.check(c.dtype(0) == DType::kBool && c.shape(0).element_count() == 1,
          "ok must be one bool, but is ", c.dtype(0), " ", c.shape(0));
  c.check(c.dtype(1) == DType::kFloat64 && c.rank(1) == 1 && c.shape(1)[0] > 0,
          "rates must be a list of f64, but is ", c.dtype(1), " ", c.shape(1));
  c.check(c.dtype(2) == DType::kInt64 && c.shape(2).element_count() == 1,
          "step must be one i64, but is ", c.dtype(2), " ", c.shape(2));
  if (c.has_input(3)) {
    c.check(is_float(c.dtype(3)) && c.shape(3).element_count() == 1,
            "scale must be one float, but is ", c.dtype(3), " ", c.shape(3));
  }
}

// Fills in group_of, group_lr_scale and group_weight_decay: one group with the schedule's own rate.
void check_groups(InferContext& c, std::int64_t count) {
  Attrs& attrs = c.attrs();
  std::vector<std::int64_t> group_of = attrs.get_ints("group_of");
  std::vector<double> scales = attrs.get_doubles("group_lr_scale");
  std::vector<double> decays = attrs.get_doubles("group_weight_decay");
  if (group_of.empty()) {
    group_of.assign(static_cast<std::size_t>(count), 0);
  }
  if (scales.empty()) {
    scales.assign(std::max<std::size_t>(decays.size(), 1), 1.0);
  }
  if (decays.empty()) {
    decays.assign(scales.size(), 0.0);
  }
  c.check(static_cast<std::int64_t>(group_of.size()) == count, "group_of has ", group_of.size(),
          " entries, expected one for each of the ", count, " parameters");
  c.check(scales.size() == decays.size(), "group_lr_scale has ", scales.size(),
          " entries, but group_weight_decay has ", decays.size());
  for (const std::int64_t group : group_of) {
    c.check(group >= 0 && group < static_cast<std::int64_t>(scales.size()), "group_of names group ",
            group, ", but there are ", scales.size());
  }
  attrs.set("group_of", std::move(group_of));
  attrs.set("group_lr_scale", std::move(scales));
  attrs.set("group_weight_decay", std::move(decays));
}

// Inputs after the scalars: `sets` blocks of n tensors (p, g, then states); outputs: the blocks
// without g.
void infer_update(InferContext& c, int sets) {
  check_scalars(c);
  const int given = c.input_count() - kFirstParameter;
  const std::int64_t count = c.attrs().get_int("count", given / sets);
  c.check(count > 0 && given == count * sets, "there are ", given, " tensors, expected ", sets,
          " for each of ", count, " parameters");
  c.check(c.output_count() == count * (sets - 1), "there are ", c.output_count(),
          " outputs, expected ", count * (sets - 1));
  c.attrs().set("count", count);
  c.attrs().set("maximize", c.attrs().get_int("maximize", 0));
  check_groups(c, count);
  const int n = static_cast<int>(count);
  for (int i = 0; i < n; ++i) {
    const int parameter = kFirstParameter + i;
    for (int set = 1; set < sets; ++set) {
      const int other = parameter + set * n;
      c.check(c.shape(other) == c.shape(parameter) && c.dtype(other) == c.dtype(parameter),
              "input ", other, " is ", c.dtype(other), " ", c.shape(other),
              ", but its parameter is ", c.dtype(parameter), " ", c.shape(parameter));
    }
    for (int out = 0; out < sets - 1; ++out) {
      c.set_output(out * n + i, c.dtype(parameter), c.shape(parameter));
    }
  }
}

void infer_sgd(InferContext& c) {
  Attrs& attrs = c.attrs();
  const double momentum = attrs.get_double("momentum", 0);
  const double dampening = attrs.get_double("dampening", 0);
  const bool nesterov = attrs.get_int("nesterov", 0) != 0;
  TEMPER_CHECK(momentum >= 0, ErrorCode::kInvalidArgument, "momentum is ", momentum,
               ", expected 0 or more");
  TEMPER_CHECK(!nesterov || (momentum > 0 && dampening == 0), ErrorCode::kInvalidArgument,
               "nesterov needs momentum above 0 and no dampening, but they are ", momentum, " and ",
               dampening);
  attrs.set("momentum", momentum);
  attrs.set("dampening", dampening);
  attrs.set("nesterov", std::int64_t{nesterov});
  infer_update(c, momentum != 0 ? 3 : 2);
}

void infer_adam(InferContext& c) {
  Attrs& attrs = c.attrs();
  const double beta1 = attrs.get_double("beta1", 0.9);
  const double beta2 = attrs.get_double("beta2", 0.999);
  const double epsilon = attrs.get_double("epsilon", 1e-8);
  TEMPER_CHECK(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1, ErrorCode::kInvalidArgument,
               "beta1 and beta2 are ", beta1, " and ", beta2, ", expected 0 or more and below 1");
  TEMPER_CHECK(epsilon >= 0, ErrorCode::kInvalidArgument, "epsilon is ", epsilon,
               ", expected 0 or more");
  attrs.set("beta1", beta1);
  attrs.set("beta2", beta2);
  attrs.set("epsilon", epsilon);
  attrs.set("decoupled", attrs.get_int("decoupled", 0));
  infer_update(c, 4);
}

}  // namespace

void register_optimizer_updates(OpRegistry& ops) {
  ops.add("SgdUpdate")
      .inputs(6, -1)
      .outputs(1, -1)
      .infer(infer_sgd)
      .no_gradient("an update is not part of the loss")
      .precision(PrecisionClass::kFloat32)
      .commits()
      .internal();
  ops.add("AdamUpdate")
      .inputs(8, -1)
      .outputs(3, -1)
      .infer(infer_adam)
      .no_gradient("an update is not part of the loss")
      .precision(PrecisionClass::kFloat32)
      .commits()
      .internal();
}

}  // namespace temper::graph
