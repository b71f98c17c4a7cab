// QuantizeLinear and DequantizeLinear into a model: the plain form of a quantised file, which any
// runtime computes and which those with integer kernels turn into products of integers.
#pragma once

#include <map>
#include <set>
#include <string>

#include "graph/onnx/deploy/quantization.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct QdqTable {
  // By the tensor's name in the file. A stored one becomes integers behind a DequantizeLinear, for
  // all who read it. A computed one or an input is rounded by a pair of both.
  std::map<std::string, Quantization> tensors;
  // Of a computed value: only these nodes, by their first output, read the rounded one.
  std::map<std::string, std::set<std::string>> readers;
  // Stored tensors that stay floats and are rounded as computed ones are: they are to be trained.
  std::set<std::string> kept;
};

// A stored tensor's quantised form with its scales and zero points, as initializers of these names;
// of a value or a tensor that stays floats, the last two.
struct StoredIntegers {
  std::string values, scales, zeros;
};
using QdqNames = std::map<std::string, StoredIntegers>;  // by the tensor's name

// REQUIRES: float32 tensors of the main graph. THROWS: kUnsupported when the opset is too old for
// what the table asks for, with what to type.
QdqNames write_qdq(ModelEdit& edit, const QdqTable& table);

// The opset that a table needs: 10, 13 with a scale for each entry of an axis, 21 with blocks or 4
// bits. THROWS: kUnsupported naming `option` when the file's is older.
void check_quantized_opset(const ModelEdit& edit, std::int64_t needed, const std::string& option);

StoredIntegers add_integers_of(ModelEdit& edit, const std::string& name, const Tensor& values,
                               const Quantization& by);
// Scales and zero points alone.
StoredIntegers add_scales(ModelEdit& edit, const std::string& name, const Quantization& by,
                          const Shape& shape);

// The node of the main graph that gives this value; null: none does. COST: linear in the nodes.
wire::NodeProto* producer_of(ModelEdit& edit, const std::string& value);

// TensorProto.DataType of a quantised type.
std::int32_t file_type_of(DType type);

}  // namespace temper::graph
