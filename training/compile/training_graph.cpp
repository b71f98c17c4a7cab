#include "training/compile/training_graph.h"

#include <utility>

#include "graph/autodiff/gradient.h"
#include "graph/ir/op_def.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/mixed_precision.h"
#include "graph/passes/rebatch.h"
#include "graph/passes/training_mode.h"
#include "runtime/base/error.h"
#include "training/compile/distillation.h"
#include "training/compile/loss_graph.h"
#include "training/compile/step/parameter_groups.h"
#include "training/compile/step/step_variables.h"
#include "training/compile/step/update_step.h"
#include "training/compile/step/watch.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::ValueId;
using graph::VariableId;

class GraphMaker {
 public:
  GraphMaker(const Graph& imported, const CompileSettings& settings, const GraphRequest& request,
             const Backend& reference)
      : graph_(imported), settings_(settings), request_(request), reference_(reference) {
    settings_.groups = merged_groups(imported, settings.groups);
  }

  Graph make() {
    const bool training =
        request_.kind != GraphKind::kEvaluate && request_.kind != GraphKind::kPredict;
    if (training && request_.kind != GraphKind::kGradient) {
      choose_trainable(graph_, settings_.trainable, settings_.freeze);
    }
    bind_batch(graph_, request_.symbols, request_.batch, reference_);
    if (training) {
      step_ = add_step_variables(graph_, group_count(settings_));
      graph::TrainingModeOptions mode;
      mode.frozen_batchnorm = settings_.frozen_batchnorm;
      mode.dropout = request_.kind != GraphKind::kGradient;
      mode.seed = settings_.seed;
      mode.position = step_.position;
      graph::apply_training_mode(graph_, mode);
    } else {
      graph::apply_inference_mode(graph_);
    }
    if (request_.kind == GraphKind::kStatistics) {
      add_statistics();
      return std::move(graph_);
    }
    const std::vector<WatchedLayer> layers =
        request_.watch_activations ? find_layers(graph_) : std::vector<WatchedLayer>{};
    // Before the loss, which is float32 altogether, and before differentiation.
    if (settings_.precision != DType::kFloat32) {
      graph::apply_mixed_precision(graph_, settings_.precision);
    }
    const std::vector<Graph::Output> outputs = graph_.outputs;
    graph_.outputs.clear();
    if (request_.kind != GraphKind::kPredict) {
      const std::vector<ValueId> model_inputs = graph_.inputs;
      LossParts made = add_loss(graph_, settings_, outputs, training, request_.batch, reference_);
      if (training && settings_.teacher.is_on()) {
        made = add_distillation(graph_, settings_, request_, reference_, model_inputs, outputs,
                                std::move(made));
      }
      if (request_.kind == GraphKind::kGradient) {
        add_loss_outputs(graph_, made);
        add_gradients(made.total);
      } else {
        if (training) {
          made = add_update_step(graph_, settings_, request_, step_, made);
        }
        if (request_.kind != GraphKind::kMicro) {
          add_loss_outputs(graph_, made);
        }
      }
    }
    for (const auto& output : outputs) {
      graph_.add_output("output:" + output.name, output.value);
    }
    for (const WatchedLayer& layer : layers) {
      graph_.add_output(activation_output(layer), layer.value);
    }
    return std::move(graph_);
  }

 private:
  // kStatistics: "statistic:NAME" for each, of this batch alone.
  void add_statistics() {
    for (int i = 0; i < graph_.node_count(); ++i) {
      graph::Node& node = graph_.node(graph::NodeId{i});
      if (!node.removed && node.op->name() == "BatchNormTrain") {
        node.attrs.set("momentum", 0.0);  // new = momentum old + (1 - momentum) of the batch
      }
    }
    graph_.outputs.clear();
    for (const graph::UpdateBinding& update : graph_.updates) {
      graph_.add_output(kStatisticOutput + graph_.variable(update.variable).name, update.value);
    }
    graph_.updates.clear();
  }

  // kGradient: "grad:NAME" for each of request.wrt.
  void add_gradients(ValueId loss) {
    graph_.updates.clear();
    std::vector<ValueId> wrt;
    for (const std::string& name : request_.wrt) {
      const VariableId variable = graph_.find_variable(name);
      wrt.push_back(variable.valid() ? graph_.read_variable(variable) : graph_.find_value(name));
      TEMPER_CHECK(wrt.back().valid(), ErrorCode::kInvalidArgument, "there is no tensor '", name,
                   "'");
    }
    const std::vector<ValueId> grads = graph::gradient(graph_, loss, wrt);
    for (std::size_t i = 0; i < grads.size(); ++i) {
      graph_.add_output("grad:" + request_.wrt[i], grads[i]);
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
                std::int64_t batch, const Backend& reference) {
  for (const ValueId id : graph.inputs) {
    const std::vector<graph::Dim>& dims = graph.value(id).dims;
    if (!dims.empty() && dims.front().value >= 0) {
      if (dims.front().value != batch) {
        return graph::rebatch(graph, symbols, dims.front().value, batch, reference);
      }
      break;
    }
  }
  graph::bind_shapes(graph, symbols, batch, reference);
}

Graph make_graph(const Graph& imported, const CompileSettings& settings,
                 const GraphRequest& request, const Backend& reference) {
  return GraphMaker(imported, settings, request, reference).make();
}

}  // namespace temper::training
