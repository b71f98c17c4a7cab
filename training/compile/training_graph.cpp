#include "training/compile/training_graph.h"

#include <utility>

#include "graph/autodiff/gradient.h"
#include "graph/ir/op_def.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/expand_ops.h"
#include "graph/passes/fuse_attention.h"
#include "graph/passes/join_biases.h"
#include "graph/passes/join_slices.h"
#include "graph/passes/mixed_precision.h"
#include "graph/passes/pick_early.h"
#include "graph/passes/rebatch.h"
#include "graph/passes/training_mode.h"
#include "graph/passes/turn_weights.h"
#include "runtime/base/error.h"
#include "training/compile/distillation.h"
#include "training/compile/loss_graph.h"
#include "training/compile/step/carried_states.h"
#include "training/compile/step/parameter_groups.h"
#include "training/compile/step/rank_sums.h"
#include "training/compile/step/step_variables.h"
#include "training/compile/step/update_step.h"
#include "training/compile/step/watch.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::PortRole;
using graph::ValueId;
using graph::VariableId;

class GraphMaker {
 public:
  GraphMaker(const Graph& imported, const CompileSettings& settings, const GraphRequest& request,
             const Backend& reference)
      : graph_(imported), settings_(settings), request_(request), reference_(reference) {
    settings_.groups = merged_groups(imported, settings.groups);
  }

  MadeGraph make() {
    const bool training =
        request_.kind != GraphKind::kEvaluate && request_.kind != GraphKind::kPredict;
    if (training && request_.kind != GraphKind::kGradient) {
      choose_trainable(graph_, settings_.model.trainable, settings_.model.freeze);
    }
    set_lengths();
    bind_batch(graph_, request_.symbols, request_.batch, reference_, settings_.model);
    graph::expand_foreign_ops(graph_);
    const CarriedStates carried(graph_, settings_, request_);
    if (training) {
      step_ = add_step_variables(graph_, group_count(settings_));
      graph::TrainingModeOptions mode;
      mode.frozen_batchnorm = settings_.model.freezes_batchnorm();
      mode.dropout = request_.kind != GraphKind::kGradient;
      mode.seed = settings_.seed();
      mode.position = step_.position;
      mode.observes = request_.kind == GraphKind::kTrain || request_.kind == GraphKind::kMicro ||
                      request_.kind == GraphKind::kLast;
      mode.observe_until = settings_.observe_until;
      mode.applied = step_.applied;
      graph::apply_training_mode(graph_, mode);
      shift_position(graph_, request_, step_.position);
    } else {
      graph::apply_inference_mode(graph_);
    }
    if (request_.kind == GraphKind::kStatistics) {
      add_statistics();
      return with_ports(std::move(graph_), {});
    }
    std::vector<WatchedLayer> layers =
        request_.watch_activations ? find_layers(graph_) : std::vector<WatchedLayer>{};
    // Before differentiation: the gradient is that of what takes the nodes' place.
    graph::pick_early(graph_);
    graph::join_slices(graph_);
    graph::turn_weights(graph_);
    graph::join_biases(graph_);
    graph::fuse_attention(graph_, reference_);
    // Before the loss, which is float32 altogether, and before differentiation.
    if (settings_.precision != DType::kFloat32) {
      graph::apply_mixed_precision(graph_, settings_.precision);
    }
    carried.keep(graph_);
    const std::vector<Graph::Output> outputs = graph_.outputs;
    graph_.outputs.clear();
    if (request_.kind != GraphKind::kPredict) {
      const std::vector<ValueId> model_inputs = graph_.inputs;
      LossParts made = add_loss(graph_, settings_, outputs, training, request_.batch, reference_);
      if (training && settings_.teacher_graph != nullptr) {
        made = add_distillation(graph_, settings_, request_, reference_, model_inputs, outputs,
                                std::move(made));
      }
      if (request_.kind == GraphKind::kGradient) {
        add_loss_outputs(graph_, made);
        add_gradients(made.total);
      } else {
        if (training) {
          add_accuracy(graph_, settings_.accuracy, outputs);
          made = add_update_step(graph_, settings_, request_, step_, made);
        }
        if (request_.kind != GraphKind::kMicro) {
          add_loss_outputs(graph_, made);
        }
      }
    }
    for (const auto& output : outputs) {
      graph_.add_output(output.name, output.value, output.port);
    }
    for (std::size_t i = 0; i < layers.size(); ++i) {
      graph_.add_output(concat("activation ", layers[i].name), layers[i].value,
                        {PortRole::kActivation, static_cast<int>(i)});
    }
    return with_ports(std::move(graph_), std::move(layers));
  }

