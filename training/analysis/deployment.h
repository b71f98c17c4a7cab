// `temper convert IN.onnx OUT`: a model as it is to be run elsewhere, run before and after on the
// same inputs before anything is written.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/onnx/deploy/deploy.h"
#include "training/analysis/calibration_data.h"
#include "training/analysis/embedding.h"
#include "training/analysis/trial.h"
#include "training/formats/npz.h"

namespace temper::training {

// What the file takes, gives and says of itself.
struct FileFace {
  std::optional<std::int64_t> batch;         // 0: any
  std::vector<std::string> inputs, outputs;  // inner values too; empty: those that it has
  std::vector<std::pair<std::string, std::string>> names;  // of inputs and outputs: old, new
  bool strip_metadata = false;
  std::vector<std::pair<std::string, std::string>> metadata;  // key and value; "": none

  bool cuts() const { return !inputs.empty() || !outputs.empty(); }
  bool names_anything() const { return !names.empty() || strip_metadata || !metadata.empty(); }
};

struct DeploymentOptions {
  FileFace face;
  graph::DeployOptions conversions;
  EmbedOptions embed;
  bool inline_data = false;   // all tensors in the .onnx file
  std::string external_data;  // all in this file beside it; .safetensors: of that format
  std::map<std::string, std::int64_t> symbols;  // sizes for the trial run; others are chosen
  int threads = 1;
  std::optional<CalibrationData> calibration;  // what conversions.int8_static learns ranges from
  // conversions.precision looks at the values inside on these data too, not on made-up inputs
  // alone.
  std::optional<CalibrationData> ranges;
  bool sensitivity = false;  // of its layers, too
  // The outputs of the model at a path on data of the user's; none: no data.
  std::function<std::vector<NamedTensor>(const std::string&)> check;
};

struct Deployment {
  std::vector<std::string> files;  // that were written, the model first
  std::uint64_t bytes_before = 0;  // of all files of the model
  std::uint64_t bytes_after = 0;
  std::vector<std::string> notes;
  std::vector<TrialOutput> trial;
  std::vector<TrialOutput> embedded;  // with preparation and answers inside
  std::vector<TrialOutput> check;
  // On the calibration data.
  std::vector<OutputQuality> quality;
  std::optional<double> accuracy_before, accuracy_after;  // of all of them
  std::vector<LayerSensitivity> sensitivity;
};

// Inputs, outputs and the batch are changed first, then the conversions are done, and at the end
// what is embedded and named. Writes `out` when the changed model runs, gives finite values of the
// shapes it gave, and they moved by no more than allowed_difference() of their largest, or, on
// calibration data, by no more than half of their size (6 dB); `.safetensors` and `.npz` get the
// weights by name. THROWS: as the conversions; kUnsupported when the trial fails, and nothing is
// written.
Deployment deploy_model(const std::string& model, const std::string& out,
                        const DeploymentOptions& options);

}  // namespace temper::training
