#include "graph/onnx/surgery/axis_operands.h"

#include <algorithm>

#include <onnx.pb.h>

#include "graph/ir/batch_context.h"
#include "graph/ir/op_def.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// How a constant goes along an axis.
struct Pattern {
  bool uniform = false;
  bool counts = false;  // whole numbers that grow by `step`
  std::int64_t step = 0;
  Tensor first;  // the part at 0, of size 1 along the axis
};

Pattern pattern_of(const Tensor& tensor, int axis) {
  const std::vector<double> values = tensor.values<double>();
  const Shape& shape = tensor.shape();
  std::int64_t inner = 1;
  for (int i = axis + 1; i < shape.rank(); ++i) {
    inner *= shape[i];
  }
  const std::int64_t size = shape[axis], outer = tensor.element_count() / (inner * size);
  const auto at = [&](std::int64_t o, std::int64_t a, std::int64_t i) {
    return values[static_cast<std::size_t>((o * size + a) * inner + i)];
  };
  Pattern found;
  std::vector<double> first;
  const double step = size > 1 ? at(0, 1, 0) - at(0, 0, 0) : 0;
  bool regular = true;
  for (std::int64_t o = 0; o < outer; ++o) {
    for (std::int64_t i = 0; i < inner; ++i) {
      first.push_back(at(o, 0, i));
      for (std::int64_t a = 1; a < size; ++a) {
        regular = regular && (at(o, a, i) == at(o, 0, i) + static_cast<double>(a) * step ||
                              (step == 0 && at(o, a, i) == at(o, 0, i)));
      }
    }
  }
  Shape one = shape;
  one[axis] = 1;
  found.first = Tensor::from<double>(tensor.dtype(), one, first);
  found.uniform = regular && (step == 0 || size == 1);
  found.counts = regular && step != 0 && is_integer(tensor.dtype());
  found.step = static_cast<std::int64_t>(step);
  return found;
}

class Widener {
 public:
  Widener(AxisSizes& sizes, AxisEditor& editor) : sizes_(sizes), editor_(editor) {}

