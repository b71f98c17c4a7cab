// What is to be embedded, from what a run wrote of its data and its loss.
#include "training/analysis/embedding.h"

#include <algorithm>
#include <utility>

#include "graph/onnx/deploy/file_metadata.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/compile/output_end.h"
#include "training/data/pictures/image_pipeline.h"
#include "training/data/pictures/picture_preparation.h"
#include "training/data/tables/table_encoding.h"
#include "training/losses/loss.h"
#include "training/session/data_options.h"
#include "training/session/model_metadata.h"
#include "training/session/run_metrics.h"
#include "training/session/session.h"

namespace temper::training {
namespace {

constexpr const char* kNll = "nll";
constexpr const char* kBce = "bce";

bool has_images(const JsonValue& preparation) {
  return preparation.is_object() && preparation.find("images") != nullptr;
}

// Whether pictures were 8 bits wide; files of before say it by what was done to them.
bool were_bytes(const JsonValue& images) {
  const JsonValue* bytes = images.find("bytes");
  return bytes != nullptr
             ? bytes->as_bool("images.bytes")
             : images.find("crop") != nullptr || images.at("scale").as_bool("images.scale");
}

}  // namespace

Embedding::Embedding(const std::string& path, const graph::OnnxModel& model, EmbedOptions options)
    : options_(std::move(options)) {
  const ModelClaims claims = model_claims(model);
  if (options_.recipe.empty()) {
    const std::string written = preprocessing_path(path);
    preparation_ = file_status(written).is_regular && !is_inside_model(claims.preprocessing)
                       ? parse_json(read_text_file(written, 1 << 24), written)
                       : claims.preprocessing;
    classes_ = claims.classes;
    loss_ = claims.loss;
    threshold_ = claims.settings ? claims.settings->threshold : threshold_;
  } else {
    take_recipe(path);
  }
  TEMPER_CHECK(!options_.class_names || !classes_.empty(), ErrorCode::kInvalidArgument,
               "--class-names: neither the file nor a recipe names the classes: "
               "--set-metadata 'temper.classes=[\"ant\", \"bee\"]' does");
  if (!options_.preprocessing) {
    return;
  }
  TEMPER_CHECK(!preparation_.is_null(), ErrorCode::kInvalidArgument, path,
               " does not say how its data were prepared (temper.preprocessing in its metadata, as "
               "temper train writes it, or ",
               file_name_of(preprocessing_path(path)),
               " beside it): give the recipe it was trained by, --recipe RECIPE.toml");
  TEMPER_CHECK(!is_inside_model(preparation_), ErrorCode::kInvalidArgument, path,
               " prepares its pictures itself already");
  if (has_images(preparation_)) {
    plan_pictures(preparation_.at("images"));
  } else {
    plan_columns(preparation_);
  }
}

void Embedding::take_recipe(const std::string& path) {
  RecipeSources sources;
  sources.file = options_.recipe;
  Recipe recipe = read_recipe(sources);
  recipe.model.path = path;
  SessionNeeds needs;
  needs.trains = false;
  const Session session(std::move(recipe), {}, needs);
  preparation_ = session.train_data().preprocessing();
  loss_ = session.loss_name();
  threshold_ = session.recipe().metrics.threshold;
  if (metric_task(session).counts_accuracy()) {
    classes_ = class_names(session);
  }
}

void Embedding::plan_pictures(const JsonValue& images) {
  TEMPER_CHECK(were_bytes(images), ErrorCode::kUnsupported,
               "the model was trained on arrays that were not 8-bit pictures, of which it is not "
               "known how they were made; --embed-preprocessing is of bytes");
  DataOptions read;  // checks what the file says
  use_stored_images(preparation_, read);
  const DataSettings& data = read.settings;
  picture_.channels_last = !options_.channels_first;
  picture_.resizes = images.find("crop") != nullptr;
  picture_.resize = data.resize;
  picture_.crop = data.crop;
  picture_.interpolation = data.interpolation;
  picture_.divisor = data.scale ? 255 : 1;
  picture_.mean = data.mean;
  picture_.std = data.std;
}

void Embedding::plan_columns(const JsonValue& table) {
  const TableEncoding encoding = TableEncoding::from_json(table);
  TEMPER_CHECK(encoding.standardize || encoding.fill_missing, ErrorCode::kInvalidArgument,
               "the columns of the table were not changed (data.standardize, data.missing): there "
               "is nothing to embed");
  is_table_ = true;
  columns_.fill_missing = encoding.fill_missing;
  for (const ColumnEncoding& column : encoding.columns) {
    if (column.is_target || column.is_weight) {
      continue;
    }
    TEMPER_CHECK(!column.is_categorical, ErrorCode::kUnsupported, "column '", column.name,
                 "' holds texts, whose codes are looked up where the table is read; "
                 "--embed-preprocessing is of tables of numbers");
    columns_.mean.push_back(column.mean);
    columns_.deviation.push_back(encoding.standardize ? column.deviation : 1);
  }
  TEMPER_CHECK(encoding.standardize, ErrorCode::kUnsupported,
               "missing values were filled in without data.standardize, for which there are no "
               "nodes: fill them in where the table is read");
}

// Which operators give what the loss and the model's end leave open.
void Embedding::plan_answers(const graph::OnnxModel& model, TrialRunner& runner) {
  const graph::Graph graph = runner.bound(model);
  TEMPER_CHECK(!graph.outputs.empty(), ErrorCode::kUnsupported, "the model has no output");
  answers_.output = graph.outputs.front().name;
  answers_.threshold = threshold_;
  const EndOfOutput end = end_of(graph, graph.outputs.front().value, 1);
  const bool of_classes = end.kind == OutputEnd::kSoftmax || end.kind == OutputEnd::kLogSoftmax;
  TEMPER_CHECK(!loss_.empty() || end.kind != OutputEnd::kOther, ErrorCode::kInvalidArgument,
               "the file does not say by which loss it was trained (temper.loss in its metadata, "
               "as temper train writes it), so it is not known what output '",
               answers_.output,
               "' means: give the recipe, --recipe RECIPE.toml, or "
               "--set-metadata temper.loss=cross_entropy in a command before");
  answers_.one_class = of_classes;
  answers_.scores = end.kind == OutputEnd::kLogSoftmax ? graph::Answers::Scores::kLogProbabilities
                                                       : graph::Answers::Scores::kProbabilities;
  if (!loss_.empty()) {
    const Loss& loss = find_loss(loss_);
    const bool binary = loss.prediction == PredictionKind::kBinaryLogits ||
                        loss.prediction == PredictionKind::kProbabilities;
    TEMPER_CHECK(binary || loss.prediction == PredictionKind::kClassScores, ErrorCode::kUnsupported,
                 "the model was trained by ", loss_,
                 ", whose output is no score of classes: there are no probabilities to embed");
    answers_.one_class = !binary;
    if (end.kind == OutputEnd::kOther) {
      answers_.scores =
          loss.takes == OutputForm::kLogProbabilities ? graph::Answers::Scores::kLogProbabilities
          : loss.takes == OutputForm::kProbabilities  ? graph::Answers::Scores::kProbabilities
                                                      : graph::Answers::Scores::kLogits;
    }
  }
  TEMPER_CHECK(!options_.class_names || answers_.one_class, ErrorCode::kUnsupported,
               "--class-names: several classes may hold at once, and one text names one");
  const Shape& shape = graph.value(graph.outputs.front().value).shape;
  if (options_.class_names && shape.rank() >= 2) {
    TEMPER_CHECK(static_cast<std::int64_t>(classes_.size()) == shape[1],
                 ErrorCode::kInvalidArgument, "--class-names: there are ", classes_.size(),
                 " names, and output '", answers_.output, "' has ", shape[1], " classes");
    answers_.names = classes_;
  }
}

void Embedding::apply(graph::ModelEdit& edit, const graph::OnnxModel& model, TrialRunner& runner) {
  if (options_.answers) {
    plan_answers(model, runner);
    const std::vector<std::string> outputs = graph::embed_answers(edit, answers_);
    edit.note(concat("--embed-postprocessing: output '", answers_.output, "' is now ",
                     join(outputs, ", ")));
    const bool plain =
        loss_ == "cross_entropy" || loss_ == "bce_with_logits" || loss_ == kNll || loss_ == kBce;
    if (!plain) {
      graph::set_metadata(edit, concat(kMetricPrefix, "loss"), "");
    }
    graph::set_metadata(edit, kLossKey, answers_.one_class ? kNll : kBce);
  }
  if (!classes_.empty()) {
    graph::set_metadata(edit, kClassesKey, JsonValue::array_of(classes_).text());
  }
  if (!options_.preprocessing) {
    return;
  }
  prepared_ = is_table_ ? graph::embed_column_front(edit, columns_)
                        : graph::embed_picture_front(edit, picture_);
  stored_ = preparation_;
  if (is_table_) {
    stored_.set("standardize", false);
  } else {
    JsonValue images = preparation_.at("images");
    images.set("inside", true);
    stored_.set("images", std::move(images));
  }
  graph::set_metadata(edit, kPreprocessingKey, stored_.text());
  for (const graph::OnnxValueInfo& input : edit.model().inputs()) {
    std::vector<std::string> sizes;
    for (const graph::Dim& dim : input.dims) {
      sizes.push_back(dim.value >= 0 ? concat(dim.value) : dim.symbol);
    }
    if (input.name == prepared_.input) {
      edit.note(concat("--embed-preprocessing: input '", input.name, "' is ", input.file_type, " [",
                       join(sizes, ", "), "]"));
    }
  }
  const JsonValue* turns = is_table_ ? nullptr : preparation_.at("images").find("exif_orientation");
  if (turns != nullptr && turns->as_bool("images.exif_orientation")) {
    edit.note(
        concat("pictures were turned upright by their EXIF orientation, which is not in the "
               "pixels: turn them before they are given to the file"));
  }
}

}  // namespace temper::training
