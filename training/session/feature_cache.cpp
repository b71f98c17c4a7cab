#include "training/session/feature_cache.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "training/compile/frozen_prefix.h"
#include "training/data/stored_dataset.h"
#include "training/session/input_shapes.h"

namespace temper::training {
namespace {

void check_recipe(const Recipe& recipe, const CompileSettings& settings,
                  const EngineOptions& options) {
  const auto refuse = [](bool condition, const char* what) {
    TEMPER_CHECK(!condition, ErrorCode::kInvalidArgument, "train.cache_features = true, but ", what,
                 "; leave one of them out");
  };
  refuse(recipe.augment.is_on() || recipe.augment.mixes(),
         "[augment] changes the samples from epoch to epoch");
  refuse(recipe.quantize.is_on(), "[quantize] rounds what it gives by ranges that move");
  refuse(!recipe.stages.empty(), "[[train.stage]] freezes something else in each stage");
  refuse(settings.teacher_graph != nullptr, "loss.teacher reads the model's inputs");
  refuse(!settings.carried.empty(), "model.input.NAME.carry goes on from batch to batch");
  refuse(settings.longest > 0, "the samples differ in length");
  refuse(has_peers(options.ranks), "several ranks share the batches");
}

class FeatureRun {
 public:
  FeatureRun(FrozenPrefix& split, const Recipe& recipe, CompileSettings settings,
             const Backend& backend, const Backend& reference, const EngineOptions& options)
      : split_(split),
        batch_size_(recipe.data.batch_size),
        engine_(split.prefix, std::move(settings), backend, reference, options) {}

  std::int64_t bytes() const { return bytes_; }

  std::unique_ptr<Dataset> run(std::unique_ptr<Dataset> data, std::span<const std::int64_t> rows) {
    std::vector<StoredDataset::Column> columns = columns_for(*data, rows.size());
    std::vector<std::optional<Port>> ports;
    for (const Field& field : data->fields()) {
      ports.push_back(input_port(split_.prefix, field));
    }
    LoaderOptions options;
    const auto count = static_cast<std::int64_t>(rows.size());
    options.batch_size = std::min(batch_size_, count);
    options.single_epoch = true;
    prepare(options.batch_size, count % options.batch_size);
    BatchLoader loader(*data, Sampler({rows.begin(), rows.end()}, SamplerOptions{false, 0}),
                       options);
    std::int64_t done = 0;
    while (const Batch* batch = loader.next()) {
      const HeldExecutor held = engine_.executor(request(batch->rows));
      Executor& executor = *held;
      bind_fields(executor, ports, batch->fields);
      executor.run();
      for (std::size_t i = 0; i < columns.size(); ++i) {
        const std::ptrdiff_t of = columns[i].of;
        const Tensor part = of >= 0 ? batch->fields[static_cast<std::size_t>(of)]
                                    : executor
                                          .read_output(executor.plan().output(
                                              PortRole::kModelOutput, static_cast<int>(i)))
                                          .to_plain();
        TEMPER_CHECK(part.bytes() == columns[i].values.bytes() / count * batch->rows,
                     ErrorCode::kUnsupported, "'", columns[i].field.name, "' is ", part.shape(),
                     " for ", batch->rows, " samples, expected rows of ",
                     columns[i].field.row_shape);
        std::memcpy(
            static_cast<std::byte*>(columns[i].values.data()) + part_begin(columns[i], done, count),
            part.data(), static_cast<std::size_t>(part.bytes()));
      }
      done += batch->rows;
    }
    return std::make_unique<StoredDataset>(std::move(data), rows, std::move(columns));
  }

 private:
  static std::int64_t part_begin(const StoredDataset::Column& column, std::int64_t row,
                                 std::int64_t count) {
    return column.values.bytes() / count * row;
  }

  static GraphRequest request(std::int64_t rows) {
    GraphRequest made;
    made.kind = GraphKind::kPredict;
    made.batch = rows;
    return made;
  }

  void prepare(std::int64_t rows, std::int64_t rest) {
    if (!prepared_) {
      std::vector<GraphRequest> requests = {request(rows)};
      if (rest > 0) {
        requests.push_back(request(rest));
      }
      engine_.prepare(requests);
      prepared_ = true;
    }
  }

  // The features, then the targets and weights of the data.
  std::vector<StoredDataset::Column> columns_for(const Dataset& data, std::size_t rows) {
    std::vector<StoredDataset::Column> columns;
    const auto add = [&](Field field, std::ptrdiff_t of) {
      Shape shape{static_cast<std::int64_t>(rows)};
      for (int axis = 0; axis < field.row_shape.rank(); ++axis) {
        shape.push_back(field.row_shape[axis]);
      }
      Tensor values(field.dtype, shape);
      bytes_ += values.bytes();
      columns.push_back({std::move(field), std::move(values), of});
    };
    for (const FrozenPrefix::Feature& feature : split_.features) {
      Field field;
      field.name = feature.name;
      field.dtype = feature.dtype;
      field.row_shape = feature.row_shape;
      add(std::move(field), -1);
    }
    for (std::size_t i = 0; i < data.fields().size(); ++i) {
      if (data.fields()[i].is_target) {
        add(data.fields()[i], static_cast<std::ptrdiff_t>(i));
      }
    }
    return columns;
  }

  FrozenPrefix& split_;
  std::int64_t batch_size_;
  Engine engine_;
  bool prepared_ = false;
  std::int64_t bytes_ = 0;
};

}  // namespace

std::string cache_features(graph::Graph& imported, RunData& data, const Recipe& recipe,
                           const CompileSettings& settings, const Backend& backend,
                           const Backend& reference, const EngineOptions& options) {
  check_recipe(recipe, settings, options);
  FrozenPrefix split = split_frozen_prefix(imported, recipe.model, reference);
  FeatureRun run(split, recipe, settings, backend, reference, options);
  data.replace([&](std::unique_ptr<Dataset> from, std::span<const std::int64_t> rows) {
    return run.run(std::move(from), rows);
  });
  std::vector<std::string> names;
  for (const FrozenPrefix::Feature& feature : split.features) {
    names.push_back(concat("'", feature.name, "' ", feature.row_shape));
  }
  imported = std::move(split.rest);
  return concat("train.cache_features: the frozen part ran once for each of ",
                data.train_count() + data.val_count(), " samples and gave ", join(names, ", "),
                "; ", digits_text(static_cast<double>(run.bytes()) / 1e6, 3), " MB are kept");
}

}  // namespace temper::training
