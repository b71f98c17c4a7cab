#include "tests/training/support/step_weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <span>

#include "backends/backends.h"
#include "graph/onnx/step_file.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/evaluate.h"
#include "training/analysis/training_step.h"
#include "training/formats/npz.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

Tensor rows_of(const Tensor& all, std::int64_t first) {
  Shape shape = all.shape();
  const auto row = static_cast<std::size_t>(all.bytes() / shape[0]);
  shape[0] = kStepRows;
  Tensor part(all.dtype(), shape);
  std::memcpy(part.data(), static_cast<const std::byte*>(all.data()) + row * first,
              row * kStepRows);
  return part;
}

std::vector<double> floats_of(const PlainValue& value) {
  std::vector<double> values;
  value.for_each_piece([&](std::span<const std::byte> piece) {
    for (std::size_t at = 0; at < piece.size(); at += sizeof(float)) {
      float number = 0;
      std::memcpy(&number, piece.data() + at, sizeof number);
      values.push_back(number);
    }
  });
  return values;
}

// A tensor that a step changes.
struct Changed {
  std::string name;
  graph::ValueId before, after;
};

// What the tensors are after as many steps as training does, each from the next rows of the data.
Weights stepped_weights(const graph::Graph& step, const std::vector<Changed>& changed,
                        const std::string& data, std::map<graph::ValueId, Tensor> known = {}) {
  const auto reference = make_backend("reference");
  const NpzFile file(data);
  std::vector<graph::ValueId> wanted;
  for (const Changed& tensor : changed) {
    wanted.push_back(tensor.after);
  }
  for (std::int64_t at = 0; at < kStepsTaken; ++at) {
    for (const graph::ValueId id : step.inputs) {
      const auto names = file.names();
      const std::string& name = step.value(id).name;
      if (std::find(names.begin(), names.end(), name) != names.end()) {
        known[id] = rows_of(file.read(name), at * kStepRows);
      }
    }
    const std::vector<Tensor> next = graph::evaluate(step, *reference, known, wanted);
    for (std::size_t i = 0; i < next.size(); ++i) {
      known[changed[i].before] = next[i];
    }
  }
  Weights weights;
  for (const Changed& tensor : changed) {
    weights[tensor.name] = known.at(tensor.before).values<double>();
  }
  return weights;
}

}  // namespace

StepFiles::StepFiles(const TinyModel& options) {
  write_tiny_model(model, options);
  write_tiny_data(data, kStepsTaken * kStepRows, 5);
}

Recipe StepFiles::recipe(std::vector<std::string> lines) const {
  for (const char* line : {"data.shuffle=false", "data.batch_size=8", "train.steps=20",
                           "train.device=reference", "data.val_split=0"}) {
    lines.emplace_back(line);
  }
  return tiny_recipe(model, data, folder.path("run"), lines);
}

Weights trained_weights(const Recipe& recipe) {
  Weights trained;
  run_tiny(recipe, false, [&](const StepView& view) {
    for (const auto& [name, value] : view.session.engine().model_values()) {
      trained[name] = floats_of(value);
    }
    return false;
  });
  return trained;
}

Weights weights_of_graph(const Recipe& recipe, const std::string& data) {
  Session session(recipe);
  TrainingStep made = make_training_step(session);
  std::vector<Changed> changed;
  for (const graph::UpdateBinding& update : made.graph.updates) {
    changed.push_back({made.graph.variable(update.variable).name,
                       made.graph.read_variable(update.variable), update.value});
  }
  return stepped_weights(made.graph, changed, data);
}

Weights weights_of_file(const Recipe& recipe, const std::string& data, const std::string& path) {
  write_training_step(recipe, path, {.flat = true});
  const auto model = graph::OnnxModel::load(path);
  std::set<std::string> names;
  for (const graph::OnnxValueInfo& output : model.outputs()) {
    if (output.name.ends_with(graph::kNextSuffix)) {
      names.insert(output.name.substr(0, output.name.size() - std::strlen(graph::kNextSuffix)));
    }
  }
  graph::Graph step = model.build_graph(graph::standard_ops(), names);
  std::map<std::string, graph::ValueId> known;
  for (int i = 0; i < step.value_count(); ++i) {
    known[step.value(graph::ValueId{i}).name] = graph::ValueId{i};
  }
  std::map<graph::ValueId, Tensor> begin;
  for (const std::string& name : names) {
    const graph::Value value = step.value(known.at(name));
    if (value.kind == graph::ValueKind::kConstant) {  // whole numbers, such as step.applied
      const graph::ValueId input = step.add_input(name, value.dtype, value.shape);
      step.replace_uses(known[name], input);
      known[name] = input;
      begin[input] = value.constant;
    }
  }
  graph::bind_shapes(step, {}, kStepRows, *make_backend("reference"));
  std::vector<Changed> changed;
  for (const graph::Graph::Output& output : step.outputs) {
    for (const std::string& name : names) {
      if (output.name == name + graph::kNextSuffix) {
        changed.push_back({name, known.at(name), output.value});
      }
    }
  }
  EXPECT_EQ(changed.size(), names.size());
  return stepped_weights(step, changed, data, begin);
}

double difference_of(const Weights& stepped, const Weights& trained) {
  double most = 0;
  std::size_t compared = 0;
  for (const auto& [name, values] : trained) {
    const auto found = stepped.find(name);
    if (found == stepped.end()) {
      continue;  // frozen
    }
    ++compared;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double difference = std::abs(values[i] - found->second[i]);
      most = std::isnan(difference) ? difference : std::max(most, difference);
    }
  }
  EXPECT_GT(compared, 0u);
  return most;
}

}  // namespace temper::training
