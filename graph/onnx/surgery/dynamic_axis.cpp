#include "graph/onnx/surgery/dynamic_axis.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include <onnx.pb.h>

#include "graph/ir/op_def.h"
#include "graph/onnx/surgery/axis_editor.h"
#include "graph/onnx/surgery/axis_operands.h"
#include "graph/onnx/surgery/axis_sizes.h"
#include "graph/onnx/surgery/axis_targets.h"
#include "graph/onnx/surgery/trial_run.h"
#include "graph/ops/standard_ops.h"
#include "graph/passes/bind_shapes.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

// Of a batch that is a symbol, where nobody says.
constexpr std::int64_t kBatch = 2;

class Axes {
 public:
  Axes(ModelEdit& edit, const std::vector<DynamicAxis>& axes, const Trial& trial)
      : edit_(edit), axes_(axes), trial_(trial), editor_(edit), before_(edit.model()) {}

  void run() {
    TEMPER_CHECK(edit_.opset() >= 11, ErrorCode::kUnsupported,
                 "--dynamic-axis needs opset 11 or later; the file has ", edit_.opset());
    for (const DynamicAxis& axis : axes_) {
      name_axis(axis);
    }
    find_open_dimensions();
    std::unique_ptr<AxisSizes> sizes;
    // Each change of an operand is a new file. More than one for each node would be in circles.
    const int most = 2 * edit_.graph().node_size() + 16;
    for (int round = 0; sizes == nullptr; ++round) {
      TEMPER_CHECK(round < most, ErrorCode::kUnsupported,
                   "--dynamic-axis: the sizes of this model do not settle");
      sizes = pass();
    }
    editor_.finish();
    set_shapes(*sizes);
    note();
    check(*sizes);
  }

 private:
  // The dimension of the file becomes a symbol.
  void name_axis(const DynamicAxis& axis) {
    const std::vector<OnnxValueInfo> inputs = before_.inputs();
    std::vector<std::string> names;
    for (const OnnxValueInfo& input : inputs) {
      names.push_back(concat("'", input.name, "'"));
    }
    const auto found = std::find_if(inputs.begin(), inputs.end(),
                                    [&](const auto& input) { return input.name == axis.input; });
    TEMPER_CHECK(found != inputs.end(), ErrorCode::kInvalidArgument, "--dynamic-axis: no input '",
                 axis.input, "'; there are ", join(names, ", "));
    const auto rank = static_cast<int>(found->dims.size());
    TEMPER_CHECK(axis.axis >= 0 && axis.axis < rank, ErrorCode::kInvalidArgument,
                 "--dynamic-axis: input '", axis.input, "' has the axes 0 to ", rank - 1, ", not ",
                 axis.axis);
    const Dim& dim = found->dims[static_cast<std::size_t>(axis.axis)];
    TEMPER_CHECK(dim.value >= 0, ErrorCode::kInvalidArgument, "--dynamic-axis: axis ", axis.axis,
                 " of input '", axis.input, "' is dynamic already ('", dim.symbol, "')");
    TEMPER_CHECK(dim.value > 1, ErrorCode::kUnsupported, "--dynamic-axis: axis ", axis.axis,
                 " of input '", axis.input, "' is ", dim.value,
                 " in the file, which is too short to see what follows from it");
    const auto [same, is_new] = lengths_.emplace(axis.symbol, dim.value);
    TEMPER_CHECK(same->second == dim.value, ErrorCode::kInvalidArgument, "--dynamic-axis: '",
                 axis.symbol, "' is ", same->second, " and, at axis ", axis.axis, " of input '",
                 axis.input, "', ", dim.value, "; give it another name");
    auto& made = *edit_.find_value_info(axis.input)
                      ->mutable_type()
                      ->mutable_tensor_type()
                      ->mutable_shape()
                      ->mutable_dim(axis.axis);
    made.clear_dim_value();
    made.set_dim_param(axis.symbol);
  }

  void find_open_dimensions() {
    for (const OnnxValueInfo& input : before_.inputs()) {
      for (std::size_t i = 0; i < input.dims.size(); ++i) {
        const Dim& dim = input.dims[i];
        if (dim.value >= 0) {
          continue;
        }
        TEMPER_CHECK(!lengths_.contains(dim.symbol), ErrorCode::kInvalidArgument,
                     "--dynamic-axis: the model has a '", dim.symbol,
                     "' already; give another name");
        const auto given = trial_.symbols.find(dim.symbol);
        if (given != trial_.symbols.end()) {
          open_[dim.symbol] = given->second;
        } else if (i == 0 && !dim.symbol.empty()) {
          open_[dim.symbol] = kBatch;
        }
      }
    }
  }

  // Three sizes of each symbol, in another proportion for each.
  std::map<std::string, Sizes> sizes_of_symbols() const {
    std::map<std::string, Sizes> all;
    for (const auto& [name, size] : open_) {
      all[name] = {size, size, size};
    }
    std::int64_t index = 0;
    for (const auto& [name, size] : lengths_) {
      const Sizes longer = {size, (2 + index) * size, (3 + 2 * index) * size};
      const Sizes shorter = {size, size / 2 - index, size - 1 - index};
      TEMPER_CHECK(!shorter_ || (shorter[1] > 1 && shorter[1] < shorter[2]),
                   ErrorCode::kUnsupported, "--dynamic-axis: '", name, "' is ", size,
                   " in the file, which has a table of so many rows: too short for others");
      all[name] = shorter_ ? shorter : longer;
      ++index;
    }
    return all;
  }

