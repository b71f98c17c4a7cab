#include "graph/onnx/deploy/quantize_plan.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <onnx.pb.h>

#include "graph/onnx/places.h"
#include "graph/onnx/surgery/linear_layers.h"
#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1;  // TensorProto.DataType

// Ops with integer kernels where all they read is rounded, beside those told by op_def.h.
constexpr std::array<std::string_view, 2> kPools = {"AveragePool", "GlobalAveragePool"};
constexpr std::array<std::string_view, 2> kRoundedActivations = {"LeakyRelu", "Sigmoid"};

bool is_one_of(const auto& list, const FlatNode& node) {
  return node.domain.empty() && std::find(list.begin(), list.end(), node.op) != list.end();
}

class Planner {
 public:
  Planner(ModelEdit& edit, const QuantizePlanOptions& options)
      : edit_(edit), options_(options), flat_(edit.flat()), index_(flat_) {}

  QuantizePlan run() {
    for (const FlatNode& node : flat_.nodes) {
      if (node.outputs.empty() || node.inlined) {
        continue;
      }
      if (facts_of(node).linear != Linear::kNone) {
        product(node);
      } else if (!options_.only && !is_skipped(node)) {
        passes_on(node);
      }
    }
    check_any();
    order_values();
    return std::move(plan_);
  }

 private:
  bool is_stored(const std::string& name) { return edit_.find_tensor(name) != nullptr; }
  bool is_rounded(const std::string& name) const { return everybody_.contains(name); }
  bool is_skipped(const FlatNode& node) const {
    return options_.skip && !node.name.empty() && options_.skip(node.name);
  }

  void product(const FlatNode& node) {
    if (node.inputs.size() < 2) {
      return;
    }
    const auto layer = linear_layer(edit_, index_, node);
    const std::string name = layer                 ? layer->name()
                             : !node.scope.empty() ? node.scope
                             : !node.name.empty()  ? node.name
                                                   : node.outputs[0];
    const auto meant = [&](const NameTest& test) {
      return layer ? layer->is_meant(test) : test(name) || test(node.name);
    };
    if (options_.only && !meant(options_.only)) {
      return;
    }
    if (options_.skip && meant(options_.skip)) {
      plan_.left.emplace_back(name, options_.skip_option);
      return;
    }
    const std::string why = obstacle(node, layer);
    if (!why.empty()) {
      plan_.left.emplace_back(name, why);
      return;
    }
    QuantizedProduct made;
    made.name = name;
    made.node = node.outputs[0];
    made.input = node.inputs[0];
    read_rounded(made.input, node);
    if (layer) {
      weight_and_bias(node, *layer, made);
    } else {
      made.second = node.inputs[1];
      read_rounded(made.second, node);
    }
    if (facts_of(node).linear == Linear::kConvolution) {
      round_for_everybody(behind_activation(node));
    }
    plan_.products.push_back(std::move(made));
  }

  // Why a product cannot be one of integers; empty: it can.
  std::string obstacle(const FlatNode& node, const std::optional<LinearLayer>& layer) {
    if (is_stored(node.inputs[0])) {
      return "it multiplies a constant";
    }
    if (!layer) {
      if (!facts_of(node).is_bare_product()) {
        return "its weight is not stored in the file";
      }
      if (is_stored(node.inputs[1])) {
        return "its weight is no float matrix";
      }
      return {};
    }
    if (edit_.header(layer->weight).file_type != kFloat) {
      return concat("its weight is ", onnx_type_name(edit_.header(layer->weight).file_type));
    }
    if (edit_.header(layer->weight).elements == 0) {
      return "its weight is empty";
    }
    return {};
  }

  void weight_and_bias(const FlatNode& node, const LinearLayer& layer, QuantizedProduct& made) {
    made.weight = layer.weight;
    const wire::AttributeProto* group = node.find("group");
    const bool groups_of_outputs = layer.kind == Linear::kConvolution && layer.output_axis == 1 &&
                                   group != nullptr && group->i() != 1;
    made.weight_axis = options_.per_channel && !groups_of_outputs ? layer.output_axis : -1;
    if (adds_bias_as_it_is(node) && !layer.bias.empty() &&
        edit_.header(layer.bias).file_type == kFloat) {
      made.bias = layer.bias;
      made.adder = layer.output();
    }
    // Two products may share a weight: one set of scales then.
    const auto [known, is_new] = weight_axes_.emplace(made.weight, made.weight_axis);
    if (!is_new && known->second != made.weight_axis) {
      known->second = -1;
      made.weight_axis = -1;
      for (QuantizedProduct& other : plan_.products) {
        other.weight_axis = other.weight == made.weight ? -1 : other.weight_axis;
      }
    }
  }

