// Models that are quantised, run on data: ranges of values for calibration, and
// how far outputs and accuracy move.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graph/onnx/deploy/quantize_static.h"
#include "training/recipe/recipe.h"

namespace temper::training {

// Which data: `recipe.data.train`, read as the recipe says; its model is not
// looked at.
struct CalibrationData {
  Recipe recipe;
  std::int64_t samples = 512;  // so many of them at most, chosen at random by data.seed
};

// What calibrate() asks for of the model at this path, from the data. `out`:
// where the result is to lie; drafts are beside it.
graph::RunValues values_on(const CalibrationData& data, const std::string& model,
                           const std::string& out);

// How the model's data were prepared when it was trained (preprocessing_path())
// goes with a copy.
void copy_preprocessing(const std::string& from_model, const std::string& to_model);

// An output of two models for the same samples.
struct OutputQuality {
  std::string name;
  // 10 log10(sum x^2 / sum (x - y)^2) in dB; infinite when both are equal.
  double signal_to_noise = 0;
  double mean_difference = 0;  // without signs
  double largest_difference = 0;
};
std::vector<OutputQuality> output_quality(const CalibrationData& data, const std::string& before,
                                          const std::string& after);

// The accuracy of a classifier on all the data; nothing when they have no
// target or are not of classes.
std::optional<double> accuracy_on(const CalibrationData& data, const std::string& model);

// What rounding one product alone does to the model's outputs.
struct LayerSensitivity {
  std::string layer;
  double signal_to_noise = 0;  // of the output that suffers most
};
// The most sensitive first. `model`: as quantize_static() takes it. COST: a run
// over the data for each product.
std::vector<LayerSensitivity> layer_sensitivity(const graph::OnnxModel& model,
                                                const graph::QuantizeStaticOptions& options,
                                                const CalibrationData& data,
                                                const std::string& out);

}  // namespace temper::training
