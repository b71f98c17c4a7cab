#include "training/analysis/calibration_data.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "graph/onnx/deploy/fold_batchnorm.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/analysis/trial.h"
#include "training/metrics/set_metrics.h"
#include "training/session/data_options.h"
#include "training/session/evaluation.h"
#include "training/session/run_metrics.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

// What run() gives of a batch: the model's outputs, in its order.
using TakeOutput = std::function<void(std::size_t output, const Tensor& values)>;

Recipe recipe_for(const CalibrationData& data, const std::string& model) {
  Recipe recipe = data.recipe;
  recipe.model.path = model;
  recipe.data.val.clear();
  recipe.data.val_split = 0;
  recipe.data.shuffle = true;
  recipe.augment = {};
  recipe.data.batch_size = std::min(recipe.data.batch_size, data.samples);
  return recipe;
}

// Random samples, the same for every model; those of data without an order of
// their own.
void run(const CalibrationData& data, const std::string& model, const TakeOutput& take) {
  SessionNeeds needs;
  needs.target = false;
  needs.stored_preprocessing = true;
  Session session(recipe_for(data, model), {}, needs);
  Engine& engine = session.engine();
  const std::int64_t size = session.recipe().data.batch_size;
  engine.prepare({session.request(GraphKind::kPredict, size)});
  const auto loader = session.train_count() > data.samples ? session.make_train_loader({})
                                                           : session.make_ordered_loader(size);
  std::int64_t seen = 0;
  const std::size_t outputs = engine.imported().outputs.size();
  while (const Batch* batch = seen < data.samples ? loader->next() : nullptr) {
    const HeldExecutor held = engine.executor(session.request(GraphKind::kPredict, *batch));
    Executor& executor = *held;
    session.bind(executor, *batch);
    executor.run();
    for (std::size_t i = 0; i < outputs; ++i) {
      const int output = executor.plan().output(PortRole::kModelOutput, static_cast<int>(i));
      take(i, executor.read_output(output).to_plain());
    }
    seen += batch->rows;
  }
}

std::vector<std::string> output_names(const graph::OnnxModel& model) {
  std::vector<std::string> names;
  for (const graph::OnnxValueInfo& output : model.outputs()) {
    names.push_back(output.name);
  }
  return names;
}

double signal_to_noise(double signal, double noise) {
  return noise == 0 ? std::numeric_limits<double>::infinity()
                    : 10 * std::log10(std::max(signal, 1e-300) / noise);
}

// All outputs of a model, one batch after the other.
std::vector<std::vector<Tensor>> all_outputs(const CalibrationData& data,
                                             const std::string& model) {
  std::vector<std::vector<Tensor>> all;
  run(data, model, [&](std::size_t i, const Tensor& values) {
    all.resize(std::max(all.size(), i + 1));
    all[i].push_back(values);
  });
  return all;
}

std::vector<OutputQuality> compare(const std::vector<std::string>& names,
                                   const std::vector<std::vector<Tensor>>& before,
                                   const std::vector<std::vector<Tensor>>& after) {
  TEMPER_CHECK(before.size() == after.size(), ErrorCode::kUnsupported, "the quantised model has ",
               after.size(), " outputs, and had ", before.size());
  std::vector<OutputQuality> rows;
  for (std::size_t i = 0; i < before.size(); ++i) {
    OutputQuality row{names[i], 0, 0, 0};
    double signal = 0, noise = 0;
    std::int64_t count = 0;
    for (std::size_t batch = 0; batch < before[i].size(); ++batch) {
      const std::vector<double> x = before[i][batch].values<double>();
      const std::vector<double> y = after[i][batch].values<double>();
      TEMPER_CHECK(x.size() == y.size(), ErrorCode::kUnsupported, "output '", names[i], "' is ",
                   after[i][batch].shape(), " once quantised, and was ", before[i][batch].shape());
      for (std::size_t k = 0; k < x.size(); ++k) {
        const double far = std::abs(x[k] - y[k]);
        signal += x[k] * x[k];
        noise += far * far;
        row.mean_difference += far;
        row.largest_difference = std::max(row.largest_difference, far);
      }
      count += static_cast<std::int64_t>(x.size());
    }
    row.mean_difference /= static_cast<double>(std::max<std::int64_t>(count, 1));
    row.signal_to_noise = signal_to_noise(signal, noise);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

void copy_preprocessing(const std::string& from_model, const std::string& to_model) {
  constexpr std::uint64_t kMostBytes = std::uint64_t{16} << 20;
  const std::string from = preprocessing_path(from_model);
  if (file_status(from).exists) {
    write_file_atomically(preprocessing_path(to_model), read_text_file(from, kMostBytes));
  }
}

graph::RunValues values_on(const CalibrationData& data, const std::string& path,
                           const std::string& out) {
  return [data, path, out](const graph::ModelEdit& edit, const std::vector<std::string>& values,
                           const graph::TakeValue& take) {
    const graph::OnnxModel model = edit.model();
    graph::ModelEdit watched(model);
    graph::give_values(watched, values);
    Draft draft(out);
    draft.write(watched);
    copy_preprocessing(path, draft.path());
    run(data, draft.path(),
        [&](std::size_t i, const Tensor& tensor) { take(i, tensor.values<float>()); });
  };
}

std::vector<OutputQuality> output_quality(const CalibrationData& data, const std::string& before,
                                          const std::string& after) {
  return compare(output_names(graph::OnnxModel::load(before)), all_outputs(data, before),
                 all_outputs(data, after));
}

std::optional<double> accuracy_on(const CalibrationData& data, const std::string& model) {
  Recipe recipe = recipe_for(data, model);
  recipe.metrics.names = {std::string(kAllMetrics)};
  SessionNeeds needs;
  needs.trains = false;
  needs.stored_preprocessing = true;
  {
    SessionNeeds without = needs;
    without.target = false;
    const Session session(recipe, {}, without);
    const std::vector<Field>& fields = session.train_data().fields();
    if (std::none_of(fields.begin(), fields.end(), [](const Field& f) { return f.is_target; })) {
      return {};
    }
  }
  Session session(recipe, {}, needs);
  SetMetrics metrics = make_set_metrics(session, session.recipe().metrics);
  return evaluate_training_rows(session, metrics).metric("accuracy");
}

std::vector<LayerSensitivity> layer_sensitivity(const graph::OnnxModel& model,
                                                const graph::QuantizeStaticOptions& options,
                                                const CalibrationData& data,
                                                const std::string& out) {
  graph::ModelEdit folded(model);
  graph::fold_batchnorm(folded);
  const graph::CalibratedPlan all = graph::calibrate(folded, options);
  const graph::OnnxModel base = folded.model();
  const auto before = all_outputs(data, model.path());
  std::vector<LayerSensitivity> rows;
  for (const graph::QuantizedProduct& product : all.plan.products) {
    graph::ModelEdit edit(base);
    graph::QuantizePlanOptions alone = options.plan;
    alone.only = [&](std::string_view name) { return name == product.name; };
    graph::write_quantized(edit, graph::plan_quantization(edit, alone), all.values);
    Draft draft(out);
    draft.write(edit);
    copy_preprocessing(model.path(), draft.path());
    LayerSensitivity row{product.name, std::numeric_limits<double>::infinity()};
    for (const OutputQuality& output :
         compare(output_names(model), before, all_outputs(data, draft.path()))) {
      row.signal_to_noise = std::min(row.signal_to_noise, output.signal_to_noise);
    }
    rows.push_back(std::move(row));
  }
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) {
    return a.signal_to_noise < b.signal_to_noise;
  });
  return rows;
}

}  // namespace temper::training
