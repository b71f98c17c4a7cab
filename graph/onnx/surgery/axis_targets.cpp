#include "graph/onnx/surgery/axis_targets.h"

#include <algorithm>
#include <limits>

#include <onnx.pb.h>

#include "graph/ir/op_def.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "graph/onnx/surgery/reshape_sizes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Numbers = std::vector<std::int64_t>;

constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
constexpr const char* kAdvice =
    "; export the model with this size dynamic instead (dynamic_shapes in torch.onnx.export)";

class Follower {
 public:
  Follower(AxisSizes& sizes, AxisEditor& editor, NodeId id)
      : sizes_(sizes), editor_(editor), id_(id), node_(sizes.plain().node(id)) {}

  void run() {
    if (!node_.inputs.empty() && node_.inputs[0].valid() && sizes_.varies_at_all(node_.inputs[0])) {
      const std::string& op = node_.op->name();
      if (op == "Reshape") {
        reshape();
      } else if (op == "Expand") {
        expand();
      } else if (op == "Slice") {
        slice();
      } else if (op == "Resize") {
        resize();
      } else if (node_.op->picking_input == 1) {
        pick();
      }
    }
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(ErrorCode::kUnsupported, "--dynamic-axis: ", node_.origin, " ", parts..., kAdvice);
  }

  // The same numbers for all sizes at this input; nothing: they are computed, or there are none.
  std::optional<Numbers> numbers(std::size_t input) const {
    const ValueId id = input < node_.inputs.size() ? node_.inputs[input] : ValueId{};
    return id.valid() ? sizes_.fixed_numbers(id) : std::nullopt;
  }
  std::int64_t attribute(const char* name, std::int64_t otherwise) const {
    return node_.attrs.get_int(name, otherwise);
  }
  Sizes in(int axis) const { return sizes_.sizes(node_.inputs[0], axis); }
  int rank() const { return sizes_.rank(node_.inputs[0]); }

  // The node in the file, which must have input `input` as the graph has it.
  wire::NodeProto& file(int input) {
    wire::NodeProto* found = nullptr;
    for (const ValueId output : node_.outputs) {
      if (output.valid() && !sizes_.plain().value(output).name.empty() && found == nullptr) {
        found = editor_.maker(sizes_.plain().value(output).name);
      }
    }
    if (found == nullptr || found->op_type() != node_.op->name() || found->input_size() <= input) {
      refuse("holds a size as a number, but is no node of the file itself");
    }
    return *found;
  }

  // `entries` for each choice of sizes: those that vary have a way to be computed.
  void write(std::size_t input, const std::vector<SizeOrNumber>& entries,
             const std::array<Numbers, kSizings>& values) {
    wire::NodeProto& node = file(static_cast<int>(input));
    const std::string made = editor_.numbers(node, node.output(0) + "_sizes", entries);
    editor_.set_input(node, static_cast<int>(input), made);
    sizes_.set_numbers(id_, input, values);
  }

  SizeFormula formula(const Sizes& wanted, int input) {
    const wire::NodeProto& node = file(input);
    const auto made = sizes_.formula(
        wanted, [&](const std::string& value) { return editor_.is_before(value, node); });
    if (!made) {
      refuse("needs the size ", wanted[0],
             " as a number, and it does not follow from those in front of it");
    }
    return *made;
  }

