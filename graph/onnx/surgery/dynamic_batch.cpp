#include "graph/onnx/surgery/dynamic_batch.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <unordered_map>

#include <onnx.pb.h>

#include "graph/onnx/surgery/batch_size.h"
#include "graph/onnx/surgery/batch_trial.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "graph/onnx/surgery/picks_of_batch.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "graph/passes/rebatch.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

using Numbers = std::vector<std::int64_t>;

// The batch that the trace is made with: so many times the file's.
constexpr std::int64_t kTimes = 3;

class DynamicBatch {
 public:
  DynamicBatch(ModelEdit& edit, const OnnxModel& before, std::int64_t from, const Trial& trial)
      : edit_(edit),
        before_(before),
        from_(from),
        trial_(trial),
        old_(before.build_graph(standard_ops())),
        wide_(old_) {
    bind_shapes(old_, trial.symbols, from, trial.reference);
    rebatch(wide_, trial.symbols, from, from * kTimes, trial.reference, &trace_);
    for (int i = 0; i < old_.value_count(); ++i) {
      if (!old_.value(ValueId{i}).name.empty()) {
        values_[old_.value(ValueId{i}).name] = ValueId{i};
      }
    }
    for (const OnnxValueInfo& input : before.inputs()) {
      for (const Dim& dim : input.dims) {
        has_symbols_ = has_symbols_ || dim.value < 0;
        symbol_ = dim.symbol == symbol_ ? symbol_ + "_size" : symbol_;
      }
    }
    batch_.emplace(edit_, first_input());
  }

  void run() {
    const FlatGraph flat = edit_.flat();
    std::unordered_map<std::string, const FlatNode*> makers;
    for (const FlatNode& node : flat.nodes) {
      for (const std::string& output : node.outputs) {
        makers[output] = &node;
      }
    }
    for (const NodeId id : trace_.rewritten) {
      const Node& node = old_.node(id);
      const auto output = std::find_if(node.outputs.begin(), node.outputs.end(),
                                       [](ValueId id_of) { return id_of.valid(); });
      const auto maker = makers.find(old_.value(*output).name);
      TEMPER_CHECK(maker != makers.end(), ErrorCode::kUnsupported, node.origin,
                   " holds the size of the batch, but is no node of the file itself");
      rewrite(id, edit_.node_of(*maker->second));
    }
    edit_.remove_unread(replaced_);
    set_shapes();
    edit_.note(concat("--dynamic-batch: dimension 0 of the inputs, ", from_,
                      " in the file, is now '", symbol_, "'; ", rewritten_,
                      " nodes held its size as a number"));
    check_any_batch(before_, edit_.model(), trace_, {from_, symbol_}, trial_);
  }

 private:
  const BatchAxis& axis(ValueId id) const {
    return trace_.axes[static_cast<std::size_t>(id.index)];
  }
  const BatchAxis& axis_of(const std::string& name) const {
    static const BatchAxis none;
    const auto found = values_.find(name);
    return found == values_.end() ? none : axis(found->second);
  }
  const Shape& shape_of(const std::string& name) const {
    return old_.value(values_.at(name)).shape;
  }

  void rewrite(NodeId id, wire::NodeProto& file) {
    const std::string& op = file.op_type();
    if (std::find(trace_.picking.begin(), trace_.picking.end(), id) != trace_.picking.end()) {
      const std::vector<ValueId>& inputs = old_.node(id).inputs;
      replaced_.insert(file.input(1));
      pick_in_each_sample(edit_, *batch_, file,
                          {old_.value(inputs[0]).shape, old_.value(inputs[1]).shape,
                           axis(inputs[1]).has_value(), has_symbols_});
      ++rewritten_;
      return;
    }
    if (repeat_shared(id, file)) {
      return;
    }
    if (op == "Reshape") {
      rewrite_reshape(file);
    } else if (op == "Expand") {
      rewrite_expand(file);
    } else if (op == "AffineGrid") {
      rewrite_target(file, 1, 0);
    } else if (op == "Resize") {
      rewrite_resize(file);
    } else if (op == "Slice") {
      rewrite_slice(file);
    } else if (op == "Squeeze") {
      rewrite_squeeze(old_.node(id), file);
    } else {
      fail(ErrorCode::kUnsupported, old_.node(id).origin,
           " holds the size of the batch in a form that prepare cannot make dynamic",
           kRebatchAdvice);
    }
  }

