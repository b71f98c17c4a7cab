// A session that trains with rounding: ranges of values learnt from the training data, and the
// model as the run writes it.
#include <algorithm>
#include <cmath>
#include <utility>

#include "graph/onnx/export.h"
#include "graph/ops/observed_rounding.h"
#include "runtime/base/error.h"
#include "training/session/observers.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

graph::CalibrationOptions calibration_of(const QuantizeSettings& settings) {
  graph::CalibrationOptions options;
  options.how = settings.calibration == "percentile" ? graph::Calibration::kPercentile
                : settings.calibration == "entropy"  ? graph::Calibration::kEntropy
                : settings.calibration == "mse"      ? graph::Calibration::kMse
                                                     : graph::Calibration::kMinMax;
  options.percentile = settings.percentile;
  options.symmetric = settings.activations == "symmetric";
  return options;
}

}  // namespace

void Session::observe_until(std::int64_t total_steps) {
  if (rounded_ && recipe_.quantize.observers == "moving") {
    engine_->observe_until(
        std::llround(recipe_.quantize.freeze_after * static_cast<double>(total_steps)));
  }
}

void Session::write_model(const std::string& path, const graph::ExportedMetadata& metadata) const {
  if (rounded_) {
    write_rounded(*rounded_, recipe_.quantize, engine_->model_values(), path, metadata);
  } else {
    graph::export_model(*model_, engine_->model_values(), path, metadata);
  }
}

void Session::calibrate(CompileSettings& settings) {
  TEMPER_CHECK(settings.precision == DType::kFloat32, ErrorCode::kUnsupported,
               "train.precision = \"", recipe_.train.precision,
               "\" and quantize.bits round one after the other: write train.precision = \"f32\"");
  const std::map<std::string, graph::ValueRange> ranges = observed_ranges(settings);
  set_ranges(*imported_, *rounded_, recipe_.quantize, ranges);
  notes_.push_back(concat("[quantize]: the ranges of ", ranges.size(), " values begin as on ",
                          std::min(recipe_.quantize.calibrate, train_count()),
                          " training samples"));
  add_scale_group(settings, *rounded_, recipe_);
}

// The float model on some of the training data, without the random changes of training.
std::map<std::string, graph::ValueRange> Session::observed_ranges(const CompileSettings& settings) {
  graph::Graph floats = *imported_;
  const std::map<graph::VariableId, graph::ValueId> seen = graph::leave_out_rounding(floats);
  std::vector<std::string> names;
  floats.outputs.clear();
  for (const graph::RoundedTensor& tensor : rounded_->tensors) {
    if (tensor.name == tensor.range) {
      names.push_back(tensor.name);
      floats.add_output(tensor.name, seen.at(floats.find_variable(tensor.low())));
    }
  }
  const graph::CalibrationOptions how = calibration_of(recipe_.quantize);
  std::vector<graph::ValueWatch> watches(names.size(), graph::ValueWatch(how));
  EngineOptions alone = options_;
  alone.ranks = nullptr;
  Engine engine(std::move(floats), settings, *backend_, *reference_, alone);
  const std::int64_t size = std::min(recipe_.data.batch_size, recipe_.quantize.calibrate);
  engine.prepare({request(GraphKind::kPredict, size, 0)});
  const auto run = [&](const auto& take) {
    const auto loader = data_->make_sample_loader(recipe_.quantize.calibrate, size);
    std::int64_t rows = 0;
    while (const Batch* batch = rows < recipe_.quantize.calibrate ? loader->next() : nullptr) {
      const HeldExecutor held = engine.executor(request(GraphKind::kPredict, *batch));
      Executor& executor = *held;
      bind(executor, *batch);
      executor.run();
      for (std::size_t i = 0; i < watches.size(); ++i) {
        const int output = executor.plan().output(PortRole::kModelOutput, static_cast<int>(i));
        take(watches[i], executor.read_output(output).to_plain().values<float>());
      }
      rows += batch->rows;
    }
  };
  run([](graph::ValueWatch& watch, const std::vector<float>& numbers) {
    watch.first_run(numbers);
  });
  for (std::size_t i = 0; i < names.size(); ++i) {
    TEMPER_CHECK(watches[i].saw_any() && watches[i].is_finite(), ErrorCode::kInvalidData, "value '",
                 names[i], "' has ", watches[i].saw_any() ? "numbers that are not finite" : "none",
                 " on the training data, so it has no range: leave its layer out by quantize.skip");
  }
  if (graph::ValueWatch::needs_second_run(how)) {
    run([](graph::ValueWatch& watch, const std::vector<float>& numbers) {
      watch.second_run(numbers);
    });
  }
  std::map<std::string, graph::ValueRange> ranges;
  for (std::size_t i = 0; i < names.size(); ++i) {
    ranges[names[i]] = watches[i].range();
  }
  return ranges;
}

}  // namespace temper::training
