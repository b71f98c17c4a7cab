#include "training/analysis/file_face.h"

#include <algorithm>
#include <utility>

#include "graph/onnx/deploy/cut.h"
#include "graph/onnx/deploy/file_metadata.h"
#include "graph/onnx/deploy/fix_dimensions.h"
#include "graph/onnx/deploy/inner_outputs.h"
#include "graph/onnx/deploy/ports.h"
#include "graph/onnx/onnx_types.h"
#include "graph/onnx/surgery/dynamic_batch.h"
#include "runtime/base/error.h"
#include "training/analysis/observed_values.h"
#include "training/session/model_metadata.h"

namespace temper::training {
namespace {

using Infos = std::map<std::string, graph::OnnxValueInfo>;

constexpr std::int64_t kOtherBatch = 3;

// Whether it computes in types that a run here does not show.
bool is_half(graph::ModelEdit& edit) {
  const std::vector<std::string> tensors = edit.initializers();
  return std::any_of(tensors.begin(), tensors.end(), [&](const std::string& name) {
    if (!edit.unreadable(name).empty()) {
      return false;
    }
    const std::string type = graph::onnx_type_name(edit.header(name).file_type);
    return type == "FLOAT16" || type == "BFLOAT16";
  });
}

// What the model's values are, found by running it: a dimension that is another in another batch is
// the batch.
Infos infos_of(const graph::OnnxModel& model, TrialRunner& runner) {
  const graph::KnownValues values = known_values(model, runner);
  const graph::BatchInfo batch = model.batch();
  const bool is_open = batch.kind == graph::BatchInfo::Kind::kSymbolic;
  graph::KnownValues others = values;
  if (is_open && !batch.symbol.empty()) {
    TrialRunner other = runner.with_symbol(batch.symbol, kOtherBatch);
    others = known_values(model, other);
  }
  Infos infos;
  for (const auto& [name, value] : values) {
    const Shape& other = others.at(name).shape;
    graph::OnnxValueInfo info;
    info.name = name;
    info.dtype = value.dtype;
    info.rank_known = true;
    for (int axis = 0; axis < value.shape.rank(); ++axis) {
      graph::Dim dim;
      if (value.shape[axis] == other[axis]) {
        dim.value = value.shape[axis];
      } else {
        dim.symbol = batch.symbol;
      }
      info.dims.push_back(dim);
    }
    infos[name] = std::move(info);
  }
  return infos;
}

// What the metadata say of data and classes that are no longer the model's.
void forget_claims(graph::ModelEdit& edit, const graph::OnnxModel& before, const FileFace& face) {
  const bool other_output =
      !face.outputs.empty() && face.outputs.front() != before.outputs().front().name;
  for (const auto& [key, value] : before.metadata()) {
    const bool of_data = key == kPreprocessingKey && !face.inputs.empty();
    const bool of_output = key == kClassesKey || key == kLossKey || is_measure(key);
    if (of_data || (other_output && of_output)) {
      graph::set_metadata(edit, key, "");
    }
  }
}

void take_part(graph::ModelEdit& edit, const FileFace& face, TrialRunner& runner) {
  graph::Cut wanted{face.inputs, face.outputs, {}};
  const graph::OnnxModel model = edit.model();
  if (!is_half(edit)) {
    try {
      wanted.infos = infos_of(model, runner);
    } catch (const Error& error) {
      edit.note(
          concat("types and shapes of inner values are those that the file says, as it could "
                 "not be run: ",
                 error.what()));
    }
  }
  graph::cut(edit, wanted);
  forget_claims(edit, model, face);
}

void set_batch(graph::ModelEdit& edit, const FileFace& face, TrialRunner& runner) {
  const auto batch_now = [&] { return edit.model().batch(); };
  graph::BatchInfo batch = batch_now();
  TEMPER_CHECK(batch.kind != graph::BatchInfo::Kind::kNone, ErrorCode::kUnsupported,
               "--batch: the model's inputs have no dimension for samples");
  const bool is_fixed = batch.kind == graph::BatchInfo::Kind::kFixed;
  if (is_fixed && batch.value == *face.batch) {
    edit.note(concat("--batch: the model has a batch of ", batch.value, " already"));
    return;
  }
  if (is_fixed) {
    graph::make_batch_dynamic(edit, runner.trial());
    batch = batch_now();
  } else if (*face.batch == 0) {
    edit.note(concat("--batch: the model takes any batch already"));
  }
  if (*face.batch > 0) {
    graph::fix_batch(edit, batch.symbol, *face.batch);
  }
}

void check_alone(const DeploymentOptions& options) {
  const bool on_data = options.calibration || options.check;
  TEMPER_CHECK(!on_data, ErrorCode::kInvalidArgument,
               "--outputs and --from change what the model takes and gives, and --calibrate and "
               "--check run it on data of before: cut it in a command of its own");
}

}  // namespace

TrialResult FaceTrial::run() const {
  if (values_.empty()) {
    return runner_.run(model_);
  }
  graph::ModelEdit probe(model_);
  graph::make_values_outputs(probe);
  TrialResult all = runner_.run(probe.model()), wanted;
  for (const std::string& name : values_) {
    const auto found = std::find(all.names.begin(), all.names.end(), name);
    TEMPER_CHECK(found != all.names.end(), ErrorCode::kUnsupported, "--outputs names '", name,
                 "', a value that no node gives, or a sequence");
    wanted.names.push_back(name);
    wanted.values.push_back(all.values[static_cast<std::size_t>(found - all.names.begin())]);
  }
  return wanted;
}

std::map<std::string, std::int64_t> trial_sizes(const graph::OnnxModel& model,
                                                const DeploymentOptions& options) {
  std::map<std::string, std::int64_t> symbols = options.conversions.fixed_dims;
  symbols.insert(options.symbols.begin(), options.symbols.end());
  const graph::BatchInfo batch = model.batch();
  const std::int64_t asked = options.face.batch.value_or(0);
  if (asked > 0 && !batch.symbol.empty()) {
    symbols[batch.symbol] = asked;
  }
  return symbols;
}

FaceTrial shape_face(graph::ModelEdit& edit, const DeploymentOptions& options,
                     TrialRunner& runner) {
  const FileFace& face = options.face;
  if (face.batch) {
    set_batch(edit, face, runner);
  }
  if (face.cuts()) {
    check_alone(options);
  }
  graph::OnnxModel whole = edit.model();
  if (face.cuts()) {
    take_part(edit, face, runner);
  }
  if (face.inputs.empty()) {
    return {std::move(whole), face.outputs, runner};
  }
  return {edit.model(), {}, runner};
}

void name_face(graph::ModelEdit& edit, const FileFace& face) {
  if (!face.names.empty()) {
    graph::rename_ports(edit, face.names);
  }
  if (face.strip_metadata) {
    graph::strip_metadata(edit, [](std::string_view key) {
      return key.starts_with(kMetadataPrefix) && key != kParentKey;
    });
  }
  for (const auto& [key, value] : face.metadata) {
    graph::set_metadata(edit, key, value);
  }
}

}  // namespace temper::training
