// Where, Expand and others whose shapes follow from several inputs, in operators of opset 7.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_expansions.h"
#include "graph/onnx/onnx_types.h"
#include "graph/onnx/surgery/node_attributes.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kInt32 = 6, kInt64 = 7, kBool = 9, kUInt32 = 12, kUInt64 = 13;
constexpr std::int64_t kMostPicked = std::int64_t{1} << 30;

// Of tensors together, by the rules of broadcasting; nothing where they do not fit.
std::optional<Shape> joined(const std::vector<Shape>& shapes) {
  int rank = 0;
  for (const Shape& shape : shapes) {
    rank = std::max(rank, shape.rank());
  }
  std::vector<std::int64_t> dims(static_cast<std::size_t>(rank), 1);
  for (const Shape& shape : shapes) {
    for (int i = 0; i < shape.rank(); ++i) {
      std::int64_t& dim = dims[static_cast<std::size_t>(rank - shape.rank() + i)];
      if (shape[i] != 1 && dim != 1 && dim != shape[i]) {
        return std::nullopt;
      }
      dim = dim == 1 ? shape[i] : dim;
    }
  }
  return Shape(dims);
}

std::optional<std::vector<Shape>> fixed_shapes(OpsetNode& n) {
  std::vector<Shape> shapes;
  for (int i = 0; i < n.node().input_size(); ++i) {
    const auto shape = n.facts().shape(n.input(i));
    if (!shape) {
      return std::nullopt;
    }
    shapes.push_back(*shape);
  }
  return shapes;
}

// The one number that a stored tensor has everywhere.
std::optional<double> single_number(OpsetNode& n, const std::string& name) {
  const auto numbers = n.numbers(name);
  if (!numbers || numbers->empty()) {
    return std::nullopt;
  }
  const bool same = std::all_of(numbers->begin(), numbers->end(),
                                [&](double one) { return one == numbers->front(); });
  return same ? std::optional<double>(numbers->front()) : std::nullopt;
}

bool is_finite(OpsetNode& n, const std::string& name) {
  const auto numbers = n.numbers(name);
  return numbers && std::all_of(numbers->begin(), numbers->end(),
                                [](double one) { return std::isfinite(one); });
}

// How many sizes a shape has, which does not follow from the inputs.
std::optional<std::int64_t> length_of(OpsetNode& n, const std::string& shape) {
  const auto fixed = n.facts().shape(shape);
  const KnownValue* seen = n.known(shape);
  const Shape* found = fixed ? &*fixed : seen != nullptr ? &seen->shape : nullptr;
  return found != nullptr && found->rank() == 1 ? std::optional<std::int64_t>((*found)[0])
                                                : std::nullopt;
}

// What a branch adds to the sum: its values where the mask is 1, else 0. An infinite number is
// log(0). Nothing: it may be infinite or NaN where it is not taken.
std::optional<std::string> masked(OpsetNode& n, const std::string& x, const std::string& mask,
                                  std::int32_t type) {
  if (!is_float(graph_dtype(type)) || is_finite(n, x)) {
    return n.emit("Mul", {x, mask});
  }
  const auto number = single_number(n, x);
  if (!number || !std::isinf(*number) || n.rank(x) != 0) {
    return std::nullopt;
  }
  const std::string low = n.emit("Log", {n.emit("Sub", {n.number(1, type), mask})});
  return *number < 0 ? low : n.emit("Neg", {low});
}

// Where each element of the result lies in a flat tensor of this shape, without the offset: a sum
// of vectors, one along each axis. "": at 0.
std::string flat_places(OpsetNode& n, const Shape& from, const Shape& to) {
  std::string sum;
  std::int64_t stride = 1;
  for (int i = to.rank(); i-- > 0;) {
    const int axis = i - (to.rank() - from.rank());
    const std::int64_t size = axis < 0 ? 1 : from[axis];
    if (size > 1) {
      std::vector<std::int64_t> places;
      for (std::int64_t k = 0; k < size; ++k) {
        places.push_back(k * stride);
      }
      Shape shape{size};
      for (int k = i + 1; k < to.rank(); ++k) {
        shape.push_back(1);
      }
      const std::string part = n.edit().unique(n.node().output(0) + "_places");
      n.edit().add_tensor(part, Tensor::from<std::int64_t>(DType::kInt64, shape, places), kInt64);
      sum = sum.empty() ? part : n.emit("Add", {sum, part});
    }
    stride *= size;
  }
  return sum;
}

