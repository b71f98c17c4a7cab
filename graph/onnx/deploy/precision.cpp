#include "graph/onnx/deploy/precision.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/deploy/constant_numbers.h"
#include "graph/onnx/deploy/precision_attributes.h"
#include "graph/onnx/deploy/precision_report.h"
#include "graph/onnx/deploy/rename_reads.h"
#include "graph/onnx/deploy/sixteen_bits.h"
#include "graph/onnx/deploy/weight_range.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"

namespace temper::graph {
namespace {

constexpr std::int32_t kFloat = 1, kFloat16Type = 10, kBFloat16Type = 16;  // TensorProto.DataType
class PrecisionEdit {
 public:
  PrecisionEdit(ModelEdit& edit, const PrecisionOptions& options)
      : edit_(edit),
        options_(options),
        low_(options.type == DType::kBFloat16 ? kBFloat16Type : kFloat16Type),
        suffix_(options.type == DType::kBFloat16 ? "_bf16" : "_fp16"),
        smallest_(options.type == DType::kBFloat16 ? 0x1p-126 : 0x1p-14),
        limit_(options.type == DType::kBFloat16 ? 3.3895313892515355e38 : 65504) {}

  void run() {
    refuse_other_types();
    seen_ = options_.observe(edit_.model());
    look_at_tensors();
    decide();
    refuse_outside();
    refuse_edges();
    convert_tensors();
    convert_inputs();
    const std::vector<wire::NodeProto*> nodes = all_nodes();
    for (wire::NodeProto* node : nodes) {
      convert_node(*node);
    }
    convert_value_infos();
    edit_.proto();  // tensors moved
    report();
  }

 private:
  struct Stored {
    bool constant = false;  // of a Constant node
    bool wide = false;      // a reader needs it in float32
    bool narrow = false;    // a reader takes 16 bits
    WeightRange range;
  };

  std::vector<wire::NodeProto*> all_nodes() {
    std::vector<wire::NodeProto*> nodes;
    for (auto& node : *edit_.graph().mutable_node()) {
      nodes.push_back(&node);
    }
    return nodes;
  }

  void refuse_other_types() {
    for (const auto& tensor : edit_.graph().initializer()) {
      TEMPER_CHECK(tensor.data_type() != kFloat16Type && tensor.data_type() != kBFloat16Type,
                   ErrorCode::kUnsupported, "tensor '", tensor.name(), "' has the type ",
                   onnx_type_name(tensor.data_type()),
                   " already; --precision converts models in float32");
    }
  }

  // --- what there is -------------------------------------------------------------
  void look_at_tensors() {
    for (const std::string& name : edit_.initializers()) {
      if (edit_.find_tensor(name)->data_type() == kFloat) {
        stored_[name].range = range_of(edit_.stored(name), options_.type);
      }
    }
    for (auto& node : *edit_.graph().mutable_node()) {
      if (node.op_type() == "Constant" && node.domain().empty() && node.output_size() == 1) {
        if (numbers_to_tensor(node)) {
          edit_.proto();  // another tensor
        }
        const wire::TensorProto* tensor = edit_.find_tensor(node.output(0));
        if (tensor != nullptr && tensor->data_type() == kFloat) {
          Stored& stored = stored_[node.output(0)];
          stored.constant = true;
          stored.range = range_of(edit_.stored(node.output(0)), options_.type);
        }
      }
    }
    for (const auto& input : edit_.graph().input()) {
      if (input.type().tensor_type().elem_type() == kFloat && !stored_.contains(input.name())) {
        type_[input.name()] = kFloat;
      }
    }
  }

  bool is_float(const std::string& name) const {
    return stored_.contains(name) || type_.contains(name) || seen_.contains(name);
  }

  // Too large, or so small altogether that 16 bits keep little of it.
  bool outside(const std::string& name) const {
    const auto tensor = stored_.find(name);
    const auto value = seen_.find(name);
    if (tensor == stored_.end() && value == seen_.end()) {
      return false;
    }
    const double largest = tensor != stored_.end() ? tensor->second.range.largest : value->second;
    return largest > limit_ || (largest > 0 && largest < smallest_);
  }

  // --- which nodes ---------------------------------------------------------------
  bool allowed(const std::string& op) const {
    return allows_sixteen_bits(op, options_.type, edit_.opset());
  }

  bool touches_floats(const wire::NodeProto& node) const {
    const auto any = [&](const auto& names) {
      return std::any_of(names.begin(), names.end(),
                         [&](const std::string& name) { return is_float(name); });
    };
    return any(node.input()) || any(node.output());
  }

