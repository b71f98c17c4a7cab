// Rules to older opsets: what became an input later is an attribute again, other defaults are
// written out.
#include <algorithm>
#include <cmath>
#include <limits>

#include <onnx.pb.h>

#include "graph/onnx/deploy/constant_numbers.h"
#include "graph/onnx/deploy/opset_expansions.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

using Rule = void (*)(OpsetNode&);

struct DownRule {
  const char* op;
  std::int64_t since;  // applied when the model goes below
  Rule apply;
};

void axes_to_attribute(OpsetNode& n) {
  const bool nothing = int_attribute(n.node(), "noop_with_empty_axes", 0) != 0;
  const auto axes = n.whole_numbers(n.input(1));
  if (nothing && (n.input(1).empty() || (axes && axes->empty()))) {
    const std::string same = n.emit("Identity", {n.input(0)});
    n.replace_by(same);
    return;
  }
  remove_attribute(n.node(), "noop_with_empty_axes");
  n.input_to_ints(1, "axes");
}

void axes_input_to_attribute(OpsetNode& n) { n.input_to_ints(1, "axes"); }

void split_to_attribute(OpsetNode& n) { n.input_to_ints(1, "split"); }

void split_by_sizes(OpsetNode& n) {
  if (find_attribute(n.node(), "num_outputs") == nullptr) {
    return;
  }
  remove_attribute(n.node(), "num_outputs");
  const auto dims = n.facts().dims(n.input(0));
  const std::int64_t parts = n.node().output_size();
  std::int64_t axis = int_attribute(n.node(), "axis", 0);
  axis += axis < 0 && dims ? static_cast<std::int64_t>(dims->size()) : 0;
  std::int64_t size = -1;  // not fixed
  if (dims) {
    size = dims->at(static_cast<std::size_t>(axis)).value_or(-1);
  }
  const KnownValue* seen = n.known(n.input(0));
  const std::int64_t observed = seen != nullptr && dims ? seen->shape[static_cast<int>(axis)] : 1;
  const std::int64_t once = size >= 0 ? size : observed;
  if (once % parts == 0) {
    return;  // equal parts without their sizes; others of a size that varies would be an error
  }
  if (size < 0) {
    n.refuse(
        "into how many parts it splits cannot be said before opset 18, and the size is not fixed");
    return;
  }
  const std::int64_t most = (size + parts - 1) / parts;
  std::vector<std::int64_t> sizes(static_cast<std::size_t>(parts), most);
  sizes.back() = size - most * (parts - 1);
  n.set_input(1, n.integers(sizes));
}

// An axis counted from the end, or none given: from opset 13 on the last.
void softmax_axis(OpsetNode& n) {
  const std::int64_t axis = int_attribute(n.node(), "axis", -1);
  const auto rank = n.rank(n.input(0));
  const bool last = axis == -1 || (rank && axis == *rank - 1);
  if (!last && !rank) {
    n.refuse("the rank of its input is not known");
    return;
  }
  if (last) {
    set_int(n.node(), "axis", rank ? *rank - 1 : -1);
    return;
  }
  std::vector<std::int64_t> turned;
  const std::int64_t from = axis < 0 ? axis + *rank : axis;
  for (std::int64_t i = 0; i < *rank; ++i) {
    turned.push_back(i);
  }
  std::swap(turned[static_cast<std::size_t>(from)], turned.back());
  const std::string op = n.node().op_type();
  const std::string before = n.emit("Transpose", {n.input(0)});
  set_ints(n.emitted(), "perm", turned);
  const std::string middle = n.emit(op.c_str(), {before});
  set_int(n.emitted(), "axis", *rank - 1);
  const std::string after = n.emit("Transpose", {middle});
  set_ints(n.emitted(), "perm", turned);
  n.replace_by(after);
}

void number_to_attribute(OpsetNode& n, int index, const char* attribute) {
  const std::string name = n.input(index);
  if (name.empty()) {
    return;
  }
  const auto value = n.numbers(name);
  if (!value || value->size() != 1) {
    n.refuse(concat("its ", attribute, " is computed, and an attribute in opset ", n.to()));
    return;
  }
  set_float(n.node(), attribute, static_cast<float>(value->front()));
  n.node().set_input(index, "");
  n.trim_inputs();
  n.edit().remove_unread({name});
}