// Both branches in one row, from which the condition picks: any type, any number.
void picked(OpsetNode& n, const std::vector<Shape>& shapes, const Shape& shape) {
  const std::string flat = n.integers({-1});
  const std::string a = n.emit("Reshape", {n.input(1), flat});
  const std::string b = n.emit("Reshape", {n.input(2), flat});
  const std::string row = n.emit("Concat", {a, b});
  set_int(n.emitted(), "axis", 0);
  const std::string from_a = flat_places(n, shapes[1], shape);
  std::string from_b = flat_places(n, shapes[2], shape);
  const std::string offset = n.number(static_cast<double>(shapes[1].element_count()), kInt64);
  from_b = from_b.empty() ? offset : n.emit("Add", {from_b, offset});
  const std::string condition = n.emit_cast(n.input(0), kInt64);
  const std::string first = from_a.empty() ? n.number(0, kInt64) : from_a;
  const std::string distance = n.emit("Sub", {first, from_b});
  const std::string place = n.emit("Add", {from_b, n.emit("Mul", {condition, distance})});
  n.replace_by(n.emit("Gather", {row, place}));
  set_int(n.emitted(), "axis", 0);
}

bool by_logic(OpsetNode& n) {
  const std::string c = n.input(0);
  const std::string a = n.emit("And", {c, n.input(1)});
  const std::string b = n.emit("And", {n.emit("Not", {c}), n.input(2)});
  n.replace_by(n.emit("Or", {a, b}));
  return true;
}

}  // namespace

// Opset 7 multiplies float32, float64, float16 and whole numbers of 32 and 64 bits.
bool where(OpsetNode& n) {
  const std::string a = n.input(1), b = n.input(2);
  const std::int32_t type = n.facts().type(a) != 0 ? n.facts().type(a) : n.facts().type(b);
  if (type == kBool) {
    return by_logic(n);
  }
  const bool is_whole = type == kInt32 || type == kInt64 || type == kUInt32 || type == kUInt64;
  const auto is_settled = [&](const std::string& x) {
    return is_finite(n, x) || (single_number(n, x) && n.rank(x) == 0);
  };
  if (is_whole || (is_float(graph_dtype(type)) && is_settled(a) && is_settled(b))) {
    const std::string mask = n.emit_cast(n.input(0), type);
    const auto first = masked(n, a, mask, type);
    const auto second =
        first ? masked(n, b, n.emit("Sub", {n.number(1, type), mask}), type) : std::nullopt;
    if (first && second) {
      n.replace_by(n.emit("Add", {*first, *second}));
      return true;
    }
  }
  const auto shapes = fixed_shapes(n);
  const auto shape = shapes ? joined(*shapes) : std::nullopt;
  if (!shape || shape->element_count() > kMostPicked) {
    n.refuse(
        "before opset 9 it is written by picking elements, which needs sizes that do not follow "
        "from the inputs; --fix-dims fixes them");
    return true;
  }
  picked(n, *shapes, *shape);
  return true;
}

std::string repeated(OpsetNode& n, const std::string& x, const Shape& shape) {
  const Shape from = *n.facts().shape(x);
  if (from == shape) {
    return x;
  }
  std::string value = x;
  const int more = shape.rank() - from.rank();
  if (more > 0) {
    std::vector<std::int64_t> axes;
    for (int i = 0; i < more; ++i) {
      axes.push_back(i);
    }
    value = n.emit("Unsqueeze", {x});
    set_ints(n.emitted(), "axes", axes);
  }
  std::vector<std::int64_t> times;
  for (int i = 0; i < shape.rank(); ++i) {
    times.push_back(i >= more && from[i - more] == shape[i] ? 1 : shape[i]);
  }
  return n.emit("Tile", {value, n.integers(times)});
}

