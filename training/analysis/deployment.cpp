#include "training/analysis/deployment.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "backends/backends.h"
#include "graph/onnx/deploy/remaining_data.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/analysis/file_face.h"
#include "training/analysis/observed_values.h"
#include "training/analysis/weights_file.h"
#include "training/session/data_options.h"

namespace temper::training {
namespace {

std::uint64_t bytes_of(const std::vector<std::string>& files) {
  std::uint64_t bytes = 0;
  for (const std::string& file : files) {
    bytes += file_status(file).size;
  }
  return bytes;
}

bool same_path(const std::string& a, const std::string& b) {
  std::error_code error;
  return std::filesystem::weakly_canonical(a, error) == std::filesystem::weakly_canonical(b, error);
}

graph::FileForm form_of(graph::ModelEdit& edit, const graph::OnnxModel& model,
                        const std::string& out, const DeploymentOptions& options) {
  graph::FileForm form;
  if (options.inline_data) {
    form.kind = graph::FileForm::Kind::kInline;
    return form;
  }
  const std::string& name = options.external_data;
  if (name.empty()) {
    return graph::form_of_remaining(model, edit);
  }
  TEMPER_CHECK(file_name_of(name) == name && name != "." && name != "..",
               ErrorCode::kInvalidArgument, "--external-data is '", name,
               "', expected a file's name without a folder: the data lie beside ", out);
  const std::string data = join_path(folder_of(out), name);
  TEMPER_CHECK(!same_path(data, out), ErrorCode::kInvalidArgument, "--external-data is '", name,
               "', which is the model's own name");
  if (!same_path(out, model.path())) {
    for (const std::string& file : model.files()) {
      TEMPER_CHECK(!same_path(data, file), ErrorCode::kInvalidArgument, "--external-data is '",
                   name, "', a file of ", model.path(), ", which would lose it; name another");
    }
  }
  if (name.ends_with(".safetensors")) {
    return safetensors_form(edit, name);
  }
  form.kind = graph::FileForm::Kind::kDataFile;
  form.data_name = name;
  return form;
}

void check_differences(const std::vector<TrialOutput>& rows, double allowed, const char* on) {
  for (const TrialOutput& row : rows) {
    TEMPER_CHECK(!(row.difference > allowed * std::max(row.before, 1e-30)), ErrorCode::kUnsupported,
                 "output '", row.name, "' differs by ", digits_text(row.difference, 4), " on ", on,
                 ", where the largest value is ", digits_text(row.before, 4), "; at most ",
                 digits_text(allowed * row.before, 4),
                 " can come of what was asked for. Nothing "
                 "was written");
  }
}

std::vector<TrialOutput> compare_on_data(const DeploymentOptions& options,
                                         const std::string& before, const std::string& after) {
  const auto outputs_of = [&](const std::string& path) {
    TrialResult result;
    for (auto& [name, tensor] : options.check(path)) {
      result.names.push_back(name);
      result.values.push_back(tensor);
    }
    return result;
  };
  return compare_results(outputs_of(before), outputs_of(after), "after the conversion");
}

constexpr double kLeastSignalToNoise = 6;  // dB: outputs are half wrong

graph::DeployOptions conversions_of(const DeploymentOptions& options, const std::string& model,
                                    const std::string& out) {
  graph::DeployOptions conversions = options.conversions;
  if (conversions.int8_static) {
    TEMPER_CHECK(options.calibration, ErrorCode::kInvalidArgument,
                 "--int8 static needs data to learn the ranges of values from");
    conversions.int8_static->run = values_on(*options.calibration, model, out);
  }
  return conversions;
}

// On the calibration data.
void measure(const CalibrationData& data, const std::string& before, const std::string& after,
             Deployment& done) {
  done.quality = output_quality(data, before, after);
  for (const OutputQuality& output : done.quality) {
    TEMPER_CHECK(output.signal_to_noise >= kLeastSignalToNoise, ErrorCode::kUnsupported, "output '",
                 output.name, "' has ", digits_text(output.signal_to_noise, 3),
                 " dB left of what it was on the calibration data, fewer than ",
                 kLeastSignalToNoise,
                 ": --sensitivity says which layers to --skip; --calibration mse or entropy may "
                 "choose better ranges. Nothing was written");
  }
  try {
    done.accuracy_before = accuracy_on(data, before);
    done.accuracy_after = done.accuracy_before ? accuracy_on(data, after) : std::nullopt;
  } catch (const Error& error) {  // a target that is of no loss, say: the outputs are compared
    done.notes.push_back(concat("the accuracy was not measured: ", error.what()));
  }
}

void run_conversions(graph::ModelEdit& edit, const DeploymentOptions& options,
                     const std::string& model_path, const std::string& out, TrialRunner& runner) {
  graph::DeployOptions conversions = conversions_of(options, model_path, out);
  if (conversions.precision) {
    conversions.precision->observe = [&](const graph::OnnxModel& now) {
      graph::ObservedValues values = observe_values(now, runner);
      if (options.ranges) {
        widen_by_data(now, values_on(*options.ranges, model_path, out), values);
      }
      return values;
    };
  }
  const auto reference = make_backend("reference");
  const auto known = [&](const graph::OnnxModel& now) { return known_values(now, runner); };
  if (conversions.opset) {
    conversions.opset->observe = known;
    conversions.opset->reference = reference.get();
  }
  if (conversions.float32) {
    conversions.float32->observe = known;
  }
  if (conversions.fold) {
    conversions.fold->observe = known;
    conversions.fold->reference = reference.get();
  }
  graph::apply_deployment(edit, conversions);
}

// The last edits, whose new model is run once more: what is embedded against Temper's own
// preparation, names against what the model was before it had them.
void finish(graph::ModelEdit& edit, const std::string& path, const std::string& out,
            const DeploymentOptions& options, TrialRunner& runner, Draft& draft,
            const graph::FileForm& form, Deployment& done) {
  const graph::OnnxModel before = edit.model();
  std::optional<Embedding> embedding;
  if (options.embed.any()) {
    embedding.emplace(path, before, options.embed);
    embedding->apply(edit, before, runner);
    done.embedded = embedding->check(before, edit.model(), runner);
  }
  name_face(edit, options.face);
  draft.clear();
  const graph::OnnxModel made = draft.write(edit, form);
  if (!embedding) {
    check_differences(compare_results(runner.run(before), runner.run(made), "by its new names"), 0,
                      "made-up inputs");
  }
  const bool beside =
      file_status(preprocessing_path(path)).exists || file_status(preprocessing_path(out)).exists;
  if (options.embed.preprocessing && beside) {
    write_file_atomically(preprocessing_path(draft.path()), embedding->stored().text(2));
  } else if (!options.embed.preprocessing && options.face.inputs.empty()) {
    copy_preprocessing(path, draft.path());
  }
}

}  // namespace

Deployment deploy_model(const std::string& model_path, const std::string& out,
                        const DeploymentOptions& options) {
  const graph::OnnxModel model = graph::OnnxModel::load(model_path);
  Deployment done;
  done.bytes_before = bytes_of(model.files());
  graph::ModelEdit edit(model);
  TrialRunner runner(trial_sizes(model, options), options.threads);
  const FaceTrial before = shape_face(edit, options, runner);
  run_conversions(edit, options, model_path, out, runner);
  if (is_weights_file(out)) {
    const WrittenWeights written = write_weights(edit, out);
    done.notes = edit.notes();
    done.notes.insert(done.notes.end(), written.notes.begin(), written.notes.end());
    done.files = {out};
    done.bytes_after = bytes_of(done.files);
    return done;
  }
  if (options.sensitivity && options.conversions.int8_static) {
    const graph::DeployOptions conversions = conversions_of(options, model_path, out);
    done.sensitivity =
        layer_sensitivity(model, *conversions.int8_static, *options.calibration, out);
  }
  Draft draft(out);
  const double allowed = graph::allowed_difference(options.conversions);
  const graph::FileForm form = form_of(edit, model, out, options);
  {
    const graph::OnnxModel made = draft.write(edit, form);
    done.trial = compare_results(before.run(), runner.run(made), "after the conversion");
    check_differences(done.trial, allowed, "made-up inputs");
  }
  if (options.face.inputs.empty()) {
    copy_preprocessing(model_path, draft.path());
  }
  if (options.calibration) {
    measure(*options.calibration, model_path, draft.path(), done);
  }
  if (options.check) {
    done.check = compare_on_data(options, model_path, draft.path());
    check_differences(done.check, allowed, "the given data");
  }
  if (options.embed.any() || options.face.names_anything()) {
    finish(edit, model_path, out, options, runner, draft, form, done);
  }
  done.notes.insert(done.notes.begin(), edit.notes().begin(), edit.notes().end());
  for (const std::string& file : graph::OnnxModel::load(draft.path()).files()) {
    done.files.push_back(join_path(folder_of(out), file_name_of(file)));
  }
  draft.commit();
  done.bytes_after = bytes_of(done.files);
  return done;
}

}  // namespace temper::training
