// A model that is trained with the rounding of its quantised form (quantisation-aware training):
// where it rounds, and how what was trained becomes the quantised model. Between both, training
// moves the ranges of values and the weights, or the scales themselves.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "graph/onnx/deploy/calibration.h"
#include "graph/onnx/deploy/quantization.h"
#include "graph/onnx/deploy/quantize_plan.h"
#include "graph/onnx/export.h"
#include "graph/onnx/import.h"

namespace temper::graph {

// A weight or a value that is rounded where it is read.
struct RoundedTensor {
  std::string name;         // in the file
  std::string scale, zero;  // initializers
  std::string learnt;       // the scale that it has where scales are learnt: its own, or of `range`
  std::string range;  // the value whose range it has: itself, or what it has numbers of; empty:
                      // a weight
  int axis = -1;      // of a weight with a scale for each output
  DType type = DType::kInt8;
  bool symmetric = true;
  IntegerRange integers;  // that are used

  bool is_weight() const { return range.empty(); }
  // What training calls the ends of its range.
  std::string low() const { return range + ".low"; }
  std::string high() const { return range + ".high"; }
};

struct RoundedModel {
  OnnxModel model;  // with QuantizeLinear and DequantizeLinear; scales of values are not settled
  std::vector<RoundedTensor> tensors;
  std::vector<std::string> notes;
};

struct RoundingOptions {
  QuantizePlanOptions plan;
  DType activations = DType::kInt8;  // or kUInt8; symmetric: kInt8
  DType weights = DType::kInt8;      // or kInt4
};

// BatchNormalization folded, then rounding put where quantize_static() puts it, from the file
// alone. THROWS: as plan_quantization(); kUnsupported for a file that is of too old an opset, or
// rounds already.
RoundedModel round_for_training(const OnnxModel& model, const RoundingOptions& options);

// Scale and zero point of a value's range, as training has them (graph/ops/observed_rounding.cpp).
Quantization quantization_of_range(const RoundedTensor& tensor, float low, float high);

// `values`: by name the model's tensors, the ends of all ranges, and scales that were learnt (those
// that are not there follow from the weights). Written with stored integers (pack_quantized()), or,
// without `integers`, with float weights behind their rounding. THROWS: kInvalidArgument when a
// range or scale is no finite number; as export_model().
void export_rounded(const RoundedModel& rounded, const std::map<std::string, PlainValue>& values,
                    bool integers, const std::string& path, const ExportedMetadata& metadata);

}  // namespace temper::graph
