// What a shape rule sees of its node: inputs' dtypes and shapes (all known: dimensions are bound
// before inference), constant inputs, attributes. A rule sets every present output and normalises
// the attributes (defaults filled, axes positive, absorbed inputs turned into attributes), so that
// gradients and kernels read attributes only.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "graph/ir/graph.h"
#include "graph/ir/op_def.h"
#include "runtime/base/error.h"

namespace temper::graph {

class InferContext {
 public:
  InferContext(Graph& graph, NodeId node) : graph_(graph), node_id_(node) {}

  const Node& node() const { return graph_.node(node_id_); }
  Attrs& attrs() { return graph_.node(node_id_).attrs; }

  int input_count() const { return static_cast<int>(node().inputs.size()); }
  bool has_input(int i) const {
    return i < input_count() && node().inputs[static_cast<std::size_t>(i)].valid();
  }
  const Shape& shape(int i) const;  // THROWS: kInvalidModel when the input is missing
  DType dtype(int i) const;
  int rank(int i) const { return shape(i).rank(); }
  // The tensor of a constant input, or null.
  const Tensor* constant(int i) const;

  int output_count() const { return static_cast<int>(node().outputs.size()); }
  bool has_output(int i) const {
    return i < output_count() && node().outputs[static_cast<std::size_t>(i)].valid();
  }
  // Does nothing when the node has no such output.
  void set_output(int i, DType dtype, const Shape& shape);

  // Integers that stand in attribute `name` or in constant input `i`; an input is absorbed: its
  // values go to the attribute and the input is left out. Empty optional: neither is there. THROWS:
  // kUnsupported when the input is there but not constant.
  std::optional<std::vector<std::int64_t>> take_ints(std::string_view name, int i);
  // The same for one number (ratio, min, max): false in `ok` terms is an empty optional, also for
  // an input that is not constant when `allow_dynamic`; the input then stays.
  std::optional<double> take_number(std::string_view name, int i, bool allow_dynamic = false);

  // Leaves input `i` out: the rule took all it needs (a shape, a dtype), so the node no longer
  // waits for the data.
  void drop_input(int i) {
    if (has_input(i)) {
      graph_.node(node_id_).inputs[static_cast<std::size_t>(i)] = ValueId{};
    }
  }

  // An axis attribute made positive and written back. THROWS: kInvalidModel when out of [-rank,
  // rank).
  std::int64_t axis(std::string_view name, std::int64_t fallback, int rank);
  std::int64_t normalise_axis(std::int64_t value, int rank) const;
  // Sorted, positive, no duplicates. THROWS as axis().
  std::vector<std::int64_t> normalise_axes(std::vector<std::int64_t> axes, int rank) const;

  // Checks that inputs have one dtype (missing ones ignored).
  void require_same_dtype(std::initializer_list<int> inputs) const;

  // kInvalidModel unless the condition holds.
  template <class... Parts>
  void check(bool condition, const Parts&... parts) const {
    if (!condition) {
      fail(ErrorCode::kInvalidModel, parts...);
    }
  }

 private:
  ValueId input(int i) const;

  Graph& graph_;
  NodeId node_id_;
};

// Runs the node's shape rule (after checking arity). Errors get the note "in <origin>".
void infer_node(Graph& graph, NodeId node);

}  // namespace temper::graph