  // Over the model as it is now; null: it was changed, and is to be gone over anew.
  std::unique_ptr<AxisSizes> pass() {
    const OnnxModel now = edit_.model();
    auto sizes = std::make_unique<AxisSizes>(now, sizes_of_symbols(), trial_);
    notes_.clear();
    for (const NodeId id : sizes->order()) {
      const Node& node = sizes->plain().node(id);
      follow_sizes(*sizes, editor_, id);
      warn_of_size(*sizes, node);
      const std::string problem = sizes->infer(id);
      if (problem.empty()) {
        continue;
      }
      const Widened widened = widen_operands(*sizes, editor_, id);
      TEMPER_CHECK(widened != Widened::kNothing && (widened != Widened::kNotLonger || !shorter_),
                   ErrorCode::kUnsupported, "--dynamic-axis: ", node.origin,
                   " takes no other size: ", problem);
      shorter_ = shorter_ || widened == Widened::kNotLonger;
      return nullptr;
    }
    return sizes;
  }

  // A factor of 1 / 128 may be one of 128 places, or may not.
  void warn_of_size(const AxisSizes& sizes, const Node& node) {
    const bool scales =
        node.op->arithmetic == Arithmetic::kMultiply || node.op->arithmetic == Arithmetic::kDivide;
    if (!scales || node.inputs.size() != 2) {
      return;
    }
    for (std::size_t i = 0; i < 2; ++i) {
      const Tensor* factor = sizes.fixed_tensor(node.inputs[i]);
      if (factor == nullptr || factor->element_count() != 1) {
        continue;
      }
      const double value = factor->values<double>()[0];
      for (const auto& [name, size] : lengths_) {
        const auto length = static_cast<double>(size);
        if (value == length || std::abs(value * length - 1) < 1e-6) {
          notes_.push_back(concat(node.origin, " has the factor ", value, ", and '", name, "' is ",
                                  size, " in the file: it stays as it is"));
        }
      }
    }
  }

  void set_shapes(const AxisSizes& sizes) {
    std::map<std::string, ValueId> values;
    for (int i = 0; i < sizes.plain().value_count(); ++i) {
      values[sizes.plain().value(ValueId{i}).name] = ValueId{i};
    }
    const std::map<std::string, Sizes> symbols = sizes_of_symbols();
    for (auto* list : {edit_.graph().mutable_output(), edit_.graph().mutable_value_info()}) {
      for (int i = list->size(); i-- > 0;) {
        wire::ValueInfoProto& info = *list->Mutable(i);
        const auto found = values.find(info.name());
        if (found == values.end() || !sizes.is_known(found->second)) {
          if (list == edit_.graph().mutable_value_info()) {
            list->DeleteSubrange(i, 1);  // of what the graph no longer has
          }
          continue;
        }
        auto& shape = *info.mutable_type()->mutable_tensor_type()->mutable_shape();
        for (int axis = 0; axis < shape.dim_size(); ++axis) {
          const Sizes now = sizes.sizes(found->second, axis);
          if (!varies(now)) {
            continue;
          }
          shape.mutable_dim(axis)->clear_dim_value();
          for (const auto& [name, size] : symbols) {
            if (size == now) {
              shape.mutable_dim(axis)->set_dim_param(name);
            }
          }
        }
      }
    }
  }

  void note() {
    std::vector<std::string> texts;
    for (const auto& [name, size] : lengths_) {
      texts.push_back(concat("'", name, "' in place of ", size, shorter_ ? ", up to that" : ""));
    }
    edit_.note(concat("--dynamic-axis: ", join(texts, ", "), "; ", editor_.changes(),
                      " nodes held what follows from it"));
    for (const std::string& text : notes_) {
      edit_.note(concat("--dynamic-axis: ", text));
    }
  }

  // At the file's size it gives what it gave, at another one what the graph gives whose numbers
  // were changed.
  void check(AxisSizes& sizes) const {
    const OnnxModel after = edit_.model();
    const std::map<std::string, Sizes> symbols = sizes_of_symbols();
    for (std::size_t choice = 0; choice < 2; ++choice) {
      std::map<std::string, std::int64_t> numbers;
      for (const auto& [name, size] : symbols) {
        numbers[name] = size[choice];
      }
      Graph changed = after.build_graph(standard_ops());
      bind_shapes(changed, numbers, 1, trial_.reference);
      Graph expected = sizes.graph(choice);
      if (choice == 0) {
        expected = before_.build_graph(standard_ops());
        bind_shapes(expected, numbers, 1, trial_.reference);
      }
      std::vector<Tensor> inputs;
      for (const ValueId input : changed.inputs) {
        const Value& value = changed.value(input);
        inputs.push_back(trial_samples(value.dtype, value.shape, inputs.size() + 1));
      }
      const std::vector<Tensor> was = trial_outputs(expected, inputs, trial_);
      const std::vector<Tensor> is = trial_outputs(changed, inputs, trial_);
      std::vector<std::string> texts;
      for (const auto& [name, size] : lengths_) {
        texts.push_back(concat(name, " = ", numbers.at(name)));
      }
      for (std::size_t i = 0; i < was.size(); ++i) {
        check_close(changed.outputs[i].name, was[i], is[i], concat("with ", join(texts, ", ")));
      }
    }
  }

  ModelEdit& edit_;
  const std::vector<DynamicAxis>& axes_;
  const Trial& trial_;
  AxisEditor editor_;
  OnnxModel before_;
  std::map<std::string, std::int64_t> lengths_;  // of the symbols that are made
  std::map<std::string, std::int64_t> open_;     // of those that the file has
  bool shorter_ = false;                         // a table allows no more than the file's size
  std::vector<std::string> notes_;
};

}  // namespace

void make_axes_dynamic(ModelEdit& edit, const std::vector<DynamicAxis>& axes, const Trial& trial) {
  Axes(edit, axes, trial).run();
}

}  // namespace temper::graph
