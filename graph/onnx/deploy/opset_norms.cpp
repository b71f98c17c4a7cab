// Normalisations in the operators of opset 7.
#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_expansions.h"
#include "graph/onnx/surgery/node_attributes.h"

namespace temper::graph {
namespace {

// Those from `axis` on. Nothing: the node was refused.
std::optional<std::vector<std::int64_t>> normalised_axes(OpsetNode& n) {
  const auto rank = n.rank(n.input(0));
  std::int64_t axis = int_attribute(n.node(), "axis", -1);
  if (!rank && axis != -1) {
    n.refuse("the rank of its input is not known");
    return std::nullopt;
  }
  if (!rank) {
    return std::vector<std::int64_t>{-1};
  }
  std::vector<std::int64_t> axes;
  for (std::int64_t i = axis < 0 ? axis + *rank : axis; i < *rank; ++i) {
    axes.push_back(i);
  }
  return axes;
}

double epsilon_of(OpsetNode& n) {
  const wire::AttributeProto* given = find_attribute(n.node(), "epsilon");
  return static_cast<double>(given == nullptr ? 1e-5f : given->f());
}

std::string mean_over(OpsetNode& n, const std::string& value,
                      const std::vector<std::int64_t>& axes) {
  std::vector<std::string> inputs{value};
  if (n.to() >= 18) {
    inputs.push_back(n.integers(axes));
  }
  const std::string mean = n.emit("ReduceMean", inputs);
  if (n.to() < 18) {
    set_ints(n.emitted(), "axes", axes);
  }
  set_int(n.emitted(), "keepdims", 1);
  return mean;
}

// x / sqrt(mean(x x) + epsilon)
std::string over_root(OpsetNode& n, const std::string& x, const std::vector<std::int64_t>& axes) {
  const std::string square = mean_over(n, n.emit("Mul", {x, x}), axes);
  const std::string sum = n.emit("Add", {square, n.scalar(epsilon_of(n), n.input(0))});
  return n.emit("Div", {x, n.emit("Sqrt", {sum})});
}

}  // namespace

// (x - mean) / sqrt(var + eps) * scale + bias over the axes from `axis` on.
bool layer_normalization(OpsetNode& n) {
  const std::string x = n.input(0);
  if (n.node().output_size() > 1) {
    n.refuse("its mean and deviation are read");
    return true;
  }
  const auto axes = normalised_axes(n);
  if (!axes) {
    return true;
  }
  const std::string centred = n.emit("Sub", {x, mean_over(n, x, *axes)});
  std::string value = over_root(n, centred, *axes);
  value = n.emit("Mul", {value, n.input(1)});
  if (!n.input(2).empty()) {
    value = n.emit("Add", {value, n.input(2)});
  }
  n.replace_by(value);
  return true;
}

bool rms_normalization(OpsetNode& n) {
  const auto axes = normalised_axes(n);
  if (axes) {
    n.replace_by(n.emit("Mul", {over_root(n, n.input(0), *axes), n.input(1)}));
  }
  return true;
}

// The groups as channels of an InstanceNormalization; scale and bias are per channel from opset 21
// on, per group before.
bool group_normalization(OpsetNode& n) {
  const std::string x = n.input(0);
  const auto rank = n.rank(x);
  const std::int64_t groups = int_attribute(n.node(), "num_groups", 0);
  if (!rank || groups <= 0) {
    n.refuse("the rank of its input is not known");
    return true;
  }
  const std::int32_t type = n.float_type(x);
  const auto per_group = [&](double value) {
    const std::string name = n.edit().unique(n.node().output(0) + "_groups");
    const std::vector<double> numbers(static_cast<std::size_t>(groups), value);
    n.edit().add_tensor(name, Tensor::from<double>(graph_dtype(type), Shape{groups}, numbers),
                        type);
    return name;
  };
  std::vector<std::int64_t> columns(static_cast<std::size_t>(*rank - 1), 1);
  columns.front() = -1;
  const std::string along = n.integers(columns);
  const std::string flat = n.emit("Reshape", {x, n.integers({0, groups, -1})});
  const std::string normed = n.emit("InstanceNormalization", {flat, per_group(1), per_group(0)});
  set_float(n.emitted(), "epsilon", static_cast<float>(epsilon_of(n)));
  std::string value = n.emit("Reshape", {normed, n.emit("Shape", {x})});
  value = n.emit("Mul", {value, n.emit("Reshape", {n.input(1), along})});
  n.replace_by(n.emit("Add", {value, n.emit("Reshape", {n.input(2), along})}));
  return true;
}

}  // namespace temper::graph