  Widened run(NodeId id) {
    const Node& node = sizes_.plain().node(id);
    const bool broadcasts = node.op->batch_function == batch_elementwise;
    const bool joins = node.op->movement == Movement::kJoin;
    if (!broadcasts && !joins) {
      return Widened::kNothing;
    }
    int rank = 0;
    for (const ValueId input : node.inputs) {
      rank = input.valid() ? std::max(rank, sizes_.rank(input)) : rank;
    }
    std::int64_t joined = joins ? node.attrs.get_int("axis", 0) : rank;
    joined = joined < 0 ? joined + rank : joined;
    Widened all = Widened::kNothing;
    for (int axis = 0; axis < rank; ++axis) {
      const auto wanted = axis == joined ? std::nullopt : varying_along(node, axis, rank);
      if (!wanted) {
        continue;
      }
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const int own = node.inputs[i].valid() ? sizes_.rank(node.inputs[i]) - rank + axis : -1;
        if (own >= 0 && sizes_.sizes(node.inputs[i], own) == fixed((*wanted)[0])) {
          all = widen(id, i, own, *wanted, broadcasts);
          return all;  // the file is another one now
        }
      }
    }
    return all;
  }

 private:
  static Sizes fixed(std::int64_t size) { return {size, size, size}; }

  std::optional<Sizes> varying_along(const Node& node, int axis, int rank) const {
    for (const ValueId input : node.inputs) {
      const int own = input.valid() ? sizes_.rank(input) - rank + axis : -1;
      if (own >= 0 && varies(sizes_.sizes(input, own)) && sizes_.sizes(input, own)[0] > 1) {
        return sizes_.sizes(input, own);
      }
    }
    return {};
  }

  const std::string& name_of(ValueId id) const { return sizes_.plain().value(id).name; }

  wire::NodeProto* file_of(const Node& node) {
    for (const ValueId output : node.outputs) {
      if (output.valid() && !name_of(output).empty()) {
        return editor_.maker(name_of(output));
      }
    }
    return nullptr;
  }

  // The node in the file, with the input as the graph has it.
  wire::NodeProto& place_of(const Node& node, std::size_t input) {
    wire::NodeProto* file = file_of(node);
    TEMPER_CHECK(file != nullptr && static_cast<std::size_t>(file->input_size()) > input &&
                     !file->input(static_cast<int>(input)).empty(),
                 ErrorCode::kUnsupported, "--dynamic-axis: ", node.origin,
                 " reads a value of the file's size, but is no node of the file itself");
    return *file;
  }

  SizeFormula formula(const Sizes& wanted, const Node& node, const wire::NodeProto& place) {
    const auto made = sizes_.formula(
        wanted, [&](const std::string& value) { return editor_.is_before(value, place); });
    TEMPER_CHECK(made, ErrorCode::kUnsupported, "--dynamic-axis: ", node.origin,
                 " reads a value of size ", wanted[0],
                 ", and the size does not follow from those in front of it");
    return *made;
  }

  bool reaches(std::int64_t size, const Sizes& wanted) const {
    return size >= *std::max_element(wanted.begin(), wanted.end());
  }

  // What input `input` of the node reads gets the sizes `wanted` along its axis.
  Widened widen(NodeId id, std::size_t input, int axis, const Sizes& wanted, bool broadcasts) {
    const Node& node = sizes_.plain().node(id);
    const ValueId value = node.inputs[input];
    if (const Tensor* tensor = sizes_.fixed_tensor(value)) {
      const Pattern pattern = pattern_of(*tensor, axis);
      if (pattern.uniform || pattern.counts) {
        regular(node, input, axis, wanted, pattern, broadcasts);
        return Widened::kChanged;
      }
    }
    const Value& plain = sizes_.plain().value(value);
    if (plain.kind == ValueKind::kNode) {
      const Widened above = widen_maker(plain.producer, value, axis, wanted);
      if (above != Widened::kNothing) {
        return above;
      }
    }
    return first_rows(node, input, axis, wanted);
  }

  void regular(const Node& node, std::size_t input, int axis, const Sizes& wanted,
               const Pattern& pattern, bool broadcasts) {
    wire::NodeProto& place = place_of(node, input);
    ModelEdit& edit = editor_.edit();
    const std::string old = place.input(static_cast<int>(input));
    const std::string first = edit.unique(old + "_one");
    const std::int32_t type = edit.find_tensor(old) != nullptr ? edit.header(old).file_type
                                                               : file_type(pattern.first.dtype());
    edit.add_tensor(first, pattern.first, type);
    const int rank = pattern.first.shape().rank();
    std::string made = first;
    if (pattern.counts) {
      made = editor_.counted_from(place, first, axis, rank, pattern.step,
                                  formula(wanted, node, place));
    } else if (!broadcasts) {
      std::vector<SizeOrNumber> target(static_cast<std::size_t>(rank), std::int64_t{1});
      target[static_cast<std::size_t>(axis)] = formula(wanted, node, place);
      made = edit.unique(old + "_repeated");
      const std::string to = editor_.numbers(place, old + "_sizes", target);
      edit.insert_before(place, "Expand", {first, to}, made);
    }
    editor_.set_input(place, static_cast<int>(input), made);
  }

  static std::int32_t file_type(DType dtype) {
    constexpr std::int32_t kFloat = 1, kInt32 = 6, kInt64 = 7, kBool = 9, kDouble = 11;
    switch (dtype) {
      case DType::kInt32:
        return kInt32;
      case DType::kInt64:
        return kInt64;
      case DType::kBool:
        return kBool;
      case DType::kFloat64:
        return kDouble;
      default:
        return kFloat;
    }
  }

  // The node that makes the value, where the size can be changed there; nothing else reads it in
  // another size then, as all that did would be refused.
  Widened widen_maker(NodeId id, ValueId value, int axis, const Sizes& wanted) {
    const Node& node = sizes_.plain().node(id);
    const OpDef& op = *node.op;
    if (op.picking_input == 1) {
      std::int64_t along = node.attrs.get_int("axis", 0);
      along = along < 0 ? along + sizes_.rank(node.inputs[0]) : along;
      const int own = axis - static_cast<int>(along);
      return own >= 0 && own < sizes_.rank(node.inputs[1]) ? widen(id, 1, own, wanted, false)
                                                           : Widened::kNothing;
    }
    if (op.movement == Movement::kPart && op.name() == "Slice") {
      return widen_slice(node, axis, wanted);
    }
    if (op.movement == Movement::kBroadcast && op.name() == "Expand") {
      return widen_expand(node, value, axis, wanted);
    }
    const bool keeps_axes = op.batch_function == batch_elementwise ||
                            op.movement == Movement::kConvert || op.movement == Movement::kSame;
    if (keeps_axes) {
      const int rank = sizes_.rank(value);
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const int own = node.inputs[i].valid() ? sizes_.rank(node.inputs[i]) - rank + axis : -1;
        if (own >= 0 && sizes_.sizes(node.inputs[i], own) == fixed(wanted[0])) {
          return widen(id, i, own, wanted, true);
        }
      }
    }
    // Of a Reshape that adds axes of 1, a Transpose: the only axis of this size.
    if (op.movement == Movement::kReshape || op.movement == Movement::kPermute) {
      int own = -1, count = 0;
      for (int i = 0; i < sizes_.rank(node.inputs[0]); ++i) {
        if (sizes_.sizes(node.inputs[0], i)[0] == wanted[0]) {
          own = i;
          ++count;
        }
      }
      if (count == 1) {
        return widen(id, 0, own, wanted, false);
      }
    }
    return Widened::kNothing;
  }

  // [0:size] of what is longer.
  Widened widen_slice(const Node& node, int axis, const Sizes& wanted) {
    const auto numbers = [&](std::size_t i) {
      return i < node.inputs.size() && node.inputs[i].valid() ? sizes_.fixed_numbers(node.inputs[i])
                                                              : std::nullopt;
    };
    const auto starts = numbers(1), ends = numbers(2), axes = numbers(3), steps = numbers(4);
    wire::NodeProto* file = file_of(node);
    if (!starts || !ends || file == nullptr || file->input_size() < 3 ||
        !reaches(sizes_.sizes(node.inputs[0], axis)[0], wanted)) {
      return Widened::kNothing;
    }
    std::vector<SizeOrNumber> now(ends->begin(), ends->end());
    for (std::size_t i = 0; i < now.size(); ++i) {
      std::int64_t named = axes ? (*axes)[i] : static_cast<std::int64_t>(i);
      named = named < 0 ? named + sizes_.rank(node.inputs[0]) : named;
      if (named == axis && (*starts)[i] == 0 && (!steps || (*steps)[i] == 1)) {
        now[i] = formula(wanted, node, *file);
        editor_.set_input(*file, 2, editor_.numbers(*file, file->output(0) + "_ends", now));
        return Widened::kChanged;
      }
    }
    return Widened::kNothing;
  }

  Widened widen_expand(const Node& node, ValueId value, int axis, const Sizes& wanted) {
    const auto target = sizes_.fixed_numbers(node.inputs[1]);
    wire::NodeProto* file = file_of(node);
    if (!target || file == nullptr) {
      return Widened::kNothing;
    }
    const int at = static_cast<int>(target->size()) - sizes_.rank(value) + axis;
    const int own = sizes_.rank(node.inputs[0]) - sizes_.rank(value) + axis;
    if (at < 0 || (own >= 0 && sizes_.sizes(node.inputs[0], own)[0] != 1)) {
      return Widened::kNothing;
    }
    std::vector<SizeOrNumber> now(target->begin(), target->end());
    now[static_cast<std::size_t>(at)] = formula(wanted, node, *file);
    editor_.set_input(*file, 1, editor_.numbers(*file, file->output(0) + "_sizes", now));
    return Widened::kChanged;
  }

  // A table has a row for each of so many places.
  Widened first_rows(const Node& node, std::size_t input, int axis, const Sizes& wanted) {
    TEMPER_CHECK(sizes_.is_length(wanted), ErrorCode::kUnsupported, "--dynamic-axis: ", node.origin,
                 " reads '", name_of(node.inputs[input]), "', which has something for each of ",
                 wanted[0], " places of a grid: what those of another grid are cannot be seen");
    if (!reaches(wanted[0], wanted)) {
      return Widened::kNotLonger;
    }
    wire::NodeProto& place = place_of(node, input);
    const std::string old = place.input(static_cast<int>(input));
    editor_.set_input(place, static_cast<int>(input),
                      editor_.first_of(place, old, axis, formula(wanted, node, place)));
    return Widened::kChanged;
  }

  AxisSizes& sizes_;
  AxisEditor& editor_;
};

}  // namespace

Widened widen_operands(AxisSizes& sizes, AxisEditor& editor, NodeId id) {
  return Widener(sizes, editor).run(id);
}

}  // namespace temper::graph
