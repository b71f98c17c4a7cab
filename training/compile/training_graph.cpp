#include "training/compile/training_graph.h"

#include <algorithm>
#include <array>

#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/rebatch.h"
#include "graph/passes/training_mode.h"
#include "runtime/base/error.h"
#include "training/compile/accumulation.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"
#include "training/settings/name_pattern.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::Graph;
using graph::UpdateBinding;
using graph::ValueId;
using graph::Variable;
using graph::VariableId;

class GraphMaker {
 public:
  GraphMaker(const Graph& imported, const CompileSettings& settings, const GraphRequest& request,
             const Backend& reference)
      : graph_(imported), settings_(settings), request_(request), reference_(reference) {}

  Graph make() {
    const bool training =
        request_.kind != GraphKind::kEvaluate && request_.kind != GraphKind::kPredict;
    if (training && request_.kind != GraphKind::kGradient) {
      choose_trainable(graph_, settings_.trainable, settings_.freeze);
    }
    change_fixed_batch();
    graph::bind_shapes(graph_, request_.symbols, request_.batch, reference_);
    if (training) {
      add_step_variables();
      graph::TrainingModeOptions mode;
      mode.frozen_batchnorm = settings_.frozen_batchnorm;
      mode.dropout = request_.kind != GraphKind::kGradient;
      mode.seed = settings_.seed;
      mode.position = position_;
      graph::apply_training_mode(graph_, mode);
    } else {
      graph::apply_inference_mode(graph_);
    }
    const std::vector<Graph::Output> outputs = graph_.outputs;
    graph_.outputs.clear();
    if (request_.kind != GraphKind::kPredict) {
      add_loss(outputs);
      graph_.add_output("loss", loss_);
    }
    if (request_.kind == GraphKind::kGradient) {
      add_gradients();
    } else if (training) {
      add_step();
    }
    for (const auto& output : outputs) {
      graph_.add_output("output:" + output.name, output.value);
    }
    return std::move(graph_);
  }

 private:
  // An export without a dynamic batch names a number; the run's batch takes its place.
  void change_fixed_batch() {
    for (const ValueId id : graph_.inputs) {
      const std::vector<graph::Dim>& dims = graph_.value(id).dims;
      if (!dims.empty() && dims.front().value >= 0) {
        graph::rebatch(graph_, dims.front().value, request_.batch);
        return;
      }
    }
  }

  VariableId add_scalar(const char* name, DType dtype, const Shape& shape, double initial) {
    Variable variable;
    variable.name = name;
    variable.dtype = dtype;
    variable.shape = shape;
    variable.role = graph::VariableRole::kScalar;
    variable.initial = Tensor(dtype, shape);
    for (std::int64_t i = 0; initial != 0 && i < shape.element_count(); ++i) {
      visit_any(dtype, [&]<class T>() {
        variable.initial.span<T>()[static_cast<std::size_t>(i)] = convert_element<T>(initial);
      });
    }
    return graph_.add_variable(std::move(variable));
  }

  void add_step_variables() {
    rates_ = add_scalar(kRatesVariable, DType::kFloat64, {kRateSlots}, 0);
    applied_ = add_scalar(kAppliedVariable, DType::kInt64, {}, 0);
    attempted_ = add_scalar(kAttemptedVariable, DType::kInt64, {}, 0);
    position_ = add_scalar(kPositionVariable, DType::kInt64, {}, 0);
  }

