// The optimizers' updates of all parameters at once: one op per optimizer, outputs in the
// variables' own memory. Inputs: ok (bool), rates f64[2 G, K] (row g: the learning rate of group g
// at applied step s in slot s % K; row G + g: its scheduled momentum or beta1, NaN for the
// optimizer's own), step (i64), scale (on every gradient; may be left out), then n parameters, n
// gradients and n of each of `states`, at last f64[G] where an optimizer keeps a number per group.
// Attributes: group_of (per parameter), and one number per group for each hyper-parameter.
#include <algorithm>

#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"

namespace temper::graph {
namespace {

constexpr int kFirstParameter = 4;  // after ok, rates, step, scale

struct UpdateOp {
  const char* name;
  std::vector<const char*> parameters;  // besides maximize
  bool group_memory = false;
};

const std::vector<UpdateOp>& update_ops() {
  static const std::vector<UpdateOp> kOps = {
      {"SgdUpdate", {"weight_decay", "momentum", "dampening", "nesterov"}},
      {"AdamUpdate", {"weight_decay", "beta1", "beta2", "eps", "decoupled", "amsgrad"}},
      {"RmspropUpdate", {"weight_decay", "alpha", "eps", "momentum", "centered"}},
      {"RadamUpdate", {"weight_decay", "beta1", "beta2", "eps", "decoupled"}},
      {"NadamUpdate",
       {"weight_decay", "beta1", "beta2", "eps", "momentum_decay", "decoupled"},
       true},
      {"AdamaxUpdate", {"weight_decay", "beta1", "beta2", "eps"}},
      {"AdagradUpdate", {"weight_decay", "lr_decay", "eps"}},
      {"AdadeltaUpdate", {"weight_decay", "rho", "eps"}},
      {"LionUpdate", {"weight_decay", "beta1", "beta2"}},
      {"LambUpdate", {"weight_decay", "beta1", "beta2", "eps"}},
      {"LarsUpdate",
       {"weight_decay", "momentum", "dampening", "nesterov", "trust_coefficient", "eps"}},
  };
  return kOps;
}

const UpdateOp& update_op(const InferContext& c) {
  const auto& ops = update_ops();
  return *std::find_if(ops.begin(), ops.end(),
                       [&](const UpdateOp& op) { return c.node().op->name() == op.name; });
}

void check_scalars(InferContext& c) {
  c.check(c.dtype(0) == DType::kBool && c.shape(0).element_count() == 1,
          "ok must be one bool, but is ", c.dtype(0), " ", c.shape(0));
  c.check(c.dtype(1) == DType::kFloat64 && c.rank(1) == 2 && c.shape(1)[0] >= 2 &&
              c.shape(1)[0] % 2 == 0 && c.shape(1)[1] > 0,
          "rates must be f64 with two rows per group, but is ", c.dtype(1), " ", c.shape(1));
  c.check(c.dtype(2) == DType::kInt64 && c.shape(2).element_count() == 1,
          "step must be one i64, but is ", c.dtype(2), " ", c.shape(2));
  if (c.has_input(3)) {
    c.check(is_float(c.dtype(3)) && c.shape(3).element_count() == 1,
            "scale must be one float, but is ", c.dtype(3), " ", c.shape(3));
  }
}

// group_of defaults to one group; everything else is one number per group.
void check_groups(InferContext& c, const UpdateOp& op, std::int64_t count) {
  Attrs& attrs = c.attrs();
  const auto groups = static_cast<std::size_t>(c.shape(1)[0] / 2);
  std::vector<std::int64_t> group_of =
      attrs.get_ints("group_of", std::vector<std::int64_t>(static_cast<std::size_t>(count), 0));
  c.check(static_cast<std::int64_t>(group_of.size()) == count, "group_of has ", group_of.size(),
          " entries, expected one for each of the ", count, " parameters");
  for (const std::int64_t group : group_of) {
    c.check(group >= 0 && group < static_cast<std::int64_t>(groups), "group_of names group ", group,
            ", but there are ", groups);
  }
  attrs.set("group_of", std::move(group_of));
  std::vector<const char*> names = op.parameters;
  names.push_back("maximize");
  for (const char* name : names) {
    std::vector<double> values = attrs.get_doubles(name, std::vector<double>(groups, 0.0));
    c.check(values.size() == groups, name, " has ", values.size(),
            " entries, expected one for each"
            " of the ",
            groups, " groups");
    attrs.set(name, std::move(values));
  }
}

void infer_update(InferContext& c) {
  check_scalars(c);
  const UpdateOp& op = update_op(c);
  Attrs& attrs = c.attrs();
  const AttrValue* states = attrs.find("states");
  const auto* names = states == nullptr ? nullptr : std::get_if<std::vector<std::string>>(states);
  const int sets = 2 + (names == nullptr ? 0 : static_cast<int>(names->size()));
  const int given = c.input_count() - kFirstParameter - (op.group_memory ? 1 : 0);
  const std::int64_t count = attrs.get_int("count", given / sets);
  c.check(count > 0 && given == count * sets, "there are ", given, " tensors, expected ", sets,
          " for each of ", count, " parameters");
  const std::int64_t written = count * (sets - 1) + (op.group_memory ? 1 : 0);
  c.check(c.output_count() == written, "there are ", c.output_count(), " outputs, expected ",
          written);
  attrs.set("count", count);
  check_groups(c, op, count);
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
  if (op.group_memory) {
    const int memory = c.input_count() - 1;
    c.check(c.dtype(memory) == DType::kFloat64 && c.shape(memory) == Shape{c.shape(1)[0] / 2},
            "the groups' memory must be one f64 per group, but is ", c.dtype(memory), " ",
            c.shape(memory));
    c.set_output(c.output_count() - 1, c.dtype(memory), c.shape(memory));
  }
}

}  // namespace

void register_optimizer_updates(OpRegistry& ops) {
  for (const UpdateOp& op : update_ops()) {
    ops.add(op.name)
        .inputs(kFirstParameter + 2, -1)
        .outputs(1, -1)
        .infer(infer_update)
        .no_gradient("an update is not part of the loss")
        .precision(PrecisionClass::kFloat32)
        .commits()
        .internal();
  }
}

}  // namespace temper::graph
