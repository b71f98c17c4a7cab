#include "graph/onnx/deploy/opset.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/deploy/opset_forms.h"
#include "graph/onnx/deploy/opset_node.h"
#include "graph/onnx/surgery/node_attributes.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kOldest = 7, kNewest = 28;

// The IR version of the release of ONNX that brought the opset.
std::int64_t ir_of_opset(std::int64_t opset) {
  constexpr std::pair<int, int> kVersions[] = {{8, 3},   {9, 4},   {10, 5},  {11, 6},
                                               {14, 7},  {18, 8},  {20, 9},  {22, 10},
                                               {23, 11}, {24, 12}, {27, 13}, {28, 14}};
  for (const auto& [last, ir] : kVersions) {
    if (opset <= last) {
      return ir;
    }
  }
  return 14;
}

// Operators that took fewer types before: whole numbers, or floats.
struct TypesSince {
  const char* op;
  std::int64_t since;
  bool floats;  // came then; else whole numbers and bool did
};
constexpr TypesSince kTypesSince[] = {
    {"Equal", 11, true},  {"Greater", 9, false}, {"Less", 9, false}, {"MatMul", 9, false},
    {"Gemm", 9, false},   {"Max", 12, false},    {"Min", 12, false}, {"Clip", 12, false},
    {"Pow", 12, false},   {"TopK", 11, false},   {"Pad", 11, false}, {"Relu", 14, false},
    {"Flatten", 9, false}};

std::string attribute_text(const wire::AttributeProto& attribute) {
  return attribute.has_s()   ? attribute.s()
         : attribute.has_f() ? digits_text(attribute.f(), 6)
         : attribute.has_i() ? concat(attribute.i())
                             : concat("[", join(attribute.ints(), ", "), "]");
}

// The default of an attribute in a form: nothing when it has none, or is not there.
struct FormAttribute {
  bool there = false;
  std::string otherwise;
};
FormAttribute attribute_in(const OpsetForm& form, std::string_view name) {
  std::string_view rest = form.attributes;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(';'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const std::size_t equals = one.find('=');
    if (one.substr(0, equals) == name) {
      return {true, equals == std::string_view::npos ? "" : std::string(one.substr(equals + 1))};
    }
  }
  return {};
}

bool says(const wire::AttributeProto& attribute, const std::string& text) {
  // Without a default in the schema, and 1 by its text.
  if (attribute.name() == "dilations" || attribute.name() == "strides") {
    return std::all_of(attribute.ints().begin(), attribute.ints().end(),
                       [](std::int64_t one) { return one == 1; });
  }
  if (!attribute.has_f()) {
    return attribute_text(attribute) == text;
  }
  const std::optional<double> number = read_number(text);
  const double value = attribute.f();
  return number && std::abs(value - *number) <= 1e-5 * std::abs(value);
}

class OpsetEdit {
 public:
  OpsetEdit(ModelEdit& edit, const OpsetOptions& options)
      : edit_(edit), from_(edit.opset()), to_(options.opset) {
    TEMPER_CHECK(to_ >= kOldest && to_ <= kNewest, ErrorCode::kInvalidArgument, "--opset is ", to_,
                 ", expected ", kOldest, " to ", kNewest);
    if (from_ != to_) {
      values_ = options.observe(edit.model());
    }
  }

  void run() {
    if (from_ == to_) {
      edit_.note(concat("--opset: the file has opset ", to_, " already"));
      return;
    }
    refuse_parts();
    std::vector<wire::NodeProto*> nodes;
    for (auto& node : *edit_.graph().mutable_node()) {
      nodes.push_back(&node);
    }
    for (wire::NodeProto* node : nodes) {
      if (normal_domain(node->domain()).empty()) {
        convert(*node);
      }
    }
    for (auto& node : *edit_.graph().mutable_node()) {
      if (normal_domain(node.domain()).empty()) {
        fit(node, "");
        look_into(node);
      }
    }
    TEMPER_CHECK(reasons_.empty(), ErrorCode::kUnsupported, "the model cannot be written in opset ",
                 to_, ":\n  ", join(reasons_, "\n  "));
    set_versions();
    edit_.note(concat("--opset: from ", from_, " to ", to_, ", ", rewritten_,
                      " nodes were written in another form"));
  }

 private:
  void refuse_parts() {
    if (edit_.proto().functions_size() > 0) {
      reasons_.push_back("the file has functions of its own, which are not converted");
    }
    for (const auto& tensor : edit_.graph().initializer()) {
      if (to_ < 13 && tensor.data_type() == 16) {
        reasons_.push_back(concat("tensor '", tensor.name(), "' is BFLOAT16, of opset 13"));
      }
    }
  }

