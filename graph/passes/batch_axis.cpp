#include "graph/passes/batch_axis.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "graph/ir/op_def.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Ints = std::vector<std::int64_t>;

class Follower {
 public:
  explicit Follower(const BatchedNode& batched)
      : graph_(batched.graph), node_(batched.node), batch_(batched.batch), axes_(batched.axes) {}

  int follow() const {
    const std::string& op = node_.op->name();
    if (node_.op->is_reshape) {
      return through_reshape();
    }
    if (op == "Transpose") {
      const Ints perm = ints("perm");
      return static_cast<int>(std::find(perm.begin(), perm.end(), data()) - perm.begin());
    }
    if (op == "Concat" || op == "Split" || op == "Softmax" || op == "LogSoftmax") {
      return along_axis();
    }
    if (op == "Slice") {
      return through_slice();
    }
    if (op == "Gather") {
      return through_gather();
    }
    if (op == "Tile" || op == "Pad") {
      return op == "Tile" ? through_tile() : through_pad();
    }
    if (op == "ArgMax") {
      return without({number("axis")});
    }
    if (op.starts_with("Reduce")) {
      return without(ints("axes"));
    }
    if (op == "OneHot") {
      return data() < number("axis") ? data() : data() + 1;
    }
    if (op == "MatMul") {
      return through_matmul();
    }
    if (op == "Gemm") {
      return through_gemm();
    }
    if (op == "CrossEntropy") {
      check(node_.attrs.get_string("reduction", "mean") == "none" && data() == 0,
            "reduces the batch to one number");
      return 0;
    }
    if (is_layer_of_images(op)) {
      check(data() == 0 && others_are_shared(0), "takes the batch as channels or as weights");
      return 0;
    }
    return aligned();
  }

 private:
  static bool is_layer_of_images(const std::string& op) {
    return op == "Conv" || op == "ConvTranspose" || op == "MaxPool" || op == "AveragePool" ||
           op == "GlobalMaxPool" || op == "GlobalAveragePool" || op == "BatchNormalization";
  }

  template <class... Parts>
  void check(bool condition, const Parts&... what) const {
    TEMPER_CHECK(condition, ErrorCode::kUnsupported, node_.origin, " ", what..., kRebatchAdvice);
  }

