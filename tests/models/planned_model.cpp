#include "tests/models/planned_model.h"

#include <temper_test_paths.h>

#include <algorithm>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "models/architecture.h"
#include "runtime/base/concat.h"
#include "tests/models/expected_training.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"

namespace temper {
namespace {

std::string place(const PlannedModel& model, const std::string& folder) {
  if (*model.expected != '\0') {
    return place_model(read_expected(model.expected), model.name, folder);
  }
  if (std::string(model.name) == "digits") {
    return TEMPER_SOURCE_DIR "/models/digits/digits.onnx";
  }
  const std::string path = folder + "/model.onnx";
  models::write_model(models::make_model(models::find_architecture(model.name), model.options, 0),
                      path);
  return path;
}

}  // namespace

std::string test_name(const PlannedModel& model) {
  std::string name = model.name;
  if (model.precision != DType::kFloat32) {
    name += concat("_", model.precision);
  }
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

std::string row_name(const PlannedModel& model) {
  const bool wide = model.precision == DType::kFloat32;
  return concat(model.name, wide ? "" : "/", wide ? "" : to_string(model.precision));
}

CompiledModel::CompiledModel(const PlannedModel& model, const char* device, int threads)
    : backend_(make_backend(device)), reference_(make_backend("reference")) {
  const std::string path = place(model, folder_.path());
  training::CompileSettings settings;
  const training::Loss& loss = training::find_loss(model.loss);
  Attrs parameters;
  if (model.sequence_of_classes) {
    parameters.set("class_axis", std::int64_t{-1});
  }
  settings.losses.emplace_back().loss = {
      loss.name, training::complete_parameters("loss", loss.name, loss.parameters, parameters)};
  const training::Optimizer& adamw = training::find_optimizer("adamw");
  settings.optimizer = {
      adamw.name, training::complete_parameters("optimizer", adamw.name, adamw.parameters, {})};
  settings.precision = model.precision;
  training::EngineOptions options;
  options.threads = threads;
  options.memory_limit = model.memory_limit;
  engine_ = std::make_unique<training::Engine>(
      graph::OnnxModel::load(path).build_graph(graph::standard_ops()), settings, *backend_,
      *reference_, options);
}

training::GraphRequest CompiledModel::request(training::GraphKind kind) {
  training::GraphRequest made;
  made.kind = kind;
  made.batch = 4;
  made.symbols = {{"sequence", 64}};
  return made;
}

}  // namespace temper