 private:
  // What the request says of a dimension goes before what the inputs were settled for.
  void set_lengths() {
    for (const ValueId id : graph_.inputs) {
      std::vector<graph::Dim>& dims = graph_.value(id).dims;
      for (std::size_t axis = 1; axis < dims.size(); ++axis) {
        const auto said = request_.symbols.find(dims[axis].symbol);
        dims[axis].value = said == request_.symbols.end() || dims[axis].symbol.empty()
                               ? dims[axis].value
                               : said->second;
      }
    }
  }

  // kStatistics: each, of this batch alone.
  void add_statistics() {
    for (int i = 0; i < graph_.node_count(); ++i) {
      graph::Node& node = graph_.node(graph::NodeId{i});
      if (!node.removed && node.op->has_running_statistics) {
        node.attrs.set("momentum", 0.0);  // new = momentum old + (1 - momentum) of the batch
      }
    }
    graph_.outputs.clear();
    for (const graph::UpdateBinding& update : graph_.updates) {
      const graph::Variable& statistic = graph_.variable(update.variable);
      graph_.add_output(concat("statistic ", statistic.name), update.value,
                        {PortRole::kStatistic, statistic.identity.slot});
    }
    graph_.updates.clear();
  }

  // kGradient: one for each of request.wrt.
  void add_gradients(ValueId loss) {
    graph_.updates.clear();
    std::vector<ValueId> wrt;
    for (const GradientOf& of : request_.wrt) {  // variables and inputs keep their numbers
      wrt.push_back(of.is_input ? graph_.inputs[static_cast<std::size_t>(of.number)]
                                : graph_.read_variable(VariableId{of.number}));
    }
    const std::vector<ValueId> grads = graph::gradient(graph_, loss, wrt);
    for (std::size_t i = 0; i < grads.size(); ++i) {
      graph_.add_output(concat("gradient of ", graph_.value(wrt[i]).name), grads[i],
                        {PortRole::kGradient, static_cast<int>(i)});
    }
  }

  Graph graph_;
  CompileSettings settings_;
  const GraphRequest& request_;
  const Backend& reference_;
  StepVariables step_;
};

}  // namespace

void bind_batch(Graph& graph, const std::map<std::string, std::int64_t>& symbols,
                std::int64_t batch, const Backend& reference, const ModelSettings& model) {
  const graph::ResolveOptions resolve = {model.unroll, model.max_trip_count};
  for (const ValueId id : graph.inputs) {
    const std::vector<graph::Dim>& dims = graph.value(id).dims;
    if (!dims.empty() && dims.front().value >= 0) {
      if (dims.front().value != batch) {
        return graph::rebatch(graph, symbols, dims.front().value, batch, reference, nullptr,
                              resolve);
      }
      break;
    }
  }
  graph::bind_shapes(graph, symbols, batch, reference, resolve);
}

GradientOf gradient_of(const Graph& imported, const std::string& name) {
  const VariableId variable = imported.find_variable(name);
  if (variable.valid()) {
    return {false, variable.index};
  }
  for (std::size_t i = 0; i < imported.inputs.size(); ++i) {
    if (imported.value(imported.inputs[i]).name == name) {
      return {true, static_cast<int>(i)};
    }
  }
  fail(ErrorCode::kInvalidArgument, "there is no tensor '", name, "'");
}

MadeGraph make_graph(const Graph& imported, const CompileSettings& settings,
                     const GraphRequest& request, const Backend& reference) {
  return GraphMaker(imported, settings, request, reference).make();
}

}  // namespace temper::training