void clip_to_attributes(OpsetNode& n) {
  number_to_attribute(n, 1, "min");
  number_to_attribute(n, 2, "max");
}

void pad_to_attributes(OpsetNode& n) {
  number_to_attribute(n, 2, "value");
  n.input_to_ints(1, "pads");
}

void slice_to_attributes(OpsetNode& n) {
  const auto steps = n.whole_numbers(n.input(4));
  if (!n.input(4).empty()) {
    if (!steps || std::any_of(steps->begin(), steps->end(), [](auto step) { return step != 1; })) {
      n.refuse("before opset 10 it has no steps");
      return;
    }
    n.node().set_input(4, "");
  }
  n.input_to_ints(3, "axes");
  n.input_to_ints(2, "ends");
  n.input_to_ints(1, "starts");
}

void k_to_attribute(OpsetNode& n) {
  const auto k = n.whole_numbers(n.input(1));
  if (!k || k->size() != 1) {
    n.refuse("k is computed, and an attribute before opset 10");
    return;
  }
  set_int(n.node(), "k", k->front());
  const std::string name = n.input(1);
  n.node().mutable_input()->RemoveLast();
  n.edit().remove_unread({name});
}

void dropout_to_attribute(OpsetNode& n) {
  if (!n.input(2).empty()) {
    const auto training = n.whole_numbers(n.input(2));
    if (!training || training->front() != 0) {
      n.refuse(
          "it is in training form, which opset 11 and before cannot say; temper prepare "
          "--inference brings it to inference form");
      return;
    }
    const std::string name = n.input(2);
    n.node().set_input(2, "");
    n.trim_inputs();
    n.edit().remove_unread({name});
  }
  remove_attribute(n.node(), "seed");
  number_to_attribute(n, 1, "ratio");
}

void numbers_of_constant(OpsetNode& n) {
  numbers_to_tensor(n.node());
  n.edit().proto();  // another tensor
}

// Before opset 9 a Constant gives floats.
void whole_constant_to_initializer(OpsetNode& n) {
  const wire::TensorProto* tensor = n.edit().find_tensor(n.node().output(0));
  if (tensor != nullptr && !is_float(graph_dtype(tensor->data_type()))) {
    n.become_initializer();
  }
}

void gemm_with_bias(OpsetNode& n) {
  if (n.input(2).empty()) {
    n.set_input(2, n.scalar(0, n.input(1)));
  }
}

void positive_axis(OpsetNode& n) {
  const std::int64_t axis = int_attribute(n.node(), "axis", 0);
  if (axis >= 0) {
    return;
  }
  const auto rank = n.rank(n.input(0));
  if (rank) {
    set_int(n.node(), "axis", axis + *rank);
  } else {
    n.refuse(
        "its axis counts from the end, before opset 11 from the beginning, and the rank is not "
        "known");
  }
}

// As above, of a list.
void positive_axes(OpsetNode& n) {
  const wire::AttributeProto* axes = find_attribute(n.node(), "axes");
  const auto is_negative = [](std::int64_t axis) { return axis < 0; };
  if (axes == nullptr || std::none_of(axes->ints().begin(), axes->ints().end(), is_negative)) {
    return;
  }
  auto rank = n.rank(n.input(0));
  if (!rank) {
    n.refuse(
        "its axes count from the end, before opset 11 from the beginning, and the rank is not "
        "known");
    return;
  }
  if (n.node().op_type() == "Unsqueeze") {
    *rank += axes->ints_size();
  }
  std::vector<std::int64_t> positive;
  for (const std::int64_t axis : axes->ints()) {
    positive.push_back(axis < 0 ? axis + *rank : axis);
  }
  set_ints(n.node(), "axes", positive);
}

void batch_of_scan(OpsetNode& n) { n.refuse("Scan of opset 8 has a batch, later ones have not"); }

