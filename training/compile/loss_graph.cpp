#include "training/compile/loss_graph.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "graph/ir/builder.h"
#include "runtime/base/error.h"
#include "training/compile/loss_file.h"
#include "training/compile/output_end.h"
#include "training/compile/step/weight_penalty.h"
#include "training/losses/loss.h"

namespace temper::training {

using graph::Builder;
using graph::Graph;
using graph::Port;
using graph::PortRole;
using graph::ValueId;

namespace {

std::vector<ValueId> chosen_outputs(const Loss& loss, const LossTerm& term,
                                    const std::vector<Graph::Output>& outputs) {
  std::vector<std::string> names;
  for (const Graph::Output& output : outputs) {
    names.push_back(output.name);
  }
  std::vector<std::string> wanted = term.outputs;
  const auto count = static_cast<std::size_t>(loss.outputs);
  TEMPER_CHECK(wanted.empty() ? names.size() >= count : wanted.size() == count,
               ErrorCode::kInvalidArgument, loss.name, " takes ", count, " outputs; ",
               wanted.empty() ? "the model has " : "loss.output names ",
               join(wanted.empty() ? names : wanted, ", "));
  if (wanted.empty()) {
    wanted.assign(names.begin(), names.begin() + loss.outputs);
  }
  std::vector<ValueId> chosen;
  for (const std::string& name : wanted) {
    const auto found = std::find(names.begin(), names.end(), name);
    TEMPER_CHECK(found != names.end(), ErrorCode::kInvalidArgument, "the model has no output '",
                 name, "' (it has ", join(names, ", "), ")");
    chosen.push_back(outputs[static_cast<std::size_t>(found - names.begin())].value);
  }
  return chosen;
}

// The input of this port, invalid when there is none yet.
ValueId find_input(const Graph& graph, Port port) {
  const auto found = std::find_if(graph.inputs.begin(), graph.inputs.end(),
                                  [&](ValueId id) { return graph.value(id).port == port; });
  return found == graph.inputs.end() ? ValueId{} : *found;
}

// The input of this port, which several terms may share.
ValueId shared_input(Graph& graph, Port port, const std::string& label, DType dtype,
                     const Shape& shape) {
  const ValueId known = find_input(graph, port);
  if (!known.valid()) {
    return graph.add_input(label, dtype, shape, port);
  }
  const graph::Value& input = graph.value(known);
  TEMPER_ASSERT(input.dtype == dtype && input.shape == shape, "two forms of the input ", label);
  return known;
}

// One input, in the type of the first term's output.
ValueId sample_weights(Graph& graph, DType dtype, std::int64_t batch) {
  constexpr Port kPort{PortRole::kSampleWeight, 0};
  const ValueId known = find_input(graph, kPort);
  return known.valid() ? known : graph.add_input(kSampleWeightInput, dtype, Shape{batch}, kPort);
}

std::string target_label(const std::string& array) {
  return array.empty() || array == kTargetInput ? std::string(kTargetInput)
                                                : concat(kTargetInput, " ", array);
}

// An output [N, ..., C], its target and the weights of samples as rows, one per position.
void flatten_positions(LossInputs& in) {
  Builder& b = in.builder;
  const Shape shape = b.shape(in.output());
  const Shape rows = class_rows(shape);
  in.outputs.front() = b.reshape(in.output(), rows);
  const bool classes = b.shape(in.target).rank() < shape.rank();
  in.target = b.reshape(in.target, classes ? Shape{rows[0]} : rows);
  if (in.sample_weight.valid()) {
    const ValueId column = b.reshape(in.sample_weight, {shape[0], 1});
    in.sample_weight = b.reshape(b.expand(column, {shape[0], rows[0] / shape[0]}), {rows[0]});
  }
}

// What is NaN in the target is not there: another number in its place keeps losses finite.
void leave_out_filling(LossInputs& in) {
  Builder& b = in.builder;
  in.there = b.op("Not", {b.op("IsNaN", {in.target})});
  in.target = b.op("Where", {in.there, in.target, b.scalar(b.dtype(in.target), 0)});
}

ValueId add_file_term(Graph& graph, const CompileSettings& settings, const LossTerm& term,
                      const ModelValues& model, const Backend& reference) {
  std::map<std::string, ValueId> given;
  const std::int64_t batch = model.batch(graph);
  for (const ValueId id : term.graph->inputs) {
    const graph::Value& input = term.graph->value(id);
    const LossFileRole role = role_of(graph, input.name, model, settings.sample_weight);
    if (role == LossFileRole::kSampleWeight) {
      Builder builder(graph, "loss file");
      const DType dtype = builder.dtype(model.outputs.front().value);
      given[input.name] = builder.cast(sample_weights(graph, dtype, batch), input.dtype);
    } else if (role != LossFileRole::kTarget) {
      given[input.name] = model.value_of(graph, input.name, role);
    }
  }
  for (const LossFileTarget& target : term.file_targets) {
    Shape shape{batch};
    for (const std::int64_t dim : target.row_shape) {
      shape.push_back(dim);
    }
    given[target.input] = shared_input(graph, {PortRole::kTarget, target.target},
                                       target_label(target.input), target.dtype, shape);
  }
  return add_loss_file(graph, term, given, reference);
}

LossSums add_term(Graph& graph, const CompileSettings& settings, const LossTerm& term,
                  const std::vector<Graph::Output>& outputs) {
  const Loss& loss = find_loss(term.loss.name);
  Builder builder(graph, concat("loss ", loss.name));
  const Attrs& parameters = term.loss.parameters;
  LossInputs in{builder, chosen_outputs(loss, term, outputs), {}, parameters, {}, {}};
  in.all_count = term.all_count;
  if (form_taken(loss, parameters) == OutputForm::kLogProbabilities) {
    in.outputs.front() = log_of_softmax(builder, in.output(), class_axis(loss, parameters));
  }
  const DType dtype = builder.dtype(in.output());
  const Shape shape = builder.shape(in.output());
  TEMPER_CHECK(!term.class_target || shape.rank() <= 2 || parameters.get_int("class_axis", 1) != 0,
               ErrorCode::kInvalidArgument, loss.name, ": the output is ", shape,
               " and its classes may lie along either axis; where no target is there to tell, "
               "write class_axis = 1 (PyTorch's [N, C, ...]) or -1 ([N, ..., C])");
  if (loss.target != TargetKind::kNone) {
    const TargetSpec spec =
        target_spec(loss, parameters, dtype, shape, {term.class_target, false, term.target_labels});
    in.target = shared_input(graph, {PortRole::kTarget, term.target_index},
                             target_label(term.target), spec.dtype, spec.shape);
  }
  const std::int64_t batch = in.target.valid()   ? builder.shape(in.target)[0]
                             : shape.rank() >= 1 ? shape[0]
                                                 : 0;
  const std::string lengths = parameters.get_string("input_lengths", "");
  if (!lengths.empty()) {
    in.input_lengths = shared_input(graph, {PortRole::kInputLengths, term.lengths_index},
                                    "input lengths " + lengths, DType::kInt64, Shape{batch});
  }
  if (settings.sample_weight) {
    TEMPER_CHECK(shape.rank() >= 1, ErrorCode::kInvalidArgument,
                 "loss.sample_weight needs an output [N, ...], but the model's is a scalar");
    in.sample_weight = builder.cast(sample_weights(graph, dtype, batch), dtype);
  }
  if (classes_last(term.loss.parameters) && shape.rank() > 2) {
    flatten_positions(in);
  }
  if (term.filled_up) {
    leave_out_filling(in);
  }
  return loss.sums(in);
}

}  // namespace

std::vector<std::string> term_labels(const std::vector<LossTerm>& terms) {
  const auto name_of = [](const LossTerm& term) {
    return term.is_file() ? std::string("file") : term.loss.name;
  };
  std::set<std::string> taken;
  std::vector<std::string> labels;
  for (const LossTerm& term : terms) {
    const auto alike = std::count_if(terms.begin(), terms.end(), [&](const auto& other) {
      return other.label.empty() && name_of(other) == name_of(term);
    });
    std::string label = term.label.empty() ? name_of(term) : term.label;
    if (term.label.empty() && alike > 1 && !term.outputs.empty()) {
      label = concat(name_of(term), "_", term.outputs.front());
    }
    const std::string base = label;
    for (int i = 2; !taken.insert(label).second; ++i) {
      label = concat(base, "_", i);
    }
    labels.push_back(std::move(label));
  }
  return labels;
}

std::vector<LossPartForm> loss_part_forms(const CompileSettings& settings, bool training) {
  const std::vector<std::string> labels = term_labels(settings.losses);
  const bool penalised = training && settings.penalty.is_on();
  const bool taught = training && settings.teacher_graph != nullptr;
  std::vector<LossPartForm> parts;
  for (std::size_t i = 0; i < settings.losses.size(); ++i) {
    const LossTerm& term = settings.losses[i];
    parts.push_back({labels[i], {}, term.loss_weight});
    if (!term.is_file()) {
      parts.back().form = loss_form(find_loss(term.loss.name), term.loss.parameters);
    }
  }
  if (taught && parts.size() == 1 && !penalised) {
    parts.front().label = "hard";
  }
  for (const auto& [label, factor] :
       {std::pair("l1", settings.penalty.l1), std::pair("l2", settings.penalty.l2)}) {
    if (penalised && factor > 0) {
      parts.push_back({label, {}, 1, true});
    }
  }
  if (taught) {
    for (LossPartForm& part : parts) {
      part.factor *= 1 - settings.teacher.alpha;
    }
    parts.push_back({"distillation", {}, settings.teacher.alpha});
  }
  return parts;
}

std::vector<std::string> loss_part_labels(const CompileSettings& settings, bool training) {
  std::vector<std::string> labels;
  for (const LossPartForm& part : loss_part_forms(settings, training)) {
    labels.push_back(part.label);
  }
  if (labels.size() == 1) {
    labels.clear();
  }
  return labels;
}

ValueId joined_sums(Builder& builder, const LossSums& sums) {
  const Shape flat{builder.shape(sums.sum).element_count()};
  const DType dtype = builder.dtype(sums.sum);
  return builder.op(
      "Concat",
      {builder.reshape(sums.sum, flat), builder.reshape(builder.cast(sums.count, dtype), flat)},
      {{"axis", std::int64_t{0}}});
}

void add_loss_outputs(Graph& graph, const LossParts& loss) {
  graph.add_output("loss", loss.total, {PortRole::kLoss, 0});
  Builder builder(graph, "sums of the loss");
  for (std::size_t i = 0; i < loss.parts.size(); ++i) {
    const LossPart& part = loss.parts[i];
    graph.add_output(concat("sums of ", part.of.label), joined_sums(builder, part.sums),
                     {PortRole::kLossSums, static_cast<int>(i)});
  }
}

LossPart part_of_batch(Builder& builder, LossPartForm form, ValueId value, std::int64_t rows) {
  const auto count = static_cast<double>(rows);
  return {std::move(form), sums_of_all(builder, builder.scale(value, count), count), value};
}

LossParts add_loss(Graph& graph, const CompileSettings& settings,
                   const std::vector<Graph::Output>& outputs, bool training, std::int64_t rows,
                   const Backend& reference) {
  LossParts made;
  const ModelValues model{graph.inputs, outputs};
  const std::vector<LossPartForm> forms = loss_part_forms(settings, training);
  Builder builder(graph, "loss");
  for (std::size_t i = 0; i < settings.losses.size(); ++i) {
    const LossTerm& term = settings.losses[i];
    if (term.is_file()) {
      const ValueId value = add_file_term(graph, settings, term, model, reference);
      made.parts.push_back(part_of_batch(builder, forms[i], value, rows));
    } else {
      const LossSums sums = add_term(graph, settings, term, outputs);
      builder.set_origin(concat("loss ", term.loss.name));
      const ValueId value = loss_value(builder, forms[i].form, sums);
      TEMPER_ASSERT(builder.shape(value).element_count() == 1);
      made.parts.push_back({forms[i], sums, builder.reshape(value, {})});
      builder.set_origin("loss");
    }
    const ValueId value = made.parts.back().value;
    const ValueId weighted = term.loss_weight == 1 ? value : builder.scale(value, term.loss_weight);
    made.total = made.total.valid()
                     ? builder.add(made.total, builder.cast(weighted, builder.dtype(made.total)))
                     : weighted;
  }
  TEMPER_ASSERT(made.total.valid(), "a run needs a loss");
  if (training && settings.penalty.is_on()) {
    for (auto& [label, value] : add_penalties(graph, settings)) {
      made.total = builder.add(made.total, builder.cast(value, builder.dtype(made.total)));
      made.parts.push_back(part_of_batch(builder, forms[made.parts.size()], value, rows));
    }
  }
  graph.value(made.total).name = "loss";
  return made;
}

}  // namespace temper::training
