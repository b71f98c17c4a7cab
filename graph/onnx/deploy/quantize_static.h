// A model with 8-bit weights and, by ranges seen on data, 8-bit values between its layers: as
// QuantizeLinear and DequantizeLinear around what it was (write_qdq.h).
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "graph/onnx/deploy/calibration.h"
#include "graph/onnx/deploy/quantization.h"
#include "graph/onnx/deploy/quantize_plan.h"
#include "graph/onnx/deploy/write_qdq.h"

namespace temper::graph {

// Value `i` of those asked for, of the next batch.
using TakeValue = std::function<void(std::size_t i, std::span<const float> numbers)>;
// Runs the model as it stands on all the calibration data, asked for float values by their names.
using RunValues = std::function<void(const ModelEdit& edit, const std::vector<std::string>& values,
                                     const TakeValue& take)>;

// The model gives these values of the main graph and nothing else, in this order: for RunValues.
void give_values(ModelEdit& edit, const std::vector<std::string>& values);

struct QuantizeStaticOptions {
  QuantizePlanOptions plan;
  CalibrationOptions calibration;
  DType activations = DType::kInt8;  // or kUInt8; symmetric: kInt8
  RunValues run;
  // Weights stay floats that are rounded where they are read, and biases floats: a model to train
  // (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
  // Integer-Arithmetic-Only Inference"); pack_quantized() (quantize_pack.h) ends it.
  bool trains = false;
};

struct CalibratedPlan {
  QuantizePlan plan;
  std::map<std::string, Quantization> values;  // of plan.values, and those they have it from
};

// THROWS: as plan_quantization() and check_quantized_opset(); kInvalidData naming a value that is
// not finite on the data.
CalibratedPlan calibrate(ModelEdit& edit, const QuantizeStaticOptions& options);

// `values`: of a plan that holds all of this one's. `trains`: as in the options. `weights`: their
// integers.
QdqNames write_quantized(ModelEdit& edit, const QuantizePlan& plan,
                         const std::map<std::string, Quantization>& values, bool trains = false,
                         DType weights = DType::kInt8);

// BatchNormalization folded first, then both, and a note of what was done.
CalibratedPlan quantize_static(ModelEdit& edit, const QuantizeStaticOptions& options);

}  // namespace temper::graph