  // What all samples share and the file gives once, such as a class token or a first state, is
  // repeated for each, as rebatching did in the graph. Whether there was such an input.
  bool repeat_shared(NodeId id, wire::NodeProto& file) {
    const std::vector<ValueId>&was = old_.node(id).inputs, &is = wide_.node(id).inputs;
    bool any = false;
    for (std::size_t i = 0; i < std::min(was.size(), is.size()); ++i) {
      if (was[i] == is[i]) {
        continue;
      }
      const Shape &once = old_.value(was[i]).shape, &repeated = wide_.value(is[i]).shape;
      const auto differ = std::mismatch(once.begin(), once.end(), repeated.begin());
      const auto at = static_cast<std::size_t>(differ.first - once.begin());
      const Numbers ones(static_cast<std::size_t>(once.rank()), 1);
      const std::string target = batch_->with_batch(file, ones, at, 1);
      const std::string shared = file.input(static_cast<int>(i));
      const std::string of_each = edit_.unique(shared + "_of_each");
      edit_.insert_before(file, edit_.opset() >= 8 ? "Expand" : "Tile", {shared, target}, of_each);
      set_input(file, static_cast<int>(i), of_each);
      any = true;
    }
    return any;
  }

  // The numbers at an input, as the file has them where it stores them.
  Numbers numbers_at(const wire::NodeProto& file, int input) {
    const std::string& name = file.input(input);
    if (edit_.find_tensor(name) != nullptr) {
      return edit_.integers(name);
    }
    const auto found = values_.find(name);
    TEMPER_CHECK(found != values_.end() && old_.value(found->second).kind == ValueKind::kConstant &&
                     !has_symbols_,
                 ErrorCode::kUnsupported, file.op_type(), " '", file.name(),
                 "' takes its shape from '", name, "', which is computed", kRebatchAdvice);
    return old_.value(found->second).constant.values<std::int64_t>();
  }

  void set_numbers(wire::NodeProto& file, int input, const Numbers& numbers) {
    const std::string name = edit_.unique(file.output(0) + "_shape");
    edit_.add_integers(name, numbers);
    set_input(file, input, name);
  }

  void set_input(wire::NodeProto& file, int input, const std::string& name) {
    replaced_.insert(file.input(input));
    file.set_input(input, name);
    ++rewritten_;
  }

  // The first input that the batch lies in front of.
  std::string first_input() const {
    const auto& inputs = before_.inputs();
    const auto found = std::find_if(inputs.begin(), inputs.end(), [&](const OnnxValueInfo& one) {
      return axis_of(one.name).has_value();
    });
    return found == inputs.end() ? "" : found->name;
  }

  void rewrite_target(wire::NodeProto& file, int input, int at) {
    const Numbers target = numbers_at(file, input);
    set_input(file, input,
              batch_->with_batch(file, target, static_cast<std::size_t>(at),
                                 target[static_cast<std::size_t>(at)] / from_));
  }

  // -1 takes what is left over and 0 the size of the input: both need no computation. A file whose
  // only symbol is the batch can say every other dimension.
  void rewrite_reshape(wire::NodeProto& file) {
    const int at = *axis_of(file.output(0));
    Numbers target = numbers_at(file, 1);
    std::int64_t& size = target[static_cast<std::size_t>(at)];
    const bool zero_copies = int_attribute(file, "allowzero", 0) == 0;
    if (size == -1 || (size == 0 && zero_copies)) {
      return;
    }
    const BatchAxis& before = axis_of(file.input(0));
    const auto free = std::find(target.begin(), target.end(), -1);
    if (free == target.end() || !has_symbols_) {
      if (free != target.end()) {
        *free = shape_of(file.output(0))[static_cast<int>(free - target.begin())];
      }
      size = -1;
      set_numbers(file, 1, target);
    } else if (zero_copies && before && *before == at && shape_of(file.input(0))[at] == size) {
      size = 0;
      set_numbers(file, 1, target);
    } else {
      set_input(file, 1,
                batch_->with_batch(file, target, static_cast<std::size_t>(at), size / from_));
    }
  }

  // 1 leaves the input's size, which is the batch's.
  void rewrite_expand(wire::NodeProto& file) {
    Numbers target = numbers_at(file, 1);
    const int at = *axis_of(file.output(0)) -
                   (shape_of(file.output(0)).rank() - static_cast<int>(target.size()));
    if (at >= 0 && target[static_cast<std::size_t>(at)] != 1) {
      target[static_cast<std::size_t>(at)] = 1;
      set_numbers(file, 1, target);
    }
  }

  void rewrite_resize(wire::NodeProto& file) {
    constexpr int kSizes = 3;
    if (file.input_size() <= kSizes || file.input(kSizes).empty()) {
      return;  // by factors
    }
    int at = *axis_of(file.output(0));
    if (const wire::AttributeProto* axes = find_attribute(file, "axes")) {
      const auto found = std::find(axes->ints().begin(), axes->ints().end(), at);
      if (found == axes->ints().end()) {
        return;
      }
      at = static_cast<int>(found - axes->ints().begin());
    }
    rewrite_target(file, kSizes, at);
  }