  std::string label(const wire::NodeProto& node) const {
    return concat(node.op_type(), " '", node.name().empty() ? node.output(0) : node.name(), "'");
  }

  bool stays_wide(const wire::NodeProto& node) {
    const std::string& op = node.op_type();
    if (!normal_domain(node.domain()).empty() || needs_float32(op)) {
      ++report_.by_nature[node.domain().empty() ? op : node.domain() + "::" + op];
      return true;
    }
    if (!allowed(op)) {
      ++report_.not_allowed[op];
      return true;
    }
    if (options_.keep && (options_.keep(node.name()) || options_.keep(op) ||
                          std::any_of(node.output().begin(), node.output().end(),
                                      [&](const auto& out) { return options_.keep(out); }))) {
      ++report_.asked;
      return true;
    }
    for (const auto* names : {&node.output(), &node.input()}) {
      for (const std::string& name : *names) {
        if (outside(name)) {
          report_.outside.push_back(
              concat(label(node), ": '", name, "' is at most ", largest_text(name)));
          return true;
        }
      }
    }
    return false;
  }

  std::string largest_text(const std::string& name) const {
    const auto tensor = stored_.find(name);
    return digits_text(tensor != stored_.end() ? tensor->second.range.largest : seen_.at(name), 4);
  }

  void decide() {
    for (auto& node : *edit_.graph().mutable_node()) {
      const bool constant =
          node.input_size() == 0 && node.output_size() == 1 && stored_.contains(node.output(0));
      const bool any = takes_any_float(node.op_type()) && normal_domain(node.domain()).empty();
      const bool bodies = std::any_of(node.attribute().begin(), node.attribute().end(),
                                      [](const auto& one) { return one.has_g(); });
      if (constant || (!bodies && !touches_floats(node))) {
        continue;
      }
      const bool gives = std::any_of(node.output().begin(), node.output().end(),
                                     [&](const auto& out) { return is_float(out); });
      const bool wide = (gives || !any) && stays_wide(node);
      if (wide) {
        wide_.insert(&node);
      }
      if (any) {
        continue;
      }
      for (const std::string& input : node.input()) {
        note_reader(input, wide);
      }
      for (const std::string& input : captured(node)) {
        note_reader(input, true);
      }
    }
    for (const auto& output : edit_.graph().output()) {
      note_reader(output.name(), !options_.convert_io);
    }
  }

  void note_reader(const std::string& name, bool wide) {
    const auto found = stored_.find(name);
    if (found != stored_.end()) {
      (wide ? found->second.wide : found->second.narrow) = true;
    }
  }

  std::vector<std::string> captured(const wire::NodeProto& node) const {
    std::vector<std::string> names;
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        for (const std::string& name : reads_of_body(attribute.g())) {
          if (is_float(name)) {
            names.push_back(name);
          }
        }
      }
    }
    return names;
  }

  // Inside, such values stay in float32; at the model's edge --convert-io leaves them no choice.
  void refuse_edges() const {
    if (!options_.convert_io) {
      return;
    }
    for (const auto* infos : {&edit_.graph().input(), &edit_.graph().output()}) {
      for (const auto& info : *infos) {
        TEMPER_CHECK(!outside(info.name()) || stored_.contains(info.name()),
                     ErrorCode::kUnsupported, "'", info.name(), "' is at most ",
                     largest_text(info.name()), ", and 16 bits hold numbers from ",
                     digits_text(smallest_, 3), " to ", digits_text(limit_, 5),
                     "; without --convert-io it stays in float32");
      }
    }
  }

  void refuse_outside() const {
    TEMPER_CHECK(!options_.strict || report_.outside.empty(), ErrorCode::kUnsupported,
                 "these nodes read or give values that 16 bits do not hold, above ",
                 digits_text(limit_, 5), " or all below ", digits_text(smallest_, 3), ": ",
                 some_of(report_.outside), "; without --strict they stay in float32");
  }

  // --- the change ----------------------------------------------------------------
  void convert_tensors() {
    for (auto& [name, stored] : stored_) {
      type_[name] = kFloat;
      if (!stored.narrow) {
        continue;
      }
      if (!stored.wide) {
        edit_.convert_tensor(name, low_, clamped(edit_.stored(name), limit_));
        type_[name] = low_;
        ++report_.converted;
      } else {
        const std::string copy = edit_.unique(name + suffix_);
        edit_.copy_tensor(name, copy);
        edit_.convert_tensor(copy, low_, clamped(edit_.stored(copy), limit_));
        names_[{name, low_}] = copy;
        ++report_.copied;
      }
    }
  }

