// What the nodes of a file compute of stored tensors and fixed sizes alone: the same in every run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "graph/onnx/deploy/size_vectors.h"
#include "graph/onnx/deploy/value_facts.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

class FixedTensors {
 public:
  // Looks at the main graph. Initializers that are inputs too (from IR version 4 on) may be given
  // other values, and are not fixed. THROWS: as an import of the model.
  FixedTensors(ModelEdit& edit, const ValueFacts& facts, const Backend& reference);
  ~FixedTensors();
  FixedTensors(const FixedTensors&) = delete;
  FixedTensors& operator=(const FixedTensors&) = delete;

  // Given by a node of the main graph, and fixed.
  bool contains(const std::string& name) const { return values_.contains(name); }
  std::vector<std::string> names() const;
  // REQUIRES: contains().
  const Shape& shape(const std::string& name) const;
  DType dtype(const std::string& name) const;

  // The nodes that give these become initializers of the same names, equal ones once; an output of
  // the model is an Identity of one. Left as they are: values of which the file does not say the
  // type, results in 16 bits that would have to be rounded, nodes of which another output is not
  // among them. Returns the
  // names of those that were stored. COST: what the nodes compute, and the memory of all of it.
  std::set<std::string> store(const std::set<std::string>& wanted);

 private:
  struct Probe;
  struct Value {
    int output = 0;  // of the probe
    Shape shape;
    DType dtype = DType::kUndefined;
  };

  void find_nodes();
  bool is_fixed_node(const wire::NodeProto& node) const;
  bool is_stored(const std::string& name) const;
  void make_probe();
  bool holds(std::int32_t type, const Tensor& value) const;
  void put(const std::string& name, const Tensor& value, std::int32_t type);

  ModelEdit& edit_;
  const ValueFacts& facts_;
  const Backend& reference_;
  std::map<std::string, SizeVector> sizes_;
  std::set<std::string> free_inputs_;  // initializers whose values may be given
  std::map<std::string, Value> values_;
  std::unique_ptr<Probe> probe_;  // a model of the fixed nodes alone
  struct Stored {
    std::string name;
    std::int32_t type = 0;
    Tensor value;
  };
  std::vector<Stored> stored_;
};

// What nodes, bodies and outputs of the model read.
std::set<std::string> read_values(ModelEdit& edit);

// Nodes that give nothing that is read, and initializers that nothing reads, are gone; with
// `among`, only those of these names. Returns how many nodes and how many tensors.
struct RemovedParts {
  int nodes = 0;
  int tensors = 0;
};
RemovedParts remove_unread_parts(ModelEdit& edit, const std::set<std::string>* among = nullptr);

}  // namespace temper::graph
