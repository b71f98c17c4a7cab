#include "graph/onnx/surgery/axis_editor.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kInt64 = 7;  // TensorProto.DataType

}  // namespace

void AxisEditor::find_positions() {
  const auto& nodes = edit_.graph().node();
  if (nodes_ == nodes.size()) {
    return;
  }
  nodes_ = nodes.size();
  positions_.clear();
  for (int i = 0; i < nodes.size(); ++i) {
    for (const std::string& output : nodes.Get(i).output()) {
      positions_[output] = i;
    }
  }
}

wire::NodeProto* AxisEditor::maker(const std::string& value) {
  find_positions();
  const auto found = positions_.find(value);
  return found == positions_.end() ? nullptr : edit_.graph().mutable_node(found->second);
}

bool AxisEditor::is_before(const std::string& value, const wire::NodeProto& node) {
  find_positions();
  const auto found = positions_.find(value);
  if (found == positions_.end()) {
    const auto& inputs = edit_.graph().input();
    return std::any_of(inputs.begin(), inputs.end(),
                       [&](const auto& input) { return input.name() == value; });
  }
  const auto own = positions_.find(node.output(0));
  return own != positions_.end() && found->second < own->second;
}

std::string AxisEditor::make(const wire::NodeProto& place, const char* op,
                             const std::vector<std::string>& inputs, const std::string& name) {
  const std::string made = edit_.unique(name);
  edit_.insert_before(place, op, inputs, made);
  nodes_ = -1;
  return made;
}

std::string AxisEditor::constant(const std::string& name,
                                 const std::vector<std::int64_t>& numbers) {
  const std::string made = edit_.unique(name);
  edit_.add_integers(made, numbers);
  return made;
}

std::string AxisEditor::size_vector(const wire::NodeProto& place, const std::string& name,
                                    const SizeFormula& size) {
  std::string product;
  const auto times = [&](const std::string& factor) {
    product = product.empty() ? factor : make(place, "Mul", {product, factor}, name + "_product");
  };
  for (const AxisOf& factor : size.factors) {
    const std::string shape = make(place, "Shape", {factor.value}, name + "_of");
    times(make(place, "Gather", {shape, constant(name + "_axis", {factor.axis})}, name));
  }
  if (size.times != 1) {
    times(constant(name + "_times", {size.times}));
  }
  if (size.over != 1) {
    product = make(place, "Div", {product, constant(name + "_over", {size.over})}, name + "_part");
  }
  return product;
}

std::string AxisEditor::numbers(const wire::NodeProto& place, const std::string& name,
                                const std::vector<SizeOrNumber>& entries) {
  std::vector<std::string> parts;
  std::vector<std::int64_t> plain;
  const auto end_plain = [&] {
    if (!plain.empty()) {
      parts.push_back(constant(name, plain));
      plain.clear();
    }
  };
  for (const SizeOrNumber& entry : entries) {
    if (const auto* number = std::get_if<std::int64_t>(&entry)) {
      plain.push_back(*number);
    } else {
      end_plain();
      parts.push_back(size_vector(place, name + "_size", std::get<SizeFormula>(entry)));
    }
  }
  end_plain();
  if (parts.size() == 1) {
    return parts[0];
  }
  const std::string joined = edit_.unique(name);
  set_int(edit_.insert_before(place, "Concat", parts, joined), "axis", 0);
  nodes_ = -1;
  return joined;
}

void AxisEditor::set_input(wire::NodeProto& node, int input, const std::string& value) {
  replaced_.insert(node.input(input));
  node.set_input(input, value);
  ++changes_;
}

std::string AxisEditor::first_of(const wire::NodeProto& place, const std::string& value, int axis,
                                 const SizeFormula& size) {
  const std::string name = value + "_first";
  const std::string end = numbers(place, name + "_end", {size});
  return make(place, "Slice",
              {value, constant(name + "_start", {0}), end, constant(name + "_axis", {axis})}, name);
}

std::string AxisEditor::counted_from(const wire::NodeProto& place, const std::string& first,
                                     int axis, int rank, std::int64_t step,
                                     const SizeFormula& size) {
  const std::string name = first + "_counted";
  const std::string count = numbers(place, name + "_size", {size});
  const auto scalar = [&](std::int64_t number) {
    const std::string made = edit_.unique(name + "_number");
    edit_.add_tensor(made, Tensor::scalar<std::int64_t>(DType::kInt64, number), kInt64);
    return made;
  };
  const std::string limit =
      make(place, "Reshape", {count, constant(name + "_scalar", {})}, name + "_limit");
  std::string along = make(place, "Range", {scalar(0), limit, scalar(1)}, name + "_range");
  if (step != 1) {
    along = make(place, "Mul", {along, scalar(step)}, name + "_steps");
  }
  std::vector<std::int64_t> shape(static_cast<std::size_t>(rank), 1);
  shape[static_cast<std::size_t>(axis)] = -1;
  along = make(place, "Reshape", {along, constant(name + "_shape", shape)}, name + "_along");
  const std::int32_t type = edit_.header(first).file_type;
  if (type != kInt64) {
    const std::string cast = edit_.unique(name + "_cast");
    set_int(edit_.insert_before(place, "Cast", {along}, cast), "to", type);
    nodes_ = -1;
    along = cast;
  }
  return make(place, "Add", {first, along}, name);
}

void AxisEditor::finish() { edit_.remove_unread(replaced_); }

}  // namespace temper::graph