  const Shape& shape(std::size_t i) const { return graph_.value(node_.inputs[i]).shape; }
  Shape output() const {
    const auto there = std::find_if(node_.outputs.begin(), node_.outputs.end(),
                                    [](ValueId id) { return id.valid(); });
    return there == node_.outputs.end() ? Shape{} : graph_.value(*there).shape;
  }
  Ints ints(const char* name) const { return node_.attrs.get_ints(name); }
  int number(const char* name) const { return static_cast<int>(node_.attrs.get_int(name, 0)); }
  BatchAxis axis(std::size_t i) const { return i < axes_.size() ? axes_[i] : BatchAxis{}; }
  bool others_are_shared(std::size_t but) const {
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      if (i != but && axes_[i]) {
        return false;
      }
    }
    return true;
  }
  // Of input 0, which alone may have one.
  int data() const {
    check(axis(0).has_value() && others_are_shared(0), "takes its parameters from the batch");
    return *axes_[0];
  }

  // The elements keep their order, so the batch goes where as many elements lie in front of it.
  int through_reshape() const {
    const int at = data();
    const Shape in = shape(0), out = output();
    if (node_.op->name() == "Squeeze") {
      const Ints axes = ints("axes");
      check(std::find(axes.begin(), axes.end(), at) == axes.end(), "removes the batch dimension");
      return at - static_cast<int>(std::count_if(axes.begin(), axes.end(),
                                                 [&](std::int64_t axis) { return axis < at; }));
    }
    if (node_.op->name() == "Unsqueeze") {
      const Ints axes = ints("axes");  // of the output, ascending
      return std::accumulate(axes.begin(), axes.end(), at,
                             [](int to, std::int64_t axis) { return axis <= to ? to + 1 : to; });
    }
    const std::int64_t before = in.count(0, at);
    if (at < out.rank() && out.count(0, at) == before && out[at] == in[at]) {
      return at;
    }
    std::int64_t passed = 1;
    for (int b = 0; b < out.rank() && passed <= before; ++b) {
      if (passed == before && out[b] % batch_ == 0 && out[b] > 0) {
        return b;
      }
      passed *= out[b];
    }
    fail_reshape(in, out);
  }

  [[noreturn]] void fail_reshape(const Shape& in, const Shape& out) const {
    fail(ErrorCode::kUnsupported, node_.origin, " makes ", out, " of ", in,
         ", which puts the batch size ", batch_, " into another dimension", kRebatchAdvice);
  }

  int along_axis() const {
    const std::string& op = node_.op->name();
    const int along = number("axis");
    BatchAxis found;
    for (const BatchAxis& one : axes_) {
      check(!one || !found || *one == *found, "joins values that hold the batch in dimensions ",
            found.value_or(0), " and ", one.value_or(0));
      found = one ? one : found;
    }
    check(*found != along, op == "Concat"  ? "joins values along the batch dimension"
                           : op == "Split" ? "splits the batch"
                                           : "normalises over the samples of a batch");
    return *found;
  }

  int through_slice() const {
    const int at = data();
    check(slices_whole_axis(node_, at, shape(0)[at]), "takes a part of the batch");
    return at;
  }

  int through_gather() const {
    const int along = number("axis");
    const BatchAxis table = axis(0), indices = axis(1);
    check(!table || !indices, "picks from each sample by indices of each sample");
    if (indices) {
      return along + *indices;
    }
    check(*table != along, "picks samples of the batch");
    return *table < along ? *table : *table + shape(1).rank() - 1;
  }

  int through_tile() const {
    const int at = data();
    check(ints("repeats")[static_cast<std::size_t>(at)] == 1, "repeats the batch");
    return at;
  }

  int through_pad() const {
    const int at = data();
    const Ints pads = ints("pads");
    const auto begin = static_cast<std::size_t>(at);
    check(pads[begin] == 0 && pads[begin + static_cast<std::size_t>(shape(0).rank())] == 0,
          "pads or crops the batch");
    return at;
  }

  // Where the axis comes to lie when those are reduced.
  int without(const Ints& reduced) const {
    const int at = data();
    check(std::find(reduced.begin(), reduced.end(), at) == reduced.end(),
          "reduces over the samples of a batch");
    const bool keeps = node_.attrs.get_int("keepdims", 1) != 0;
    const auto gone =
        std::count_if(reduced.begin(), reduced.end(), [&](std::int64_t r) { return r < at; });
    return keeps ? at : at - static_cast<int>(gone);
  }

  // Input i's axis in the broadcast output, where it must keep its size.
  int align(std::size_t i, int output_rank_of_input) const {
    const int at = *axes_[i];
    const Shape out = output();
    const int to = at + out.rank() - output_rank_of_input;
    check(to >= 0 && to < out.rank() && out[to] == shape(i)[at],
          "broadcasts the batch dimension of ", shape(i), " to ", out);
    return to;
  }

  int agreed(BatchAxis found, int next) const {
    check(!found || *found == next, "joins values that hold the batch in dimensions ",
          found.value_or(0), " and ", next);
    return next;
  }

  // Elementwise: shapes are aligned at their ends.
  int aligned() const {
    BatchAxis found;
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      if (axes_[i]) {
        found = agreed(found, align(i, shape(i).rank()));
      }
    }
    return *found;
  }

  int through_matmul() const {
    const Shape a = shape(0), b = shape(1);
    BatchAxis found;
    if (axis(0)) {
      check(*axis(0) != a.rank() - 1, "sums over the samples of a batch");
      found = align(0, b.rank() == 1 ? a.rank() - 1 : a.rank());
    }
    if (axis(1)) {
      check(b.rank() > 1 && *axis(1) != b.rank() - 2, "sums over the samples of a batch");
      const bool column = *axis(1) == b.rank() - 1;
      check(a.rank() > 1 || column, "multiplies the batch by a vector from the left");
      const int to = column ? output().rank() - 1 : align(1, b.rank());
      found = agreed(found, to);
    }
    return *found;
  }

  int through_gemm() const {
    check(axis(0) && !axis(1), "multiplies by the batch");
    check(*axis(0) == (number("transA") != 0 ? 1 : 0), "sums over the samples of a batch");
    if (axis(2)) {
      agreed(0, align(2, shape(2).rank()));
    }
    return 0;
  }

  const Graph& graph_;
  const Node& node_;
  std::int64_t batch_;
  const std::vector<BatchAxis>& axes_;
};

}  // namespace

int batch_axis_of_outputs(const BatchedNode& batched) { return Follower(batched).follow(); }

bool slices_whole_axis(const Node& slice, int axis, std::int64_t dim) {
  const Ints axes = slice.attrs.get_ints("axes");
  const auto found = std::find(axes.begin(), axes.end(), axis);
  if (found == axes.end()) {
    return true;
  }
  const auto i = static_cast<std::size_t>(found - axes.begin());
  return slice.attrs.get_ints("starts")[i] == 0 && slice.attrs.get_ints("steps")[i] == 1 &&
         slice.attrs.get_ints("ends")[i] == dim;
}

}  // namespace temper::graph
