#include "training/analysis/gradient_model.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "backends/reference/reference_backend.h"
#include "graph/autodiff/gradient.h"
#include "graph/ir/builder.h"
#include "graph/onnx/import.h"
#include "graph/onnx/step_file.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/expand_ops.h"
#include "graph/passes/standard_form.h"
#include "graph/passes/training_mode.h"
#include "runtime/base/error.h"
#include "training/compile/training_graph.h"
#include "training/settings/name_pattern.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::Graph;
using graph::ValueId;
using graph::VariableId;

constexpr std::int64_t kOpset = 20;

GradientModelReport write(Graph made, std::int64_t opset, const Backend& reference,
                          const std::string& out) {
  GradientModelReport report;
  report.opset = std::max(kOpset, opset);
  made.updates.clear();
  made.ok = {};
  graph::to_standard_ops(made, report.opset);
  graph::fold_small_constants(made, reference);
  graph::StepFile file;
  file.opset = report.opset;
  file.variables_are_inputs = false;
  graph::write_flat_step(made, file, out);
  for (int i = 0; i < made.node_count(); ++i) {
    report.nodes += made.node(graph::NodeId{i}).removed ? 0 : 1;
  }
  for (const ValueId id : made.inputs) {
    report.inputs.push_back(made.value(id).name);
  }
  for (const Graph::Output& output : made.outputs) {
    report.outputs.push_back(output.name);
  }
  return report;
}

// What the product is differentiated by, and what each is called.
std::vector<std::pair<ValueId, std::string>> wanted_of(Graph& made, const ProductOptions& options,
                                                       const std::set<std::string>& chosen) {
  std::vector<std::pair<ValueId, std::string>> wanted;
  const bool inputs_alone = options.of.inputs && options.of.wrt.empty();
  for (int i = 0; i < made.variable_count(); ++i) {
    const graph::Variable& variable = made.variable(VariableId{i});
    if (chosen.empty() ? variable.trainable && !inputs_alone : chosen.contains(variable.name)) {
      wanted.emplace_back(made.read_variable(VariableId{i}), variable.name);
    }
  }
  for (const ValueId id : made.inputs) {
    if (options.of.inputs && is_float(made.value(id).dtype)) {
      wanted.emplace_back(id, concat("input:", made.value(id).name));
    }
  }
  TEMPER_CHECK(!wanted.empty(), ErrorCode::kInvalidArgument,
               "there is no tensor to differentiate by (temper inspect lists them)");
  return wanted;
}

// sum over all float outputs of their products with an input each
ValueId product_with_cotangents(Graph& made) {
  Builder builder(made, "product");
  ValueId total;
  const std::vector<Graph::Output> outputs = made.outputs;
  for (const Graph::Output& output : outputs) {
    const DType dtype = made.value(output.value).dtype;
    const Shape shape = made.value(output.value).shape;
    if (!is_float(dtype)) {
      continue;
    }
    const ValueId cotangent =
        made.add_input(concat("cotangent.", output.name), dtype, shape,
                       {graph::PortRole::kTarget, static_cast<int>(made.inputs.size())});
    std::vector<std::int64_t> axes(static_cast<std::size_t>(shape.rank()));
    std::iota(axes.begin(), axes.end(), 0);
    ValueId part = builder.mul(output.value, cotangent);
    part = axes.empty() ? part : builder.reduce_sum(part, axes, false);
    total = total.valid() ? builder.add(total, part) : part;
  }
  TEMPER_CHECK(total.valid(), ErrorCode::kInvalidArgument, "the model has no float output");
  return total;
}

}  // namespace

GradientModelReport write_loss_gradient(const Recipe& recipe, const GradientOptions& options,
                                        std::int64_t rows, const std::string& out) {
  std::vector<std::string> notes;
  const std::int64_t batch = rows > 0 ? rows : recipe.data.batch_size;
  Graph made = make_gradient_graph(recipe, options, batch, notes);
  const auto reference = reference::make_reference_backend();
  GradientModelReport report = write(std::move(made), kOpset, *reference, out);
  report.batch = batch;
  report.notes = std::move(notes);
  return report;
}

GradientModelReport write_jacobian_product(const std::string& path, const ProductOptions& options,
                                           const std::string& out) {
  const auto model = graph::OnnxModel::load(path, {options.external_data_root});
  const auto reference = reference::make_reference_backend();
  std::set<std::string> as_variables;
  if (!options.of.wrt.empty()) {
    std::vector<graph::TensorDecision> decisions;
    model.build_graph(graph::standard_ops(), {}, &decisions);
    std::vector<std::string> names;
    for (const graph::TensorDecision& decision : decisions) {
      names.push_back(decision.name);
    }
    const std::vector<bool> chosen = match_names(options.of.wrt, names, "--wrt");
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (chosen[i]) {
        as_variables.insert(names[i]);
      }
    }
  }
  Graph made = model.build_graph(graph::standard_ops(), as_variables);
  bind_batch(made, options.symbols, options.rows, *reference, {});
  graph::expand_foreign_ops(made);
  graph::apply_inference_mode(made);
  const auto wanted = wanted_of(made, options, as_variables);
  std::vector<ValueId> wrt;
  for (const auto& [value, name] : wanted) {
    wrt.push_back(value);
  }
  const ValueId product = product_with_cotangents(made);
  const std::vector<ValueId> gradients = graph::gradient(made, product, wrt);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    made.add_output(concat("gradient.", wanted[i].second), gradients[i],
                    {graph::PortRole::kGradient, static_cast<int>(i)});
  }
  std::vector<std::string> notes;
  for (const std::string& name : as_variables) {
    if (!made.find_variable(name).valid()) {
      notes.push_back(concat("'", name, "' is left out: its value is needed to compile the graph"));
    }
  }
  GradientModelReport report = write(std::move(made), model.opset(), *reference, out);
  report.notes = std::move(notes);
  report.batch = options.rows;
  return report;
}

}  // namespace temper::training
