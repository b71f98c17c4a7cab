// The optimizers' updates of all parameters at once: one op per optimizer, outputs in the
// variables' own memory. Inputs: ok (bool), rates f64[2 G, K] (row g: the learning rate of group g
// at applied step s in slot s % K; row G + g: its scheduled momentum or beta1, NaN for the
// optimizer's own), step (i64, or i64[P]: element 0 the steps applied, element p those since the
// parameters of phase p began to train), scale (on every gradient; may be left out), then n
// parameters, n gradients and n of each of `states`, a copy in 16 bits of each parameter that
// `copy_of` names, which takes its new value, at last f64[G P] where an optimizer keeps a number
// per group and phase. Attributes: group_of and phase_of (per parameter), and one number per group
// for each hyper-parameter.
#include <algorithm>

#include "graph/ir/infer_context.h"
#include "graph/ir/op_registry.h"
#include "graph/ops/written_matrix_updates.h"
#include "graph/ops/written_updates.h"
#include "runtime/base/update_layout.h"

namespace temper::graph {
namespace {

struct UpdateOp {
  const char* name;
  std::vector<const char*> parameters;  // besides maximize
  ExpandFunction standard = nullptr;
  bool group_memory = false;
  bool sees_axes = false;  // no flat pass: it writes no copies
};

const std::vector<UpdateOp>& update_ops() {
  static const std::vector<UpdateOp> kOps = {
      {"SgdUpdate", {"weight_decay", "momentum", "dampening", "nesterov"}, write_update<write_sgd>},
      {"AdamUpdate",
       {"weight_decay", "beta1", "beta2", "eps", "decoupled", "amsgrad"},
       write_update<write_adam>},
      {"RmspropUpdate",
       {"weight_decay", "alpha", "eps", "momentum", "centered"},
       write_update<write_rmsprop>},
      {"RadamUpdate",
       {"weight_decay", "beta1", "beta2", "eps", "decoupled"},
       write_update<write_radam>},
      {"NadamUpdate",
       {"weight_decay", "beta1", "beta2", "eps", "momentum_decay", "decoupled"},
       write_update<write_nadam>,
       true},
      {"AdamaxUpdate", {"weight_decay", "beta1", "beta2", "eps"}, write_update<write_adamax>},
      {"AdagradUpdate", {"weight_decay", "lr_decay", "eps"}, write_update<write_adagrad>},
      {"AdadeltaUpdate", {"weight_decay", "rho", "eps"}, write_update<write_adadelta>},
      {"LionUpdate", {"weight_decay", "beta1", "beta2"}, write_update<write_lion>},
      {"LambUpdate", {"weight_decay", "beta1", "beta2", "eps"}, write_update<write_lamb>},
      {"LarsUpdate",
       {"weight_decay", "momentum", "dampening", "nesterov", "trust_coefficient", "eps"},
       write_update<write_lars>},
      {"MuonUpdate",
       {"weight_decay", "momentum", "nesterov", "eps", "ns_steps", "ns_coefficients1",
        "ns_coefficients2", "ns_coefficients3", "adjust_lr"},
       write_update<write_muon>,
       false,
       true},
      {"AdafactorUpdate",
       {"weight_decay", "beta2_decay", "eps1", "eps2", "d"},
       write_update<write_adafactor>,
       false,
       true},
      {"AdafactorVectorUpdate",
       {"weight_decay", "beta2_decay", "eps1", "eps2", "d"},
       write_update<write_adafactor_vector>},
      // The average of a weight in a parameter's place, the weight in its gradient's; the rate is
      // how far it moves.
      {"AverageUpdate", {}},
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
  c.check(c.dtype(2) == DType::kInt64 && c.rank(2) <= 1 && c.shape(2).element_count() > 0,
          "step must be i64, one or one per phase, but is ", c.dtype(2), " ", c.shape(2));
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
  for (const std::int64_t phase : attrs.get_ints("phase_of")) {
    c.check(phase >= 0 && phase < c.shape(2).element_count(), "phase_of names phase ", phase,
            ", but there are ", c.shape(2).element_count());
  }
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

// Most states are like their parameter; Adafactor's means of rows and columns have one axis less.
Shape state_shape(InferContext& c, const std::string& name, const Shape& parameter) {
  Shape shape = parameter;
  if (name == "row_var" || name == "col_var") {
    c.check(shape.rank() >= 2, name, " needs parameters of two dimensions, but one is ", shape);
    shape[shape.rank() - (name == "row_var" ? 1 : 2)] = 1;
  }
  return shape;
}

void infer_copies(InferContext& c, const UpdateOp& op, const UpdateLayout& layout) {
  c.check(layout.copy_of.empty() || !op.sees_axes, op.name, " writes no copies of parameters");
  for (std::size_t i = 0; i < layout.copy_of.size(); ++i) {
    const std::int64_t of = layout.copy_of[i];
    c.check(of >= 0 && of < static_cast<std::int64_t>(layout.count), "copy_of names parameter ", of,
            ", but there are ", layout.count);
    const auto copy = static_cast<int>(layout.copy(i));
    const auto parameter = static_cast<int>(layout.parameter(static_cast<std::size_t>(of)));
    c.check(c.dtype(copy) == DType::kFloat16 || c.dtype(copy) == DType::kBFloat16, "input ", copy,
            ", a copy, is ", c.dtype(copy), ", expected f16 or bf16");
    c.check(c.dtype(copy) == c.dtype(static_cast<int>(layout.copy(0))) &&
                c.shape(copy) == c.shape(parameter),
            "input ", copy, " is ", c.dtype(copy), " ", c.shape(copy), ", but its parameter is ",
            c.shape(parameter), " and the first copy ", c.dtype(static_cast<int>(layout.copy(0))));
    c.set_output(static_cast<int>(layout.written_copy(i)), c.dtype(copy), c.shape(copy));
  }
}

void infer_update(InferContext& c) {
  check_scalars(c);
  const UpdateOp& op = update_op(c);
  Attrs& attrs = c.attrs();
  const std::vector<std::string> names = UpdateLayout::state_names(attrs);
  const auto sets = static_cast<int>(UpdateLayout{0, names.size()}.sets());
  const auto copies = static_cast<int>(attrs.get_ints("copy_of").size());
  const int given = c.input_count() - static_cast<int>(UpdateLayout::kScalars) - copies -
                    (op.group_memory ? 1 : 0);
  const std::int64_t count = attrs.get_int("count", given / sets);
  c.check(count > 0 && given == count * sets, "there are ", given, " tensors, expected ", sets,
          " for each of ", count, " parameters");
  const std::int64_t written = count * (sets - 1) + copies + (op.group_memory ? 1 : 0);
  c.check(c.output_count() == written, "there are ", c.output_count(), " outputs, expected ",
          written);
  attrs.set("count", count);
  check_groups(c, op, count);
  const UpdateLayout layout = UpdateLayout::of(attrs);
  for (std::size_t i = 0; i < layout.count; ++i) {
    const auto at = static_cast<int>(layout.parameter(i));
    const Shape parameter = c.shape(at);
    const auto require = [&](std::size_t input, const Shape& wanted) {
      const auto other = static_cast<int>(input);
      c.check(c.shape(other) == wanted && c.dtype(other) == c.dtype(at), "input ", other, " is ",
              c.dtype(other), " ", c.shape(other), ", but its parameter is ", c.dtype(at), " ",
              parameter);
    };
    require(layout.gradient(i), parameter);
    c.set_output(static_cast<int>(layout.written_parameter(i)), c.dtype(at), parameter);
    for (std::size_t state = 0; state < names.size(); ++state) {
      const Shape shape = state_shape(c, names[state], parameter);
      require(layout.state(state, i), shape);
      c.set_output(static_cast<int>(layout.written_state(state, i)), c.dtype(at), shape);
    }
  }
  infer_copies(c, op, layout);
  if (op.group_memory) {
    const auto memory = static_cast<int>(layout.memory());
    const std::int64_t wanted = c.shape(1)[0] / 2 * c.shape(2).element_count();
    c.check(c.dtype(memory) == DType::kFloat64 && c.shape(memory) == Shape{wanted},
            "the groups' memory must be one f64 per group and phase, but is ", c.dtype(memory), " ",
            c.shape(memory));
    c.set_output(static_cast<int>(layout.written_memory()), c.dtype(memory), c.shape(memory));
  }
}

}  // namespace

void register_optimizer_updates(OpRegistry& ops) {
  for (const UpdateOp& op : update_ops()) {
    ops.add(op.name)
        .inputs(static_cast<int>(UpdateLayout{1, 0}.memory()), -1)
        .outputs(1, -1)
        .infer(infer_update)
        .no_gradient("an update is not part of the loss")
        .precision(PrecisionClass::kFloat32)
        .commits()
        .standard(op.standard)
        .internal();
  }
}

}  // namespace temper::graph