  // All of the batch was taken by its number.
  void rewrite_slice(wire::NodeProto& file) {
    const int at = *axis_of(file.output(0));
    const int rank = shape_of(file.output(0)).rank();
    constexpr std::int64_t kAll = std::numeric_limits<std::int64_t>::max();
    const auto place = [&](const Numbers& axes, std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t axis = axes.empty() ? static_cast<std::int64_t>(i) : axes[i];
        if ((axis < 0 ? axis + rank : axis) == at) {
          return i;
        }
      }
      return count;
    };
    if (const wire::AttributeProto* ends = find_attribute(file, "ends")) {
      const wire::AttributeProto* axes = find_attribute(file, "axes");
      Numbers numbers(ends->ints().begin(), ends->ints().end());
      const std::size_t i =
          place(axes != nullptr ? Numbers(axes->ints().begin(), axes->ints().end()) : Numbers{},
                numbers.size());
      if (i < numbers.size()) {
        numbers[i] = kAll;
        set_ints(file, "ends", numbers);
        ++rewritten_;
      }
      return;
    }
    Numbers ends = numbers_at(file, 2);
    const bool has_axes = file.input_size() > 3 && !file.input(3).empty();
    const std::size_t i = place(has_axes ? numbers_at(file, 3) : Numbers{}, ends.size());
    if (i < ends.size() && ends[i] != kAll) {
      ends[i] = kAll;
      set_numbers(file, 2, ends);
    }
  }

  // Without axes it removed the file's dimensions of 1: those, whatever the batch is.
  void rewrite_squeeze(const Node& node, wire::NodeProto& file) {
    const bool by_input = file.input_size() > 1 && !file.input(1).empty();
    if (by_input || find_attribute(file, "axes") != nullptr) {
      return;
    }
    const Numbers axes = node.attrs.get_ints("axes");
    if (edit_.opset() < 13) {
      set_ints(file, "axes", axes);
      ++rewritten_;
      return;
    }
    while (file.input_size() < 2) {
      file.add_input();
    }
    set_numbers(file, 1, axes);
  }

  void set_shapes() {
    for (auto* list : {edit_.graph().mutable_input(), edit_.graph().mutable_output(),
                       edit_.graph().mutable_value_info()}) {
      for (int i = list->size(); i-- > 0;) {
        wire::ValueInfoProto& info = *list->Mutable(i);
        const auto found = values_.find(info.name());
        if (found == values_.end()) {
          if (list == edit_.graph().mutable_value_info()) {
            list->DeleteSubrange(i, 1);  // of what the graph no longer has
          }
          continue;
        }
        const BatchAxis& at = axis(found->second);
        if (at && info.type().tensor_type().shape().dim_size() > *at) {
          auto& dim =
              *info.mutable_type()->mutable_tensor_type()->mutable_shape()->mutable_dim(*at);
          dim.clear_dim_value();
          dim.clear_dim_param();
          if (old_.value(found->second).shape[*at] == from_) {
            dim.set_dim_param(symbol_);
          }
        }
      }
    }
  }

  ModelEdit& edit_;
  const OnnxModel& before_;
  std::int64_t from_;
  const Trial& trial_;
  Graph old_;   // at the file's batch size
  Graph wide_;  // as rebatching leaves it
  BatchTrace trace_;
  std::unordered_map<std::string, ValueId> values_;
  bool has_symbols_ = false;
  std::string symbol_ = "batch";
  std::optional<BatchSize> batch_;
  std::set<std::string> replaced_;
  int rewritten_ = 0;
};

}  // namespace

void make_batch_dynamic(ModelEdit& edit, const Trial& trial) {
  const OnnxModel before = edit.model();
  const BatchInfo batch = before.batch();
  if (batch.kind == BatchInfo::Kind::kSymbolic) {
    edit.note(concat("--dynamic-batch: the batch is dynamic already ('", batch.symbol, "')"));
    return;
  }
  std::string sizes;
  for (const OnnxValueInfo& input : before.inputs()) {
    sizes += concat(sizes.empty() ? "" : ", ", input.name, " ",
                    input.dims.empty() ? "no dimension" : concat(input.dims[0].value));
  }
  TEMPER_CHECK(batch.kind == BatchInfo::Kind::kFixed && batch.value > 0, ErrorCode::kUnsupported,
               "--dynamic-batch needs inputs whose dimension 0 is the batch, of one size in all of "
               "them; here it is: ",
               sizes);
  DynamicBatch(edit, before, batch.value, trial).run();
}

}  // namespace temper::graph