// A part of the shape: from opset 15 on by attributes.
void shape_then_slice(OpsetNode& n) {
  const wire::AttributeProto* end = find_attribute(n.node(), "end");
  const std::int64_t first = int_attribute(n.node(), "start", 0);
  if (first == 0 && end == nullptr) {
    remove_attribute(n.node(), "start");
    return;
  }
  const std::int64_t last = end != nullptr ? end->i() : std::numeric_limits<std::int32_t>::max();
  const std::string whole = n.emit("Shape", {n.input(0)});
  if (n.to() < 10) {
    const std::string part = n.emit("Slice", {whole});
    set_ints(n.emitted(), "starts", {first});
    set_ints(n.emitted(), "ends", {last});
    n.replace_by(part);
    return;
  }
  const std::string from = n.edit().unique(whole + "_from"), to = n.edit().unique(whole + "_to");
  n.edit().add_integers(from, {first});
  n.edit().add_integers(to, {last});
  n.replace_by(n.emit("Slice", {whole, from, to}));
}

// A 0 in the shape means a size of 0 by it, and that of the input without.
void zeros_in_shape(OpsetNode& n) {
  const auto sizes = n.whole_numbers(n.input(1));
  const KnownValue* given = n.known(n.node().output(0));
  const bool zero = sizes ? std::find(sizes->begin(), sizes->end(), 0) != sizes->end()
                          : given == nullptr || std::find(given->shape.begin(), given->shape.end(),
                                                          0) != given->shape.end();
  if (!zero) {
    remove_attribute(n.node(), "allowzero");
  }
}

// Newest first.
const DownRule kRules[] = {{"GridSample", 20, grid_mode},
                           {"ReduceMax", 18, axes_to_attribute},
                           {"ReduceMin", 18, axes_to_attribute},
                           {"ReduceMean", 18, axes_to_attribute},
                           {"ReduceProd", 18, axes_to_attribute},
                           {"ReduceL1", 18, axes_to_attribute},
                           {"ReduceL2", 18, axes_to_attribute},
                           {"ReduceLogSum", 18, axes_to_attribute},
                           {"ReduceLogSumExp", 18, axes_to_attribute},
                           {"ReduceSumSquare", 18, axes_to_attribute},
                           {"Pad", 19, no_wrapping},
                           {"Pad", 18, pad_all_axes},
                           {"Split", 18, split_by_sizes},
                           {"Shape", 15, shape_then_slice},
                           {"Reshape", 14, zeros_in_shape},
                           {"ReduceSum", 13, axes_to_attribute},
                           {"Squeeze", 13, axes_input_to_attribute},
                           {"Unsqueeze", 13, axes_input_to_attribute},
                           {"Split", 13, split_to_attribute},
                           {"Softmax", 13, softmax_axis},
                           {"LogSoftmax", 13, softmax_axis},
                           {"Hardmax", 13, softmax_axis},
                           {"Constant", 12, numbers_of_constant},
                           {"Dropout", 12, dropout_to_attribute},
                           {"Clip", 11, clip_to_attributes},
                           {"Pad", 11, pad_to_attributes},
                           {"Gemm", 11, gemm_with_bias},
                           {"Resize", 11, resize_to_scales},
                           {"Concat", 11, positive_axis},
                           {"Gather", 11, positive_axis},
                           {"Split", 11, positive_axis},
                           {"Flatten", 11, positive_axis},
                           {"ArgMax", 11, positive_axis},
                           {"ArgMin", 11, positive_axis},
                           {"Squeeze", 11, positive_axes},
                           {"Unsqueeze", 11, positive_axes},
                           {"ReduceSum", 11, positive_axes},
                           {"ReduceMax", 11, positive_axes},
                           {"ReduceMin", 11, positive_axes},
                           {"ReduceMean", 11, positive_axes},
                           {"ReduceProd", 11, positive_axes},
                           {"ReduceL1", 11, positive_axes},
                           {"ReduceL2", 11, positive_axes},
                           {"ReduceLogSum", 11, positive_axes},
                           {"ReduceLogSumExp", 11, positive_axes},
                           {"ReduceSumSquare", 11, positive_axes},
                           {"TopK", 10, k_to_attribute},
                           {"Slice", 10, slice_to_attributes},
                           {"Slice", 10, positive_axes},
                           {"Scan", 9, batch_of_scan},
                           {"Resize", 10, resize_to_upsample},
                           {"Constant", 9, whole_constant_to_initializer},
                           {"Upsample", 9, scales_to_attribute}};

}  // namespace

void lower_node(OpsetNode& node) {
  for (const DownRule& rule : kRules) {
    if (!node.removed() && node.node().op_type() == rule.op && node.from() >= rule.since &&
        node.to() < rule.since) {
      rule.apply(node);
    }
  }
}

}  // namespace temper::graph
