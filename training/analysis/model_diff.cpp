#include "training/analysis/model_diff.h"

#include <algorithm>
#include <memory>

#include "backends/backends.h"
#include "runtime/base/error.h"
#include "training/analysis/checkpoint_source.h"
#include "training/analysis/paired_models.h"
#include "training/analysis/prediction.h"

namespace temper::training {
namespace {

// A side, opened.
struct Side {
  std::optional<graph::OnnxModel> model;
  std::vector<graph::StoredWeight> weights;
  ComparedFile file;

  explicit Side(const std::string& path, std::vector<std::string>& notes) {
    file.path = path;
    if (path.ends_with(".onnx")) {
      model = graph::OnnxModel::load(path);
      weights = graph::stored_weights(*model);
      file.format = concat("ONNX, opset ", model->opset(), ", IR ", model->ir_version(), ", ",
                           model->producer().empty() ? "no producer" : model->producer());
      return;
    }
    CheckpointFile read = read_checkpoint(path);
    file.format = read.format;
    notes.insert(notes.end(), read.notes.begin(), read.notes.end());
    weights = as_weights(std::move(read.tensors));
  }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;
};

// The outputs for all rows of the data.
std::vector<ValuePair> outputs_on_data(const std::string& a, const std::string& b,
                                       const Recipe& recipe, LayerDiff& layers) {
  const auto outputs_of = [&](const std::string& model) {
    Recipe own = recipe;
    own.model.path = model;
    return predict(own).outputs;
  };
  const auto of_a = outputs_of(a), of_b = outputs_of(b);
  layers.other_count_of_outputs = of_a.size() != of_b.size();
  std::vector<ValuePair> pairs;
  for (std::size_t i = 0; i < std::min(of_a.size(), of_b.size()); ++i) {
    const auto found = std::find_if(of_b.begin(), of_b.end(), [&](const NamedTensor& other) {
      return other.first == of_a[i].first;
    });
    const auto& [name, other] = found == of_b.end() ? of_b[i] : *found;
    ValuePair pair;
    pair.a = of_a[i].first;
    pair.b = name;
    const Tensor& one = of_a[i].second;
    pair.shape_a = one.shape();
    pair.shape_b = other.shape();
    if (pair.shape_a == pair.shape_b) {
      pair.difference =
          tensor_difference(one, other, one.dtype() == other.dtype() ? to_string(one.dtype()) : "");
    }
    pairs.push_back(std::move(pair));
  }
  return pairs;
}

}  // namespace

bool ModelDiff::equal(double tolerance, bool strict) const {
  const auto near = [&](const ValuePair& pair) { return pair.within(tolerance); };
  const bool outputs_near = layers && !layers->other_count_of_outputs &&
                            std::all_of(outputs.begin(), outputs.end(), near);
  if (strict) {
    return (!layers || outputs_near) && weights.within(tolerance) &&
           (!structure || structure->equal()) &&
           std::none_of(weights.pairs.begin(), weights.pairs.end(), [](const WeightPair& pair) {
             return pair.is_renamed() || pair.type_a != pair.type_b;
           });
  }
  return layers ? outputs_near : weights.within(tolerance);
}

ModelDiff diff_models(const std::string& a, const std::string& b, const ModelDiffOptions& options) {
  ModelDiff diff;
  const Side one(a, diff.notes), other(b, diff.notes);
  diff.a = one.file;
  diff.b = other.file;
  const bool both = one.model && other.model;
  TEMPER_CHECK(both || !options.data, ErrorCode::kInvalidArgument, (one.model ? b : a),
               " is no ONNX file: it cannot be run on data; leave out --data");
  diff.weights = diff_weights(one.weights, other.weights);
  if (!both) {
    return diff;
  }
  std::map<std::string, std::string> renamed;
  for (const WeightPair& pair : diff.weights.pairs) {
    renamed.emplace(pair.a, pair.b);
  }
  diff.structure = diff_structure(*one.model, *other.model, renamed);
  if (!options.runs) {
    return diff;
  }
  const auto reference = make_backend("reference"), backend = make_backend("cpu");
  const BoundPair pair =
      options.data ? pair_on_data(a, b, *options.data, *reference)
                   : pair_on_made_up(*one.model, *other.model, options.symbols, *reference);
  diff.inputs = pair.inputs;
  diff.layers = diff_layers(pair.a, pair.b, *backend, options.threads);
  diff.outputs =
      options.data ? outputs_on_data(a, b, *options.data, *diff.layers) : diff.layers->outputs;
  return diff;
}

}  // namespace temper::training
