// Sizes as torchvision computes them, resizing as Pillow does.
#include "graph/onnx/deploy/picture_front.h"

#include <cmath>

#include <onnx.pb.h>

#include "graph/onnx/onnx_types.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1, kUint8 = 2, kInt64 = 7, kDouble = 11;  // TensorProto.DataType
constexpr std::int64_t kAntialiasSince = 18, kNearestSince = 13;

// The index of the graph's input that takes pictures.
int picture_input(ModelEdit& edit) {
  std::vector<int> found;
  const wire::GraphProto& graph = edit.graph();
  for (int i = 0; i < graph.input_size(); ++i) {
    const auto& type = graph.input(i).type().tensor_type();
    const bool stored = edit.find_tensor(graph.input(i).name()) != nullptr;
    const DType dtype = graph_dtype(type.elem_type());
    if (!stored && is_float(dtype) && type.has_shape() && type.shape().dim_size() == 4) {
      found.push_back(i);
    }
  }
  TEMPER_CHECK(found.size() == 1, ErrorCode::kUnsupported, "the model has ", found.size(),
               " inputs [N, channels, height, width] of floats; pictures go in front of one");
  return found.front();
}

class PictureNodes {
 public:
  PictureNodes(ModelEdit& edit, const PictureFront& front, const std::string& input)
      : nodes_(edit, input, kUint8), front_(front), value_(input) {}

  PreparedInput build(std::int64_t channels) {
    // Bytes are resized as bytes. Otherwise they are floats at once: some runtimes do nothing else
    // with bytes.
    if (!front_.resizes) {
      value_ = nodes_.cast(value_, kFloat);
    }
    if (front_.channels_last) {
      value_ = nodes_.emit("Transpose", {value_});
      set_ints(nodes_.emitted(), "perm", {0, 3, 1, 2});
    }
    if (front_.resizes) {
      resize();
      value_ = nodes_.cast(value_, kFloat);
    }
    if (front_.divisor != 1) {
      value_ = nodes_.emit("Div", {value_, nodes_.floats({front_.divisor}, Shape{})});
    }
    const auto op = [&](const char* name, const std::vector<double>& values) {
      if (!values.empty()) {
        const auto count = static_cast<std::int64_t>(values.size());
        TEMPER_CHECK(count == 1 || count == channels, ErrorCode::kInvalidArgument,
                     "the preparation has ", count, " means or deviations, and the model's input ",
                     channels, " channels");
        value_ = nodes_.emit(name, {value_, nodes_.floats(values, Shape{count, 1, 1})});
      }
    };
    op("Sub", front_.mean);
    op("Div", front_.std);
    return nodes_.finish();
  }

 private:
  // Numbers `from` to `end` of a vector.
  std::string part(const std::string& vector, std::int64_t from, std::int64_t end) {
    return nodes_.emit("Slice", {vector, nodes_.integers({from}), nodes_.integers({end})});
  }

  void resize() {
    if (front_.resize.size() == 2) {
      made_ = nodes_.integers(front_.resize);
      size_ = picture_size();
    } else {
      find_size();
    }
    if (front_.interpolation == "nearest") {
      nearest(0, 2);
      nearest(1, 3);
    } else {
      interpolate();
    }
    crop();
  }

  std::string picture_size() { return part(nodes_.emit("Shape", {value_}), 2, 4); }

  // Of whole numbers: what is divided is positive, so it is cut off as Python's int() does.
  void find_size() {
    size_ = picture_size();
    if (front_.resize.size() == 1) {
      const std::string longer = nodes_.emit("Mul", {size_, nodes_.integers(front_.resize)});
      const std::string shorter =
          nodes_.emit("Min", {part(size_, 0, 1), part(size_, 1, 2)});  // of both, by broadcasting
      made_ = nodes_.emit("Div", {longer, shorter});
      return;
    }
    const std::string turned = nodes_.emit("Concat", {part(size_, 1, 2), part(size_, 0, 1)});
    set_int(nodes_.emitted(), "axis", 0);
    const std::vector<std::int64_t> other = {front_.crop[1], front_.crop[0]};
    const std::string follows =
        nodes_.emit("Div", {nodes_.emit("Mul", {size_, nodes_.integers(other)}), turned});
    made_ = nodes_.emit("Max", {follows, nodes_.integers(front_.crop)});
  }