  void convert_inputs() {
    if (!options_.convert_io) {
      return;
    }
    for (auto& input : *edit_.graph().mutable_input()) {
      if (type_.contains(input.name()) && !stored_.contains(input.name())) {
        input.mutable_type()->mutable_tensor_type()->set_elem_type(low_);
        type_[input.name()] = low_;
      }
    }
  }

  // The name under which a value can be read in this type, in front of `place`.
  std::string as(const std::string& name, std::int32_t type, const wire::NodeProto& place) {
    if (type_.at(name) == type) {
      const auto moved = names_.find({name, type});
      return moved == names_.end() ? name : moved->second;
    }
    const auto known = names_.find({name, type});
    if (known != names_.end()) {
      return known->second;
    }
    const std::string made = edit_.unique(name + (type == low_ ? suffix_ : "_fp32"));
    const std::string from = as(name, type_.at(name), place);
    set_int(edit_.insert_before(place, "Cast", {from}, made), "to", type);
    ++report_.casts;
    names_[{name, type}] = made;
    return made;
  }

  void convert_node(wire::NodeProto& node) {
    if (node.input_size() == 0 && node.output_size() == 1 && stored_.contains(node.output(0))) {
      return;  // a Constant
    }
    const bool wide = wide_.contains(&node);
    const bool any = takes_any_float(node.op_type()) && normal_domain(node.domain()).empty();
    for (std::string& input : *node.mutable_input()) {
      if (type_.contains(input)) {
        input = as(input, any ? type_.at(input) : wide ? kFloat : low_, node);
      }
    }
    if (wide) {
      for (const std::string& name : captured(node)) {
        const std::string now = as(name, kFloat, node);
        if (now != name) {
          rename_in_bodies(node, name, now);
        }
      }
    }
    for (int i = 0; i < node.output_size(); ++i) {
      if (seen_.contains(node.output(i))) {
        // Mean and InvStdDev of LayerNormalization.
        const bool always_wide = node.op_type() == "LayerNormalization" && i > 0;
        give_output(node, i, wide || always_wide ? kFloat : low_);
      }
    }
    if (!wide) {
      ++report_.narrow_nodes;
      convert_attributes(node, low_, limit_, label(node));
    }
  }

  void give_output(wire::NodeProto& node, int index, std::int32_t type) {
    const std::string name = node.output(index);
    type_[name] = type;
    const std::int32_t wanted = options_.convert_io ? low_ : kFloat;
    if (!edit_.is_output(name) || type == wanted) {
      return;
    }
    const std::string made = edit_.unique(name + (type == low_ ? suffix_ : "_fp32"));
    node.set_output(index, made);
    names_[{name, type}] = made;
    names_[{name, wanted}] = name;
    set_int(edit_.insert_after(node, "Cast", {made}, name), "to", wanted);
    ++report_.casts;
  }

  void convert_value_infos() {
    const std::int32_t io = options_.convert_io ? low_ : kFloat;
    const auto set = [&](wire::ValueInfoProto& info, std::int32_t type) {
      if (info.type().has_tensor_type() && info.type().tensor_type().elem_type() == kFloat) {
        info.mutable_type()->mutable_tensor_type()->set_elem_type(type);
      }
    };
    for (auto& info : *edit_.graph().mutable_value_info()) {
      const auto type = type_.find(info.name());
      if (type != type_.end()) {
        set(info, edit_.is_output(info.name()) ? io : type->second);
      }
    }
    for (auto& output : *edit_.graph().mutable_output()) {
      set(output, io);
    }
  }

  void report() {
    for (const auto& [name, stored] : stored_) {
      if (stored.range.underflow > 0 && stored.narrow) {
        report_.underflow.push_back(
            concat("'", name, "' (", stored.range.underflow, " of ", stored.range.elements, ")"));
      }
      if (stored.range.infinite > 0 && stored.narrow && low_ == kFloat16Type) {
        report_.clamped.push_back(concat("'", name, "' (", stored.range.infinite, ")"));
      }
    }
    note_precision(edit_, report_, low_ == kFloat16Type ? "fp16" : "bf16", limit_);
  }

  ModelEdit& edit_;
  const PrecisionOptions& options_;
  std::int32_t low_;
  std::string suffix_;
  double smallest_;  // normal number
  double limit_;
  ObservedValues seen_;
  std::map<std::string, Stored> stored_;
  std::map<std::string, std::int32_t> type_;  // of float32 values of the file, as they are now
  std::map<std::pair<std::string, std::int32_t>, std::string> names_;  // of a value in a type
  std::set<const wire::NodeProto*> wide_;
  PrecisionReport report_;
};

}  // namespace

void to_precision(ModelEdit& edit, const PrecisionOptions& options) {
  PrecisionEdit(edit, options).run();
}

}  // namespace temper::graph