  void convert(wire::NodeProto& node) {
    const std::string before = node.SerializeAsString();
    OpsetNode one(edit_, values_, node, from_, to_, reasons_);
    const std::size_t reasons = reasons_.size();
    if (to_ > from_) {
      raise_node(one);
    } else if (!expand_node(one)) {
      lower_node(one);
    }
    rewritten_ += one.removed() || node.SerializeAsString() != before ? 1 : 0;
    if (reasons_.size() > reasons && !one.removed()) {
      refused_.push_back(&node);
    }
  }

  // What is left of the form of another opset is dropped where it says the default.
  void fit(wire::NodeProto& node, const std::string& where) {
    if (std::find(refused_.begin(), refused_.end(), &node) != refused_.end()) {
      return;
    }
    const std::string label = concat(where, node.op_type(), " '",
                                     node.name().empty() ? node.output(0) : node.name(), "'");
    const OpsetForm* form = forms_.find(node.op_type(), to_);
    const OpsetForm* was = forms_.find(node.op_type(), from_);
    if (form == nullptr) {
      reasons_.push_back(concat(label, ": opset ", to_, " has no such operator"));
      return;
    }
    for (int i = node.attribute_size(); i-- > 0;) {
      const wire::AttributeProto& attribute = node.attribute(i);
      if (attribute_in(*form, attribute.name()).there) {
        continue;
      }
      const FormAttribute known =
          was == nullptr ? FormAttribute{} : attribute_in(*was, attribute.name());
      if (known.there && says(attribute, known.otherwise)) {
        node.mutable_attribute()->DeleteSubrange(i, 1);
      } else {
        reasons_.push_back(concat(label, ": opset ", to_, " has no ", attribute.name(), " = ",
                                  attribute_text(attribute)));
      }
    }
    while (node.input_size() > form->most_inputs && node.input(node.input_size() - 1).empty()) {
      node.mutable_input()->RemoveLast();
    }
    if (node.input_size() < form->least_inputs || node.input_size() > form->most_inputs ||
        node.output_size() > form->most_outputs) {
      reasons_.push_back(concat(label, ": in opset ", to_, " it has ", form->least_inputs, " to ",
                                form->most_inputs, " inputs and at most ", form->most_outputs,
                                " outputs, here ", node.input_size(), " and ", node.output_size()));
    }
    check_types(node, label);
  }

  void check_types(const wire::NodeProto& node, const std::string& label) {
    for (const TypesSince& one : kTypesSince) {
      if (node.op_type() != one.op || to_ >= one.since || node.input_size() == 0) {
        continue;
      }
      const DType dtype = dtype_of(node.input(0));
      if (dtype != DType::kUndefined && is_float(dtype) == one.floats) {
        reasons_.push_back(
            concat(label, ": it takes ", to_string(dtype), " from opset ", one.since, " on"));
      }
    }
  }

  DType dtype_of(const std::string& name) {
    if (const wire::TensorProto* tensor = edit_.find_tensor(name)) {
      return graph_dtype(tensor->data_type());
    }
    const auto found = values_.find(name);
    return found == values_.end() ? DType::kUndefined : found->second.dtype;
  }

  // Bodies are not rewritten: what stands in them has to be in both opsets alike.
  void look_into(wire::NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (!attribute.has_g()) {
        continue;
      }
      for (auto& inner : *attribute.mutable_g()->mutable_node()) {
        if (!normal_domain(inner.domain()).empty()) {
          continue;
        }
        const std::string where = concat("in a body of ", node.op_type(), " '", node.name(), "', ");
        const OpsetForm* was = forms_.find(inner.op_type(), from_);
        const OpsetForm* form = forms_.find(inner.op_type(), to_);
        if (was != form) {
          reasons_.push_back(concat(where, inner.op_type(), " '",
                                    inner.output_size() > 0 ? inner.output(0) : inner.name(),
                                    "' is of another form in opset ", to_,
                                    "; bodies are not converted"));
        }
        look_into(inner);
      }
    }
  }

  void set_versions() {
    for (auto& import : *edit_.proto().mutable_opset_import()) {
      if (normal_domain(import.domain()).empty()) {
        import.set_version(to_);
      }
    }
    const std::int64_t ir = ir_of_opset(to_);
    if (to_ < from_ || edit_.proto().ir_version() < ir) {
      edit_.proto().set_ir_version(ir);
    }
  }

  ModelEdit& edit_;
  std::int64_t from_, to_;
  KnownValues values_;
  OpsetForms forms_;
  std::vector<std::string> reasons_;
  std::vector<const wire::NodeProto*> refused_;
  int rewritten_ = 0;
};

}  // namespace

void to_opset(ModelEdit& edit, const OpsetOptions& options) { OpsetEdit(edit, options).run(); }

}  // namespace temper::graph
