// A fresh network while it is being built: nodes, parameters and constants under the names that
// PyTorch's modules would give them. Nodes have the form of one opset, as they will stand in the
// file; their shapes are not inferred, so dimensions may stay open.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"
#include "models/initial_values.h"

namespace temper::models {

using graph::ValueId;

// What a builder returns: a graph and what the file declares of its outputs.
struct FreshModel {
  graph::Graph graph;
  std::vector<std::vector<graph::Dim>> output_dims;
  std::int64_t opset = 20;
};

class Network {
 public:
  Network(std::uint64_t seed, std::int64_t opset);

  std::int64_t opset() const { return model_.opset; }

  // --- names -----------------------------------------------------------------
  // While it lives, what is made is called "SCOPE.name", inside the scopes that are open already.
  class Scope {
   public:
    Scope(Network& network, std::string_view name);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Network& network_;
    std::string before_;
  };
  // The full name of something in the scope that is open.
  std::string path(std::string_view name) const;

  // --- what it is made of ----------------------------------------------------
  ValueId input(const std::string& name, DType dtype, const std::vector<graph::Dim>& dims);
  void output(const std::string& name, ValueId value, const std::vector<graph::Dim>& dims);
  // A node, called after the scope and its op; the inputs' order is ONNX's, an invalid id is one
  // left out.
  ValueId op(std::string_view name, std::vector<ValueId> inputs, Attrs attrs = {});
  std::vector<ValueId> ops(std::string_view name, std::vector<ValueId> inputs, int outputs,
                           Attrs attrs = {});
  // A float32 tensor of the scope, drawn from the model's seed.
  ValueId parameter(std::string_view name, const Shape& shape, const Init& init);
  // The parameter of that full name, made before: two layers share it.
  ValueId existing(std::string_view full_name);
  // A running mean or variance: a tensor that is no parameter.
  ValueId statistic(std::string_view name, const Shape& shape, double value);
  // Constants, one for equal values.
  ValueId ints(const std::vector<std::int64_t>& values);
  ValueId number(double value);
  // A scalar of int64, as Range and Gather take it.
  ValueId whole(std::int64_t value);
  // A constant of its own name.
  ValueId constant(std::string_view name, const Shape& shape, const std::vector<float>& values);

  FreshModel take() { return std::move(model_); }

 private:
  std::string unique(const std::string& name);
  ValueId variable(std::string_view name, const Shape& shape, const Init& init,
                   graph::VariableKind kind);
  ValueId shared_constant(const std::string& name, const Tensor& value);

  FreshModel model_;
  std::uint64_t seed_;
  std::string scope_;
  std::set<std::string> node_names_;
  std::map<std::string, ValueId> constants_;
};

// An open dimension, or one of a number.
inline graph::Dim open_dim(std::string symbol) { return {-1, std::move(symbol)}; }
inline graph::Dim fixed_dim(std::int64_t value) { return {value, {}}; }

}  // namespace temper::models
