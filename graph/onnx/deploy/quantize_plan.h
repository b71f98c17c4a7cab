// Which values of a model are rounded to integers, decided from the file alone.
//
// Products (Conv, ConvTranspose, Gemm, MatMul) read integers: their stored weight, and the value
// they multiply, which is rounded where they read it. What a Conv gives is rounded for all who read
// it, behind its Relu or Clip where it has one, so that runtimes have a convolution of integers
// here; the result of a Gemm or MatMul is rounded where another product reads it. Pools, additions,
// multiplications, joins, activations and what only moves elements are computed with integers where
// all that they read is rounded for everybody; what has no integer kernel (Softmax, norms, Gelu)
// reads and gives floats.
#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct QuantizePlanOptions {
  NameTest skip;  // layers, by module path, weight or node; none: no layer is left out
  std::string skip_option = "--skip";  // what people call it
  NameTest only;                       // these products and nothing else; none: all
  bool per_channel = true;
  bool symmetric = false;  // activations: a Relu's range is not folded into what stands before it
};

struct QuantizedProduct {
  std::string name;    // for people
  std::string node;    // its first output
  std::string input;   // the value it multiplies
  std::string second;  // the other one; empty: a stored weight
  std::string weight;
  int weight_axis = -1;  // of its outputs; -1: one scale
  std::string bias;      // stored, to become int32; empty: none, or it stays a float
  std::string adder;     // the node that adds it, by its first output
};

struct QuantizePlan {
  std::vector<QuantizedProduct> products;
  // Values that are rounded, in the graph's order. Of those in `readers` only these nodes (by their
  // first output) read the rounded one.
  std::vector<std::string> values;
  std::map<std::string, std::set<std::string>> readers;
  // A value that has the scale of another one: it has the same numbers, or some of them.
  std::map<std::string, std::string> same_as;
  std::vector<std::pair<std::string, std::string>> left;  // product, why it stays
};

// The value whose numbers this one has; often itself.
const std::string& root_of(const QuantizePlan& plan, const std::string& value);

// A number that a Gemm multiplies by, alpha or beta; 1 where the node does not say it.
float factor_of(const FlatNode& node, const char* name);
// Neither its product nor its bias is multiplied.
bool adds_bias_as_it_is(const FlatNode& node);

// THROWS: kInvalidArgument when the options leave no product; kUnsupported when the file has none.
QuantizePlan plan_quantization(ModelEdit& edit, const QuantizePlanOptions& options);

}  // namespace temper::graph