  // Antialiased, in whole numbers, without what lies outside, as Pillow. The sizes are of all axes:
  // onnxruntime takes computed ones of two for none.
  void interpolate() {
    const std::string others = part(nodes_.emit("Shape", {value_}), 0, 2);
    const std::string sizes = nodes_.emit("Concat", {others, made_});
    set_int(nodes_.emitted(), "axis", 0);
    value_ = nodes_.emit("Resize", {value_, "", "", sizes});
    wire::NodeProto& node = nodes_.emitted();
    const bool cubic = front_.interpolation == "bicubic";
    set_text(node, "mode", cubic ? "cubic" : "linear");
    set_text(node, "coordinate_transformation_mode", "half_pixel");
    set_int(node, "antialias", 1);
    set_int(node, "exclude_outside", 1);
    if (cubic) {
      set_float(node, "cubic_coeff_a", -0.5f);
    }
  }

  // The places are summed up in double, as Pillow does: its rounding is part of the answer.
  void nearest(std::int64_t side, std::int64_t axis) {
    const std::string in = part(size_, side, side + 1), out = part(made_, side, side + 1);
    const std::string step =
        nodes_.emit("Div", {nodes_.cast(in, kDouble), nodes_.cast(out, kDouble)});
    const std::string two = nodes_.cast(nodes_.integers({2}), kDouble);
    const std::string half = nodes_.emit("Div", {step, two});
    const std::string one = nodes_.integers({1});
    const std::string steps = nodes_.emit("Expand", {step, nodes_.emit("Sub", {out, one})});
    const std::string all = nodes_.emit("Concat", {half, steps});
    set_int(nodes_.emitted(), "axis", 0);
    const std::string sums = nodes_.emit("CumSum", {all, nodes_.integers({0})});
    const std::string places = nodes_.cast(sums, kInt64);
    const std::string last = nodes_.emit("Sub", {in, one});
    value_ = nodes_.emit("Gather", {value_, nodes_.emit("Min", {places, last})});
    set_int(nodes_.emitted(), "axis", axis);
  }

  // The middle; halves to the even number, as Python's round().
  void crop() {
    const std::string inner = nodes_.integers(front_.crop);
    std::string start;
    if (front_.resize.size() == 2) {
      std::vector<std::int64_t> starts;
      for (std::size_t i = 0; i < 2; ++i) {
        const auto room = static_cast<double>(front_.resize[i] - front_.crop[i]);
        starts.push_back(static_cast<std::int64_t>(std::nearbyint(room / 2)));
      }
      start = nodes_.integers(starts);
    } else {
      const std::string room = nodes_.cast(nodes_.emit("Sub", {made_, inner}), kFloat);
      const std::string half = nodes_.emit("Mul", {room, nodes_.floats({0.5}, Shape{})});
      start = nodes_.cast(nodes_.emit("Round", {half}), kInt64);
    }
    const std::string end = nodes_.emit("Add", {start, inner});
    value_ = nodes_.emit("Slice", {value_, start, end, nodes_.integers({2, 3})});
  }

  FrontNodes nodes_;
  const PictureFront& front_;
  std::string value_;
  std::string size_, made_;  // [height, width] of a picture, and once it is resized
};

void check_opset(const ModelEdit& edit, const PictureFront& front) {
  const bool nearest = front.interpolation == "nearest";
  const std::int64_t since = nearest ? kNearestSince : kAntialiasSince;
  TEMPER_CHECK(!front.resizes || edit.opset() >= since, ErrorCode::kUnsupported,
               "pictures are resized ", nearest ? "" : "with antialiasing ",
               "by operators of opset ", since, ", and the model has opset ", edit.opset(),
               ": --opset ", since, " brings it there, in the same command");
}

void set_dims(wire::ValueInfoProto& info, const PictureFront& front) {
  auto& shape = *info.mutable_type()->mutable_tensor_type()->mutable_shape();
  if (front.resizes) {
    shape.mutable_dim(2)->set_dim_param("height");
    shape.mutable_dim(3)->set_dim_param("width");
  }
  if (front.channels_last) {
    shape.mutable_dim()->SwapElements(1, 2);  // [N, height, channels, width]
    shape.mutable_dim()->SwapElements(2, 3);
  }
}

}  // namespace

PreparedInput embed_picture_front(ModelEdit& edit, const PictureFront& front) {
  check_opset(edit, front);
  const int index = picture_input(edit);
  const std::string input = edit.graph().input(index).name();
  const auto& dims = edit.graph().input(index).type().tensor_type().shape();
  const std::int64_t channels = dims.dim(1).has_dim_value() ? dims.dim(1).dim_value() : 3;
  PreparedInput made = PictureNodes(edit, front, input).build(channels);
  set_dims(*edit.graph().mutable_input(index), front);
  return made;
}

}  // namespace temper::graph
