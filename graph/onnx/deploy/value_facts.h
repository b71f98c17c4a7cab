// What a file and a run of it say of its values: their types as the file has them, and sizes that
// are the same in every run.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/onnx/deploy/opset.h"

namespace temper::wire {
class GraphProto;
class NodeProto;
class ValueInfoProto;
}  // namespace temper::wire

namespace temper::graph {

// A size for each dimension; nothing: it follows from the inputs.
using FixedDims = std::vector<std::optional<std::int64_t>>;

// Also of values inside of bodies, of which only the file speaks. `edit` outlives this; stored
// tensors are looked up as they are now.
class ValueFacts {
 public:
  // `known`: from a run; sizes that the file declares otherwise count as not fixed.
  ValueFacts(ModelEdit& edit, const KnownValues& known);

  // Of TensorProto.DataType; 0: not known.
  std::int32_t type(const std::string& name) const;
  bool has_sixteen_bits() const { return has_sixteen_bits_; }
  // Nothing: not even the rank is known.
  std::optional<FixedDims> dims(const std::string& name) const;
  std::optional<std::int64_t> rank(const std::string& name) const;
  // All of them, where they are fixed.
  std::optional<Shape> shape(const std::string& name) const;

 private:
  void take_infos(const wire::GraphProto& graph, bool is_main);
  void take_info(const wire::ValueInfoProto& info);
  void find_sixteen_bits(const wire::GraphProto& graph);
  void follow_types(const wire::GraphProto& graph);
  std::int32_t type_given_by(const wire::NodeProto& node, int output) const;

  ModelEdit& edit_;
  const KnownValues& known_;
  std::map<std::string, std::int32_t> types_;
  std::map<std::string, FixedDims> dims_;
  bool has_sixteen_bits_ = false;  // then float32 of a run is one of three types
  bool inputs_are_fixed_ = true;   // and with them all sizes
};

}  // namespace temper::graph