// Tile by the sizes where x has 1; where it is not known which those are, they are found when it
// runs: a size of the shape by that of x, or 1 where the shape says 1.
bool expand_to_shape(OpsetNode& n) {
  const std::string x = n.input(0), target = n.input(1);
  const auto dims = n.facts().dims(x);
  const auto length = length_of(n, target);
  if (!dims || !length) {
    n.refuse(
        "before opset 8 it is written with Tile, which needs the ranks, and they are not known");
    return true;
  }
  const auto rank = static_cast<std::int64_t>(dims->size());
  const std::int64_t wide = std::max(rank, *length);
  FixedDims full(static_cast<std::size_t>(wide - rank), 1);
  full.insert(full.end(), dims->begin(), dims->end());
  std::string value = x;
  if (wide > rank) {
    std::vector<std::int64_t> axes;
    for (std::int64_t i = 0; i < wide - rank; ++i) {
      axes.push_back(i);
    }
    value = n.emit("Unsqueeze", {x});
    set_ints(n.emitted(), "axes", axes);
  }
  std::string shape = target;
  if (wide > *length) {
    const std::vector<std::int64_t> ones(static_cast<std::size_t>(wide - *length), 1);
    shape = n.emit("Concat", {n.integers(ones), target});
    set_int(n.emitted(), "axis", 0);
  }
  std::string times = shape;
  const bool all_known =
      std::all_of(full.begin(), full.end(), [](const auto& dim) { return !!dim; });
  if (all_known && std::any_of(full.begin(), full.end(), [](auto& dim) { return *dim != 1; })) {
    std::vector<std::int64_t> taken, others;
    for (const auto& dim : full) {
      taken.push_back(*dim == 1 ? 1 : 0);
      others.push_back(*dim == 1 ? 0 : 1);
    }
    times = n.emit("Add", {n.emit("Mul", {shape, n.integers(taken)}), n.integers(others)});
  } else if (!all_known) {
    const std::string size = n.emit("Shape", {value});
    const std::string empty = n.emit_cast(n.emit("Equal", {size, n.integers({0})}), kInt64);
    const std::string one = n.emit_cast(n.emit("Equal", {shape, n.integers({1})}), kInt64);
    const std::string share = n.emit("Div", {shape, n.emit("Add", {size, empty})});
    const std::string other = n.emit("Sub", {n.integers({1}), one});
    times = n.emit("Add", {n.emit("Mul", {share, other}), one});
  }
  n.replace_by(n.emit("Tile", {value, times}));
  return true;
}

bool constant_of_shape(OpsetNode& n) {
  const auto length = length_of(n, n.input(0));
  if (!length) {
    n.refuse("before opset 9 it is written with Tile, which needs the rank, and it is not known");
    return true;
  }
  const wire::AttributeProto* given = find_attribute(n.node(), "value");
  wire::TensorProto tensor;
  if (given != nullptr) {
    tensor = given->t();
  } else {
    tensor.set_data_type(1);
    tensor.add_float_data(0);
  }
  tensor.clear_dims();
  for (std::int64_t i = 0; i < *length; ++i) {
    tensor.add_dims(1);
  }
  const std::string one = n.edit().unique(n.node().output(0) + "_number");
  tensor.set_name(one);
  n.edit().add_tensor(std::move(tensor));
  n.replace_by(n.emit("Tile", {one, n.input(0)}));
  return true;
}

// The larger, or smaller, of a value and one stored number: what Clip does.
bool clipped(OpsetNode& n) {
  for (const int index : {0, 1}) {
    const auto bound = n.node().input_size() == 2 ? single_number(n, n.input(index)) : std::nullopt;
    const auto rank = n.rank(n.input(1 - index)), own = n.rank(n.input(index));
    if (bound && rank && own && *own <= *rank &&
        is_float(graph_dtype(n.facts().type(n.input(0)))) &&
        n.facts().shape(n.input(index))->element_count() == 1) {
      const std::string value = n.emit("Clip", {n.input(1 - index)});
      set_float(n.emitted(), n.node().op_type() == "Max" ? "min" : "max",
                static_cast<float>(*bound));
      n.replace_by(value);
      return true;
    }
  }
  return false;
}

