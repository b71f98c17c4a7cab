// Where the batch lies in the values of a graph whose file fixes the batch size, and what an op's
// file says about it: along which axis the batch leaves the op, and where a node holds its size as
// a number. Used by passes/rebatch.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/base/error.h"

namespace temper::graph {

// The axis of a value whose outermost factor is the batch; none for a value all samples share.
using BatchAxis = std::optional<int>;

// What to do about a node that mixes the samples of a batch.
inline constexpr const char* kRebatchAdvice =
    "; export the model with a dynamic batch instead (dynamic_shapes in torch.onnx.export), or "
    "train with the file's batch size";

// What a batch rule sees: a node of a graph whose shapes are known, all of the batch size `batch`,
// with attributes as the shape rules leave them, and the batch's axis per input, at least one of
// which is set. A rule gives the axis in each output; it refuses a node that picks, joins, repeats,
// pads, reduces or broadcasts along the batch. An output that has the batch along another axis than
// the one the rule returns is told of by set_axis().
class BatchContext {
 public:
  BatchContext(const Graph& graph, const Node& node, std::int64_t batch,
               const std::vector<BatchAxis>& axes)
      : graph_(graph), node_(node), batch_(batch), axes_(axes) {}

  const Node& node() const { return node_; }
  std::int64_t batch() const { return batch_; }
  int input_count() const { return static_cast<int>(axes_.size()); }
  BatchAxis axis(int i) const {
    return i < input_count() ? axes_[static_cast<std::size_t>(i)] : BatchAxis{};
  }
  // Of input 0, which alone may have one: all others are shared by the samples.
  int data_axis() const;
  bool others_are_shared(int but) const;

  const Shape& shape(int i) const {
    return graph_.value(node_.inputs[static_cast<std::size_t>(i)]).shape;
  }
  Shape output() const;  // the first output that is there
  std::vector<std::int64_t> ints(const char* name) const { return node_.attrs.get_ints(name); }
  int number(const char* name) const { return static_cast<int>(node_.attrs.get_int(name, 0)); }

  // kUnsupported, naming the node and what to do, unless the condition holds.
  template <class... Parts>
  void check(bool condition, const Parts&... what) const {
    TEMPER_CHECK(condition, ErrorCode::kUnsupported, node_.origin, " ", what..., kRebatchAdvice);
  }

  void set_axis(int output, int axis) const { others_[output] = axis; }
  // `returned`: what the rule gave.
  int axis_of_output(int output, int returned) const {
    const auto other = others_.find(output);
    return other == others_.end() ? returned : other->second;
  }

  // The axis of input i in the broadcast output, where it must keep its size. `rank`: of the input
  // as it is aligned.
  int aligned(int i, int rank) const;
  // `next`, which must be where another input's batch was found.
  int agreed(BatchAxis found, int next) const;
  // Where the axis of input 0 comes to lie when those are reduced.
  int without(const std::vector<std::int64_t>& reduced) const;

 private:
  const Graph& graph_;
  const Node& node_;
  std::int64_t batch_;
  const std::vector<BatchAxis>& axes_;
  mutable std::map<int, int> others_;
};

// Rules that several ops share.
// Shapes are aligned at their ends.
int batch_elementwise(const BatchContext& c);
// A layer over images [N, C, d...]: the batch stays in front.
int batch_of_images(const BatchContext& c);
// The axis that all inputs have it in, which attribute `axis` must not name. `refusal`: what the op
// does to the batch otherwise.
int batch_along_others(const BatchContext& c, const char* refusal);

// What a rebatch rule sees: the node, in a graph that changes from batch size `from` to `to`, and
// the same node of a graph bound at `from`, with all shapes and resolved attributes.
class RebatchContext {
 public:
  RebatchContext(Graph& graph, const Graph& old, NodeId id, std::int64_t from, std::int64_t to,
                 const std::vector<BatchAxis>& axes, int output_axis)
      : graph_(graph),
        old_(old),
        id_(id),
        from_(from),
        to_(to),
        axes_(axes),
        output_axis_(output_axis) {}

  const Node& old_node() const { return old_.node(id_); }
  const Shape& old_output() const { return old_.value(old_node().outputs[0]).shape; }
  const std::vector<BatchAxis>& axes() const { return axes_; }
  int output_axis() const { return output_axis_; }  // of the batch

  // `shape` at the new batch size.
  Shape scaled(Shape shape) const;
  // Whether input 1 is the same numbers in both graphs (or attributes), rather than computed from
  // the batch.
  bool has_fixed_target() const;
  // Attributes in place of the inputs that the shape rule would turn into attributes.
  void set_resolved(const Attrs& attrs);
  // Input i, which all samples share and the file gives once (a class token), for each sample.
  // THROWS: kUnsupported when it is there more than once.
  void repeat_input(int i) { repeat_input(i, output_axis_); }
  void repeat_input(int i, int axis);  // along its axis of this number

 private:
  Graph& graph_;
  const Graph& old_;
  NodeId id_;
  std::int64_t from_;
  std::int64_t to_;
  const std::vector<BatchAxis>& axes_;
  int output_axis_;
};

}  // namespace temper::graph