  // The value behind a Relu or Clip that alone reads the node: what is cut off there is cut off by
  // the integers' range.
  const std::string& behind_activation(const FlatNode& node) const {
    const std::string& output = node.outputs[0];
    const auto& readers = index_.readers(output);
    if (options_.symmetric || readers.size() != 1 || edit_.is_output(output) ||
        !folds(*readers[0]) || readers[0]->inlined) {
      return output;
    }
    return readers[0]->outputs[0];
  }
  static bool folds(const FlatNode& node) {
    const OpDef& facts = facts_of(node);
    return facts.activation == Activation::kRelu || facts.arithmetic == Arithmetic::kClip;
  }

  void passes_on(const FlatNode& node) {
    const std::string& output = node.outputs[0];
    if (is_rounded(output) || node.inputs.empty()) {
      return;
    }
    const OpDef& facts = facts_of(node);
    if (facts.arithmetic == Arithmetic::kAdd || facts.arithmetic == Arithmetic::kMultiply ||
        facts.movement == Movement::kJoin) {
      const bool all = facts.movement != Movement::kJoin || node.op == "Concat";
      if (all && std::all_of(node.inputs.begin(), node.inputs.end(),
                             [&](const std::string& x) { return is_rounded(x); })) {
        round_for_everybody(behind_activation(node));
      }
      return;
    }
    if (!is_rounded(node.inputs[0])) {
      return;
    }
    if (folds(node) || is_one_of(kPools, node) || is_one_of(kRoundedActivations, node)) {
      round_for_everybody(output);
    } else if (keeps_numbers(node, facts)) {
      for (const std::string& one : node.outputs) {
        if (!one.empty()) {
          round_for_everybody(one);
          plan_.same_as[one] = node.inputs[0];
        }
      }
    }
  }

  // Whether all that it gives are numbers of input 0.
  static bool keeps_numbers(const FlatNode& node, const OpDef& facts) {
    if (node.op == "MaxPool") {
      return node.outputs.size() == 1;
    }
    return facts.movement == Movement::kSame || facts.movement == Movement::kReshape ||
           facts.movement == Movement::kPermute || facts.movement == Movement::kPart;
  }

  void read_rounded(const std::string& value, const FlatNode& node) {
    if (!is_rounded(value)) {
      plan_.readers[value].insert(node.outputs[0]);
    }
    rounded_.insert(value);
  }

  void round_for_everybody(const std::string& value) {
    everybody_.insert(value);
    rounded_.insert(value);
    plan_.readers.erase(value);
  }

  void check_any() {
    if (!plan_.products.empty()) {
      return;
    }
    std::string reasons;
    for (const auto& [name, why] : plan_.left) {
      reasons += concat("\n  ", name, ": ", why);
    }
    fail(options_.skip || options_.only ? ErrorCode::kInvalidArgument : ErrorCode::kUnsupported,
         "no Conv, Gemm or MatMul of the model is left to quantise", reasons);
  }

  void order_values() {
    const auto take = [&](const std::string& name) {
      const bool is_read = !index_.readers(name).empty() || edit_.is_output(name);
      if (rounded_.erase(name) > 0 && is_read) {
        plan_.values.push_back(name);
      }
    };
    for (const auto& input : edit_.graph().input()) {
      take(input.name());
    }
    for (const FlatNode& node : flat_.nodes) {
      for (const std::string& output : node.outputs) {
        take(output);
      }
    }
  }

  ModelEdit& edit_;
  const QuantizePlanOptions& options_;
  FlatGraph flat_;
  FlatIndex index_;
  std::set<std::string> rounded_, everybody_;
  std::map<std::string, int> weight_axes_;
  QuantizePlan plan_;
};

}  // namespace

const std::string& root_of(const QuantizePlan& plan, const std::string& value) {
  const auto found = plan.same_as.find(value);
  return found == plan.same_as.end() ? value : root_of(plan, found->second);
}

float factor_of(const FlatNode& node, const char* name) {
  const wire::AttributeProto* found = node.find(name);
  return found == nullptr ? 1 : found->f();
}

bool adds_bias_as_it_is(const FlatNode& node) {
  return factor_of(node, "alpha") == 1 && factor_of(node, "beta") == 1;
}

QuantizePlan plan_quantization(ModelEdit& edit, const QuantizePlanOptions& options) {
  return Planner(edit, options).run();
}

}  // namespace temper::graph