// Max, Min, Sum and Mean take inputs of one shape before opset 8.
bool same_shapes(OpsetNode& n) {
  const int count = n.node().input_size();
  const auto seen = [&](int i) { return n.known(n.input(i)); };
  bool same = true;
  for (int i = 0; i < count; ++i) {
    same = same && seen(i) != nullptr && seen(i)->shape == seen(0)->shape;
  }
  if (same || count == 1) {
    return false;  // the rest is as with others
  }
  const std::string op = n.node().op_type();
  if (op == "Sum" || op == "Mean") {
    std::string sum = n.input(0);
    for (int i = 1; i < count; ++i) {
      sum = n.emit("Add", {sum, n.input(i)});
    }
    n.replace_by(op == "Sum" ? sum : n.emit("Div", {sum, n.scalar(count, n.input(0))}));
    return true;
  }
  const auto shapes = fixed_shapes(n);
  const auto shape = shapes ? joined(*shapes) : std::nullopt;
  if (!shape && clipped(n)) {
    return true;
  }
  if (!shape) {
    n.refuse(
        "before opset 8 its inputs have one shape, and those here are not known; --fix-dims fixes "
        "sizes that follow from the inputs");
    return true;
  }
  for (int i = 0; i < count; ++i) {
    n.node().set_input(i, repeated(n, n.input(i), *shape));
  }
  return false;
}

// Before opset 10 there are no steps: the elements are picked, where the size is fixed.
bool slice_with_steps(OpsetNode& n) {
  const auto steps = n.whole_numbers(n.input(4));
  if (n.input(4).empty() ||
      (steps && std::all_of(steps->begin(), steps->end(), [](auto one) { return one == 1; }))) {
    return false;
  }
  const auto dims = n.facts().dims(n.input(0));
  const auto starts = n.whole_numbers(n.input(1)), ends = n.whole_numbers(n.input(2));
  auto axes = n.whole_numbers(n.input(3));
  if (!steps || !dims || !starts || !ends || (!n.input(3).empty() && !axes)) {
    n.refuse("before opset 10 it has no steps, and where it picks is computed");
    return true;
  }
  if (!axes) {
    axes.emplace();
    for (std::size_t i = 0; i < starts->size(); ++i) {
      axes->push_back(static_cast<std::int64_t>(i));
    }
  }
  const auto rank = static_cast<std::int64_t>(dims->size());
  std::string value = n.input(0);
  for (std::size_t i = 0; i < axes->size(); ++i) {
    const std::int64_t axis = (*axes)[i] < 0 ? (*axes)[i] + rank : (*axes)[i];
    const auto& size = (*dims)[static_cast<std::size_t>(axis)];
    if (!size) {
      n.refuse("before opset 10 it has no steps, and the size that it picks from is not fixed");
      return true;
    }
    const std::int64_t step = (*steps)[i];
    const auto place = [&](std::int64_t given, std::int64_t least, std::int64_t most) {
      const std::int64_t from_start = std::max(given, -*size - 1);
      return std::clamp(from_start < 0 ? from_start + *size : from_start, least, most);
    };
    const bool up = step > 0;
    const std::int64_t last = place((*ends)[i], up ? 0 : -1, up ? *size : *size - 1);
    std::vector<std::int64_t> places;
    for (std::int64_t k = place((*starts)[i], 0, up ? *size : std::max<std::int64_t>(*size - 1, 0));
         up ? k < last : k > last; k += step) {
      places.push_back(k);
    }
    value = n.emit("Gather", {value, n.integers(places)});
    set_int(n.emitted(), "axis", axis);
  }
  n.replace_by(value);
  return true;
}

}  // namespace temper::graph
