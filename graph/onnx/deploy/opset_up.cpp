// Rules to newer opsets: attributes that are inputs there, defaults that changed written out.
#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_node.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/concat.h"

namespace temper::graph {
namespace {

struct UpRule {
  const char* op;
  std::int64_t since;  // applied when the model comes from below
  void (*apply)(OpsetNode&);
};

void axes_to_input(OpsetNode& n) { n.ints_to_input("axes", 1); }
void split_to_input(OpsetNode& n) { n.ints_to_input("split", 1); }

void split_count(OpsetNode& n) {
  if (n.input(1).empty()) {
    set_int(n.node(), "num_outputs", n.node().output_size());
  }
}

void number_to_input(OpsetNode& n, const char* attribute, int index) {
  const wire::AttributeProto* found = find_attribute(n.node(), attribute);
  if (found != nullptr) {
    n.set_input(index, n.scalar(found->f(), n.input(0)));
    remove_attribute(n.node(), attribute);
  }
}

void clip_to_inputs(OpsetNode& n) {
  number_to_input(n, "min", 1);
  number_to_input(n, "max", 2);
}

void pad_to_inputs(OpsetNode& n) {
  n.ints_to_input("pads", 1);
  number_to_input(n, "value", 2);
}

void slice_to_inputs(OpsetNode& n) {
  n.ints_to_input("starts", 1);
  n.ints_to_input("ends", 2);
  n.ints_to_input("axes", 3);
}

void k_to_input(OpsetNode& n) {
  const std::string name = n.edit().unique(n.node().output(0) + "_k");
  n.edit().add_integers(name, {int_attribute(n.node(), "k", 1)});
  remove_attribute(n.node(), "k");
  n.set_input(1, name);
}

void dropout_to_inputs(OpsetNode& n) {
  number_to_input(n, "ratio", 1);
  if (n.node().output_size() > 1) {
    n.refuse("its mask is read, which is of another type from opset 10 on");
  }
}

// Before opset 13 the dimensions from `axis` on are one.
void softmax_coerced(OpsetNode& n) {
  const std::int64_t axis = int_attribute(n.node(), "axis", 1);
  const auto rank = n.rank(n.input(0));
  if (!rank && axis != -1) {
    n.refuse("the rank of its input is not known");
    return;
  }
  if (axis == -1 || axis == *rank - 1) {
    set_int(n.node(), "axis", -1);
    return;
  }
  const std::string x = n.input(0), op = n.node().op_type();
  const std::string shape = n.emit("Shape", {x});
  const std::string flat = n.emit("Flatten", {x});
  set_int(n.emitted(), "axis", axis);
  const std::string value = n.emit(op.c_str(), {flat});
  set_int(n.emitted(), "axis", -1);
  n.replace_by(n.emit("Reshape", {value, shape}));
}

void scales_to_input(OpsetNode& n) {
  const wire::AttributeProto* found = find_attribute(n.node(), "scales");
  if (found == nullptr) {
    return;
  }
  const std::string name = n.edit().unique(n.node().output(0) + "_scales");
  const std::vector<float> scales(found->floats().begin(), found->floats().end());
  n.edit().add_tensor(
      name,
      Tensor::from<float>(DType::kFloat32, Shape{static_cast<std::int64_t>(scales.size())}, scales),
      1);
  remove_attribute(n.node(), "scales");
  n.set_input(1, name);
}

void upsample_to_resize(OpsetNode& n) { n.node().set_op_type("Resize"); }

void resize_as_it_was(OpsetNode& n) {
  const std::string scales = n.input(1);
  n.set_input(1, "");
  n.set_input(2, scales);
  set_text(n.node(), "coordinate_transformation_mode", "asymmetric");
  set_text(n.node(), "nearest_mode", "floor");
}

void batchnorm_not_spatial(OpsetNode& n) {
  if (int_attribute(n.node(), "spatial", 1) == 0) {
    n.refuse("statistics of each place (spatial = 0) are not in opset 9 and later");
  }
  remove_attribute(n.node(), "spatial");
}

void batchnorm_in_training(OpsetNode& n) {
  if (n.node().output_size() > 1) {
    n.refuse(
        "it is in training form, which opset 14 says otherwise; temper prepare --inference "
        "brings it to inference form");
  }
}

void scatter_elements(OpsetNode& n) { n.node().set_op_type("ScatterElements"); }

void group_scale_of_channels(OpsetNode& n) {
  n.refuse("its scale and bias are per channel from opset 21 on, per group before");
}

void grid_mode(OpsetNode& n) {
  const wire::AttributeProto* found = find_attribute(n.node(), "mode");
  const std::string mode = found == nullptr ? "bilinear" : found->s();
  set_text(n.node(), "mode",
           mode == "bilinear"  ? "linear"
           : mode == "bicubic" ? "cubic"
                               : mode.c_str());
}

void dft_axis_to_input(OpsetNode& n) {
  const std::int64_t axis = int_attribute(n.node(), "axis", 1);
  const std::string name = n.edit().unique(n.node().output(0) + "_axis");
  n.edit().add_tensor(name, Tensor::from<std::int64_t>(DType::kInt64, Shape{}, std::vector{axis}),
                      7);
  remove_attribute(n.node(), "axis");
  n.set_input(2, name);
}

void roi_half_pixel(OpsetNode& n) {
  set_text(n.node(), "coordinate_transformation_mode", "output_half_pixel");
}

void old_scan(OpsetNode& n) { n.refuse("Scan of opset 8 has a batch, later ones have not"); }

// Oldest first.
const UpRule kRules[] = {{"BatchNormalization", 9, batchnorm_not_spatial},
                         {"Upsample", 9, scales_to_input},
                         {"Scan", 9, old_scan},
                         {"Upsample", 10, upsample_to_resize},
                         {"Slice", 10, slice_to_inputs},
                         {"TopK", 10, k_to_input},
                         {"Resize", 11, resize_as_it_was},
                         {"Scatter", 11, scatter_elements},
                         {"Clip", 11, clip_to_inputs},
                         {"Pad", 11, pad_to_inputs},
                         {"Dropout", 12, dropout_to_inputs},
                         {"ReduceSum", 13, axes_to_input},
                         {"Squeeze", 13, axes_to_input},
                         {"Unsqueeze", 13, axes_to_input},
                         {"Split", 13, split_to_input},
                         {"Softmax", 13, softmax_coerced},
                         {"LogSoftmax", 13, softmax_coerced},
                         {"Hardmax", 13, softmax_coerced},
                         {"BatchNormalization", 14, batchnorm_in_training},
                         {"RoiAlign", 16, roi_half_pixel},
                         {"ReduceMax", 18, axes_to_input},
                         {"ReduceMin", 18, axes_to_input},
                         {"ReduceMean", 18, axes_to_input},
                         {"ReduceProd", 18, axes_to_input},
                         {"ReduceL1", 18, axes_to_input},
                         {"ReduceL2", 18, axes_to_input},
                         {"ReduceLogSum", 18, axes_to_input},
                         {"ReduceLogSumExp", 18, axes_to_input},
                         {"ReduceSumSquare", 18, axes_to_input},
                         {"Split", 18, split_count},
                         {"GridSample", 20, grid_mode},
                         {"DFT", 20, dft_axis_to_input},
                         {"GroupNormalization", 21, group_scale_of_channels}};

}  // namespace

void raise_node(OpsetNode& node) {
  for (const UpRule& rule : kRules) {
    if (!node.removed() && node.node().op_type() == rule.op && node.from() < rule.since &&
        node.to() >= rule.since) {
      rule.apply(node);
    }
  }
}

}  // namespace temper::graph