  void add_loss(const std::vector<Graph::Output>& outputs) {
    const std::string& wanted = settings_.loss.output;
    const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const auto& output) {
      return wanted.empty() || output.name == wanted;
    });
    TEMPER_CHECK(found != outputs.end(), ErrorCode::kInvalidArgument, "the model has no output '",
                 wanted, "'");
    const Loss& loss = find_loss(settings_.loss.loss.name);
    const Builder builder_probe(graph_);
    const TargetSpec spec =
        target_spec(loss, builder_probe.dtype(found->value), builder_probe.shape(found->value));
    const ValueId target = graph_.add_input(kTargetInput, spec.dtype, spec.shape);
    Builder builder(graph_, concat("loss ", loss.name));
    loss_ = loss.build(builder, found->value, target, settings_.loss.loss.parameters);
    TEMPER_ASSERT(builder.shape(loss_).element_count() == 1);
    loss_ = builder.reshape(loss_, {});
    graph_.value(loss_).name = "loss";
  }

  // kGradient: "grad:NAME" for each of request.wrt.
  void add_gradients() {
    graph_.updates.clear();
    std::vector<ValueId> wrt;
    for (const std::string& name : request_.wrt) {
      const VariableId variable = graph_.find_variable(name);
      wrt.push_back(variable.valid() ? graph_.read_variable(variable) : graph_.find_value(name));
      TEMPER_CHECK(wrt.back().valid(), ErrorCode::kInvalidArgument, "there is no tensor '", name,
                   "'");
    }
    const std::vector<ValueId> grads = graph::gradient(graph_, loss_, wrt);
    for (std::size_t i = 0; i < grads.size(); ++i) {
      graph_.add_output("grad:" + request_.wrt[i], grads[i]);
    }
  }

  // Trainable parameters sorted by optimizer group, so that each group is one flat range.
  void collect_parameters() {
    const ComponentSettings& optimizer = settings_.optimizer;
    GroupValues base;
    base.weight_decay = optimizer.parameters.get_double("weight_decay", 0);
    const double lr = optimizer.parameters.get_double("lr", 0);
    update_.groups = {base};
    for (const OptimizerGroupSettings& group : settings_.groups) {
      GroupValues values = base;
      if (group.lr >= 0) {
        TEMPER_CHECK(lr > 0 || group.lr == 0, ErrorCode::kInvalidArgument,
                     "optimizer.group.lr needs optimizer.lr > 0");
        values.lr_scale = lr > 0 ? group.lr / lr : 0;
      }
      if (group.weight_decay >= 0) {
        values.weight_decay = group.weight_decay;
      }
      update_.groups.push_back(values);
    }
    std::vector<std::string> names;
    std::vector<VariableId> ids;
    for (int i = 0; i < graph_.variable_count(); ++i) {
      if (graph_.variable(VariableId{i}).trainable) {
        ids.push_back(VariableId{i});
        names.push_back(graph_.variable(VariableId{i}).name);
      }
    }
    std::vector<std::int64_t> group_of(ids.size(), 0);
    for (std::size_t g = 0; g < settings_.groups.size(); ++g) {
      const auto chosen = match_names({settings_.groups[g].match}, names, "optimizer.group.match");
      for (std::size_t i = 0; i < ids.size(); ++i) {
        if (chosen[i]) {
          group_of[i] = static_cast<std::int64_t>(g) + 1;
        }
      }
    }
    for (std::int64_t g = 0; g < static_cast<std::int64_t>(update_.groups.size()); ++g) {
      for (std::size_t i = 0; i < ids.size(); ++i) {
        if (group_of[i] == g) {
          Variable& variable = graph_.variable(ids[i]);
          variable.flat_group = concat("parameters ", variable.dtype);
          variable.flat_order = static_cast<int>(g);
          update_.parameters.push_back(ids[i]);
          update_.group_of.push_back(g);
        }
      }
    }
  }

  void add_step() {
    collect_parameters();
    std::vector<ValueId> wrt;
    for (const VariableId id : update_.parameters) {
      wrt.push_back(graph_.read_variable(id));
    }
    Builder builder(graph_, "step");
    ValueId dy;
    const bool accumulates = request_.kind != GraphKind::kTrain;
    if (accumulates) {  // each micro-loss counts 1 / (micro-batches of the group)
      const DType dtype = builder.dtype(loss_);
      const VariableId group = add_scalar(kGroupVariable, dtype, {}, 1);
      dy = builder.div(builder.scalar(dtype, 1), graph_.read_variable(group));
    }
    update_.gradients = graph::gradient(graph_, loss_, wrt, dy);
    const ValueId one = builder.scalar(DType::kInt64, 1);
    if (request_.kind != GraphKind::kMicro) {
      count(builder, attempted_, one, UpdateBinding::Kind::kAttempt);
    }
    count(builder, position_, builder.scalar(DType::kInt64, static_cast<double>(request_.batch)),
          UpdateBinding::Kind::kAttempt);
    ValueId finite_loss = loss_;
    if (accumulates) {
      const bool last = request_.kind == GraphKind::kLast;
      accumulate_gradients(builder, last, update_.parameters, update_.gradients);
      finite_loss = accumulate_loss(builder, last, loss_);
    }
    if (request_.kind == GraphKind::kMicro) {
      stage_statistics(builder, false);
      return;
    }
    builder.set_origin("gradient norm");
    const ValueId norm = builder.op("GlobalNorm", update_.gradients);
    builder.set_origin("step");
    // Statistics too: a variance can overflow where the normalised values, and so loss and
    // gradients, do not.
    std::vector<ValueId> finite = {norm, finite_loss};
    for (const UpdateBinding& update : graph_.updates) {
      if (graph_.variable(update.variable).role == graph::VariableRole::kStatistic) {
        finite.push_back(update.value);
      }
    }
    graph_.ok = builder.op("AllFinite", finite);
    graph_.value(graph_.ok).name = "ok";
    update_.scale = settings_.clip_norm > 0
                        ? builder.op("ClipFactor", {norm}, {{"max_norm", settings_.clip_norm}})
                        : builder.scalar(builder.dtype(norm), 1);
    update_.ok = graph_.ok;
    update_.rates = graph_.read_variable(rates_);
    update_.step = graph_.read_variable(applied_);
    const Optimizer& optimizer = find_optimizer(settings_.optimizer.name);
    builder.set_origin(concat("optimizer ", optimizer.name));
    optimizer.build(builder, update_, settings_.optimizer.parameters);
    count(builder, applied_, one, UpdateBinding::Kind::kApply);
    if (accumulates) {
      stage_statistics(builder, true);
    }
    graph_.add_output("grad_norm", norm);
    graph_.add_output("ok", graph_.ok);
  }

  void count(Builder& builder, VariableId counter, ValueId by, UpdateBinding::Kind kind) {
    builder.set_origin("count");
    graph_.add_update({counter, builder.add(graph_.read_variable(counter), by), kind});
  }

  Graph graph_;
  const CompileSettings& settings_;
  const GraphRequest& request_;
  const Backend& reference_;
  ValueId loss_;
  VariableId rates_, applied_, attempted_, position_;
  UpdateInputs update_;
};

}  // namespace

Graph make_graph(const Graph& imported, const CompileSettings& settings,
                 const GraphRequest& request, const Backend& reference) {
  return GraphMaker(imported, settings, request, reference).make();
}

}  // namespace temper::training
