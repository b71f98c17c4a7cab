#include "training/compile/distillation.h"

#include <algorithm>
#include <map>
#include <string>

#include "graph/ir/append.h"
#include "graph/ir/builder.h"
#include "graph/passes/training_mode.h"
#include "runtime/base/error.h"
#include "training/compile/output_end.h"
#include "training/losses/loss.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::Graph;
using graph::ValueId;

// The teacher as it predicts, for this batch.
Graph bound_teacher(const CompileSettings& settings, const GraphRequest& request,
                    const Backend& reference) {
  Graph part = *settings.teacher_graph;
  bind_batch(part, request.symbols, request.batch, reference, settings.model);
  graph::apply_inference_mode(part);
  for (int i = 0; i < part.variable_count(); ++i) {
    graph::Variable& variable = part.variable(graph::VariableId{i});
    variable.layout_free = variable.layout_free && variable.is(graph::VariableKind::kParameter);
    variable.identity.kind = graph::VariableKind::kTeacher;
    variable.trainable = false;
    variable.why = "of the teacher";
  }
  return part;
}

// The model's inputs for the teacher's: by name, or the only one for the only one.
std::map<std::string, ValueId> inputs_for(const Graph& part, const Graph& graph,
                                          const std::vector<ValueId>& model_inputs) {
  std::map<std::string, ValueId> inputs;
  for (const ValueId wanted : part.inputs) {
    const std::string& name = part.value(wanted).name;
    std::vector<std::string> names;
    for (const ValueId id : model_inputs) {
      names.push_back(graph.value(id).name);
      if (names.back() == name || (part.inputs.size() == 1 && model_inputs.size() == 1)) {
        inputs[name] = id;
      }
    }
    TEMPER_CHECK(inputs.contains(name), ErrorCode::kInvalidArgument, "the teacher has an input '",
                 name, "' that the model has not (it has ", join(names, ", "), ")");
  }
  return inputs;
}

ValueId chosen(const std::vector<Graph::Output>& outputs, const std::string& name,
               const char* whose) {
  std::vector<std::string> names;
  for (const Graph::Output& output : outputs) {
    names.push_back(output.name);
    if (name.empty() || output.name == name) {
      return output.value;
    }
  }
  fail(ErrorCode::kInvalidArgument, whose, " has no output '", name, "' (it has ",
       join(names, ", "), ")");
}

}  // namespace

LossParts add_distillation(Graph& graph, const CompileSettings& settings,
                           const GraphRequest& request, const Backend& reference,
                           const std::vector<ValueId>& model_inputs,
                           const std::vector<Graph::Output>& outputs, LossParts loss) {
  const TeacherSettings& teacher = settings.teacher;
  const Graph part = bound_teacher(settings, request, reference);
  const graph::Appended added =
      graph::append(graph, part, 0, kTeacherPrefix, inputs_for(part, graph, model_inputs));
  const std::vector<std::string>& named = settings.losses.front().outputs;
  Builder b(graph, "distillation");
  const ValueId student =
      chosen(outputs, named.empty() ? std::string{} : named.front(), "the model");
  const DType dtype = b.dtype(student);
  const ValueId said = b.cast(chosen(added.outputs, teacher.output, "the teacher"), dtype);
  const Shape shape = b.shape(student);
  TEMPER_CHECK(shape.rank() >= 2 && b.shape(said) == shape, ErrorCode::kInvalidArgument,
               "the teacher's output is ", b.shape(said), ", the model's ", shape,
               " (batch first): distillation compares scores of the same classes, [N, C, ...]");
  const int class_axis =
      classes_last(settings.losses.front().loss.parameters) ? shape.rank() - 1 : 1;
  // A model that ends in Softmax is not squashed twice.
  const auto soft = [&](ValueId output) {
    const ValueId scores = log_of_softmax(b, output, class_axis);
    return b.op("LogSoftmax", {b.scale(scores, 1 / teacher.temperature)},
                {{"axis", std::int64_t{class_axis}}});
  };
  const ValueId wanted = b.op("StopGradient", {soft(said)});
  const ValueId terms = b.mul(b.op("Exp", {wanted}), b.sub(wanted, soft(student)));
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    axes.push_back(axis);
  }
  const auto places = static_cast<double>(shape.element_count() / shape[class_axis]);
  const double squared = teacher.temperature * teacher.temperature;
  const LossSums sums = sums_of_all(b, b.scale(b.reduce_sum(terms, axes, false), squared), places);
  const std::vector<LossPartForm> forms = loss_part_forms(settings, true);
  const ValueId value = loss_value(b, forms.back().form, sums);
  const ValueId hard = loss.total;
  for (std::size_t i = 0; i < loss.parts.size(); ++i) {
    loss.parts[i].of = forms[i];
  }
  loss.parts.push_back({forms.back(), sums, value});
  loss.total = b.add(b.scale(hard, 1 - teacher.alpha), b.scale(value, teacher.alpha));
  graph.value(loss.total).name = "loss";
  return loss;
}

}  // namespace temper::training