  // 0 is the input's size and -1 what is left over: both need no computation.
  void reshape() {
    const auto target = numbers(1);
    if (!target) {
      return;
    }
    const bool zero_copies = attribute("allowzero", 0) == 0;
    std::vector<Sizes> input;
    std::int64_t left = 1;
    for (int axis = 0; axis < rank(); ++axis) {
      input.push_back(in(axis));
      left *= input.back()[0];
    }
    Numbers output = *target;
    for (std::size_t i = 0; i < output.size(); ++i) {
      if (output[i] == 0 && zero_copies && i < input.size()) {
        output[i] = input[i][0];
      }
      left /= output[i] > 0 ? output[i] : 1;
    }
    std::replace(output.begin(), output.end(), std::int64_t{-1}, left);
    const ReshapeSizes made =
        reshape_sizes(input, output, [&](std::int64_t size) { return sizes_.varying_of(size); });
    if (!made.unclear.empty()) {
      refuse(made.unclear);
    }
    bool follows = true;  // as it is
    std::array<Numbers, kSizings> values;
    std::vector<SizeOrNumber> entries(output.begin(), output.end());
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < output.size(); ++i) {
      for (std::size_t choice = 0; choice < kSizings; ++choice) {
        values[choice].push_back(made.output[i][choice]);
      }
      const bool copies = zero_copies && i < input.size() && input[i] == made.output[i];
      if (varies(made.output[i])) {
        follows = follows && ((*target)[i] == -1 || ((*target)[i] == 0 && copies));
        if (copies) {
          entries[i] = std::int64_t{0};
        } else {
          open.push_back(i);
        }
      } else {
        follows = follows && (*target)[i] != -1 && ((*target)[i] != 0 || copies);
      }
    }
    if (follows) {
      return;
    }
    for (const std::size_t i : open) {
      if (open.size() == 1) {
        entries[i] = std::int64_t{-1};
      } else {
        entries[i] = formula(made.output[i], 1);
      }
    }
    write(1, entries, values);
  }

  // 1 leaves the input's size.
  void expand() {
    const auto target = numbers(1);
    if (!target) {
      return;
    }
    Numbers now = *target;
    for (int axis = 0; axis < rank(); ++axis) {
      const int at = static_cast<int>(now.size()) - rank() + axis;
      if (at >= 0 && varies(in(axis))) {
        now[static_cast<std::size_t>(at)] = 1;
      }
    }
    if (now != *target) {
      write(1, {now.begin(), now.end()}, {now, now, now});
    }
  }

  // An end at the size is the end of the axis. One that is nearer to the end than to the begin may
  // be meant from either.
  void slice() {
    const auto starts = numbers(1), ends = numbers(2);
    if (!starts || !ends) {
      return;
    }
    const auto axes = numbers(3);
    Numbers now = *ends;
    for (std::size_t i = 0; i < now.size(); ++i) {
      const std::int64_t named =
          axes && i < axes->size() ? (*axes)[i] : static_cast<std::int64_t>(i);
      const int axis = static_cast<int>(named < 0 ? named + rank() : named);
      if (axis >= rank() || !varies(in(axis))) {
        continue;
      }
      const std::int64_t size = in(axis)[0];
      const auto is_unclear = [&](std::int64_t place) { return place < size && 2 * place > size; };
      if (is_unclear((*starts)[i]) || is_unclear(now[i])) {
        refuse("takes ", (*starts)[i], " to ", now[i], " of ", size,
               " by number: whether it counts from the end cannot be seen");
      }
      if (now[i] >= size) {
        now[i] = kAll;
      }
    }
    if (now != *ends) {
      write(2, {now.begin(), now.end()}, {now, now, now});
    }
  }

  void resize() {
    constexpr std::size_t kAt = 3;
    const auto target = numbers(kAt);
    if (!target || target->empty()) {
      return;
    }
    const Numbers axes = node_.attrs.get_ints("axes", {});
    std::vector<SizeOrNumber> entries(target->begin(), target->end());
    std::array<Numbers, kSizings> values = {*target, *target, *target};
    bool any = false;
    for (std::size_t i = 0; i < target->size(); ++i) {
      const std::int64_t named = axes.empty() ? static_cast<std::int64_t>(i) : axes[i];
      const Sizes from = in(static_cast<int>(named < 0 ? named + rank() : named));
      if (!varies(from)) {
        continue;
      }
      const Sizes to = resized(from, (*target)[i]);
      entries[i] = formula(to, static_cast<int>(kAt));
      for (std::size_t choice = 0; choice < kSizings; ++choice) {
        values[choice][i] = to[choice];
      }
      any = true;
    }
    if (any) {
      write(kAt, entries, values);
    }
  }

  // By the same factor, or to a size that the model has already.
  Sizes resized(const Sizes& from, std::int64_t to) const {
    Sizes made{};
    bool whole = true;
    for (std::size_t choice = 0; choice < kSizings; ++choice) {
      whole = whole && from[choice] * to % from[0] == 0;
      made[choice] = from[choice] * to / from[0];
    }
    if (whole) {
      return made;
    }
    const std::vector<Sizes> known = sizes_.varying_of(to);
    if (known.size() != 1) {
      refuse("resizes ", from[0], " to ", to, ", which other sizes do not follow from");
    }
    return known[0];
  }

  void pick() {
    const auto indices = numbers(1);
    const std::int64_t named = attribute("axis", 0);
    const Sizes size = in(static_cast<int>(named < 0 ? named + rank() : named));
    if (!indices || !varies(size)) {
      return;
    }
    for (const std::int64_t index : *indices) {
      if (2 * index > size[0]) {
        refuse("picks element ", index, " of ", size[0],
               " by number: whether it counts from the end cannot be seen");
      }
    }
  }

  AxisSizes& sizes_;
  AxisEditor& editor_;
  NodeId id_;
  const Node& node_;
};

}  // namespace

void follow_sizes(AxisSizes& sizes, AxisEditor& editor, NodeId id) {
  Follower(sizes, editor, id).run();
}

}  // namespace temper::graph
