#include "graph/onnx/deploy/opset_fit.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>

#include <onnx.pb.h>

#include "graph/onnx/onnx_types.h"
#include "runtime/base/concat.h"
#include "runtime/base/number_text.h"

namespace temper::graph {
namespace {

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

}  // namespace

bool OpsetFit::is_concerned(const wire::NodeProto& node) const {
  return forms_.find(node.op_type(), change_.from) != forms_.find(node.op_type(), change_.to) ||
         is_missing(node);
}

bool OpsetFit::is_missing(const wire::NodeProto& node) const {
  if (forms_.find(node.op_type(), change_.to) == nullptr) {
    return true;
  }
  const auto refuses = [&](const auto& names, bool outputs) {
    for (int i = 0; i < names.size(); ++i) {
      const std::int32_t type = names.Get(i).empty() ? 0 : change_.facts.type(names.Get(i));
      if (types_.since(node.op_type(), change_.to, outputs, i, type) != change_.to) {
        return true;
      }
    }
    return false;
  };
  return refuses(node.input(), false) || refuses(node.output(), true);
}

void OpsetFit::fit(wire::NodeProto& node, const std::string& where) {
  const std::int64_t to = change_.to;
  const std::string label =
      concat(where, node.op_type(), " '", node.name().empty() ? node.output(0) : node.name(), "'");
  const OpsetForm* form = forms_.find(node.op_type(), to);
  const OpsetForm* was = forms_.find(node.op_type(), change_.from);
  if (form == nullptr) {
    change_.reasons.push_back(concat(label, ": opset ", to, " has no such operator"));
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
      change_.reasons.push_back(concat(label, ": opset ", to, " has no ", attribute.name(), " = ",
                                       attribute_text(attribute)));
    }
  }
  while (node.input_size() > form->most_inputs && node.input(node.input_size() - 1).empty()) {
    node.mutable_input()->RemoveLast();
  }
  if (node.input_size() < form->least_inputs || node.input_size() > form->most_inputs ||
      node.output_size() > form->most_outputs) {
    change_.reasons.push_back(concat(label, ": in opset ", to, " it has ", form->least_inputs,
                                     " to ", form->most_inputs, " inputs and at most ",
                                     form->most_outputs, " outputs, here ", node.input_size(),
                                     " and ", node.output_size()));
  }
  check_types(node, label);
}

void OpsetFit::check_types(const wire::NodeProto& node, const std::string& label) {
  const auto check = [&](const auto& names, bool outputs) {
    for (int i = 0; i < names.size(); ++i) {
      const std::int32_t type = names.Get(i).empty() ? 0 : change_.facts.type(names.Get(i));
      const auto since = types_.since(node.op_type(), change_.to, outputs, i, type);
      if (since != change_.to) {
        change_.reasons.push_back(concat(
            label, ": ", outputs ? "it gives " : "it takes ", onnx_type_name(type), " ('",
            names.Get(i), "') ",
            since ? concat("from opset ", *since, " on") : std::string("in no newer opset")));
        return true;
      }
    }
    return false;
  };
  if (!check(node.input(), false)) {
    check(node.output(), true);
  }
}

}  // namespace temper::graph
