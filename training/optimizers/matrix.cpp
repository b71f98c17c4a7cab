// muon and adafactor, whose updates see the axes of a parameter.
#include <algorithm>
#include <array>

#include "runtime/base/error.h"
#include "training/optimizers/families.h"
#include "training/optimizers/update_node.h"

namespace temper::training {
namespace {

constexpr std::array<const char*, 3> kAdjustments = {"original", "match_rms_adamw",
                                                     "spectral_unclamped"};

std::string require_adjustment(const AttrValue& value) {
  const auto& name = std::get<std::string>(value);
  const bool known =
      std::find(kAdjustments.begin(), kAdjustments.end(), name) != kAdjustments.end();
  return known ? "" : "must be original, match_rms_adamw or spectral_unclamped";
}

std::string require_three(const AttrValue& value) {
  return std::get<std::vector<double>>(value).size() == 3 ? "" : "must be three numbers";
}

std::string require_steps(const AttrValue& value) {
  const std::int64_t steps = std::get<std::int64_t>(value);
  return steps >= 1 && steps < 100 ? "" : "must be from 1 to 99";
}

std::string require_not_positive(const AttrValue& value) {
  return std::get<double>(value) <= 0 ? "" : "must not be positive";
}

std::string require_one_or_more(const AttrValue& value) {
  return std::get<double>(value) >= 1 ? "" : "must be at least 1";
}

std::string require_eps_pair(const AttrValue& value) {
  const auto& pair = std::get<std::vector<double>>(value);
  return pair.size() == 2 && (pair[0] == -1 || pair[0] >= 0) && pair[1] >= 0
             ? ""
             : "must be two numbers that are not negative (the first may be -1)";
}

Attrs muon_group(const Attrs& group) {
  Attrs made = group;
  const std::string adjust = group.get_string("adjust_lr_fn", kAdjustments[0]);
  const auto found = std::find(kAdjustments.begin(), kAdjustments.end(), adjust);
  made.set("adjust_lr", static_cast<double>(found - kAdjustments.begin()));
  return made;
}

// AdamW's hyper-parameters of the tensors that are no matrices. The table of rates has Muon's.
Attrs adamw_group(const Attrs& group) {
  const double lr = group.get_double("lr", 0);
  return {{"lr", lr},
          {"rate_factor", lr > 0 ? group.get_double("adamw_lr", 0) / lr : 1.0},
          {"betas", group.get_doubles("adamw_betas")},
          {"eps", group.get_double("adamw_eps", 0)},
          {"weight_decay", group.get_double("adamw_weight_decay", 0)},
          {"decoupled", 1.0},
          {"maximize", group.get_int("maximize", 0)}};
}

void build_muon(graph::Builder& builder, const UpdateInputs& inputs) {
  std::vector<bool> is_matrix, is_other;
  for (std::size_t i = 0; i < inputs.parameters.size(); ++i) {
    const Attrs& group = inputs.groups[static_cast<std::size_t>(inputs.group_of[i])];
    const int rank = builder.graph().variable(inputs.parameters[i]).shape.rank();
    is_matrix.push_back(rank >= 2 && group.get_int("use_muon", 1) != 0);
    is_other.push_back(!is_matrix.back());
  }
  UpdateInputs matrices = part_of(inputs, is_matrix);
  if (!matrices.parameters.empty()) {
    keep_plain(builder.graph(), matrices);
    UpdateNode node{.op = "MuonUpdate", .states = {{"momentum_buffer"}}, .sees_axes = true};
    for (const std::int64_t axis : matrices.unit_axes) {
      node.units_last.push_back(axis > 0 ? 1 : 0);
    }
    std::transform(matrices.groups.begin(), matrices.groups.end(), matrices.groups.begin(),
                   muon_group);
    add_update(builder, matrices, node);
  }
  UpdateInputs others = part_of(inputs, is_other);
  if (!others.parameters.empty()) {
    std::transform(others.groups.begin(), others.groups.end(), others.groups.begin(), adamw_group);
    add_update(builder, others, {.op = "AdamUpdate", .states = {{"exp_avg"}, {"exp_avg_sq"}}});
  }
}

// One number per row, or per column, of the last two axes.
Shape row_shape(const Shape& parameter) {
  Shape shape = parameter;
  shape[shape.rank() - 1] = 1;
  return shape;
}

Shape column_shape(const Shape& parameter) {
  Shape shape = parameter;
  shape[shape.rank() - 2] = 1;
  return shape;
}

void build_adafactor(graph::Builder& builder, const UpdateInputs& inputs) {
  std::vector<bool> is_matrix, is_vector;
  for (const graph::VariableId id : inputs.parameters) {
    is_matrix.push_back(builder.graph().variable(id).shape.rank() >= 2);
    is_vector.push_back(!is_matrix.back());
  }
  const UpdateInputs matrices = part_of(inputs, is_matrix);
  if (!matrices.parameters.empty()) {
    keep_plain(builder.graph(), matrices);
    add_update(builder, matrices,
               {.op = "AdafactorUpdate",
                .states = {{"row_var", "", row_shape}, {"col_var", "", column_shape}},
                .sees_axes = true});
  }
  const UpdateInputs vectors = part_of(inputs, is_vector);
  if (!vectors.parameters.empty()) {
    keep_plain(builder.graph(), vectors);
    add_update(builder, vectors, {.op = "AdafactorVectorUpdate", .states = {{"variance"}}});
  }
}

std::vector<ParameterSpec> muon_parameters() {
  return with_common(
      1e-3, 0.1,
      {number_parameter("momentum", 0.95, "momentum factor", require_share),
       flag_parameter("nesterov", "Nesterov momentum", true),
       {"ns_coefficients", std::vector<double>{3.4445, -4.7750, 2.0315},
        "of the Newton-Schulz polynomial", require_three},
       number_parameter("eps", 1e-7, "smallest norm of a momentum that is divided by"),
       {"ns_steps", std::int64_t{5}, "Newton-Schulz iterations", require_steps},
       {"adjust_lr_fn", std::string("original"),
        "lr by a matrix's shape: original, match_rms_adamw (then AdamW's lr fits) or "
        "spectral_unclamped",
        require_adjustment},
       flag_parameter("use_muon",
                      "false in a group (embeddings, the last layer): AdamW updates its tensors",
                      true),
       number_parameter("adamw_lr", 3e-4, "AdamW's learning rate, for vectors and scalars"),
       pair_parameter("adamw_betas", 0.9, 0.95, "AdamW's betas"),
       number_parameter("adamw_eps", 1e-8, "AdamW's eps"),
       number_parameter("adamw_weight_decay", 0, "AdamW's decay")});
}

}  // namespace

std::vector<Optimizer> matrix_family() {
  return {
      {"muon",
       "torch.optim.Muon: orthogonal momentum for weights of two and more dimensions, AdamW for "
       "the rest; fast on hidden layers of transformers and convolutional networks; take lr "
       "0.02, or adjust_lr_fn = \"match_rms_adamw\" with AdamW's",
       muon_parameters(), build_muon},
      {"adafactor",
       "torch.optim.Adafactor: a second moment of one number per row and column: hardly any "
       "state, for large models",
       with_common(1e-2, 0,
                   {number_parameter("beta2_decay", -0.8, "exponent of the second moment's decay",
                                     require_not_positive),
                    {"eps", std::vector<double>{-1, 1e-3},
                     "smallest second moment's root (-1: the type's epsilon) and smallest scale "
                     "of a tensor",
                     require_eps_pair},
                    number_parameter("d", 1.0, "largest root mean square of an update",
                                     require_one_or_more)}),
       build_adafactor}};
}

}  // namespace temper::training
