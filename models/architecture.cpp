#include "models/architecture.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "graph/onnx/graph_writer.h"
#include "models/architecture_list.h"
#include "runtime/base/error.h"

namespace temper::models {
namespace {

// What is wrong with a value, or "".
std::string objection(const ModelOption& option, const AttrValue& value) {
  const auto small = [&](std::int64_t number) { return number < option.least; };
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (option.is_switch) {
      return *number == 0 || *number == 1 ? "" : "must be 0 or 1";
    }
    return small(*number) ? concat("must be at least ", option.least) : "";
  }
  if (const auto* share = std::get_if<double>(&value)) {
    return *share >= 0 && *share < 1 ? "" : "must be from 0 to below 1";
  }
  if (const auto* text = std::get_if<std::string>(&value)) {
    const auto& known = option.choices;
    return std::count(known.begin(), known.end(), *text) > 0
               ? ""
               : concat("must be one of ", join(known, ", "));
  }
  const auto& list = std::get<std::vector<std::int64_t>>(value);
  return list.empty() || std::any_of(list.begin(), list.end(), small)
             ? concat("must be numbers of at least ", option.least, ", such as 64,128")
             : "";
}

}  // namespace

std::span<const Architecture> architectures() {
  static const std::vector<Architecture> all = architecture_list();
  return all;
}

const Architecture& find_architecture(std::string_view name) {
  std::vector<std::string> names;
  for (const Architecture& architecture : architectures()) {
    if (architecture.name == name) {
      return architecture;
    }
    names.push_back(architecture.name);
  }
  fail(ErrorCode::kInvalidArgument, "there is no architecture '", name, "', but ",
       join(names, ", "));
}

Attrs complete_options(const Architecture& architecture, const Attrs& given) {
  Attrs all;
  std::vector<std::string> names;
  for (const ModelOption& option : architecture.options) {
    const AttrValue* value = given.find(option.name);
    TEMPER_CHECK(value == nullptr || value->index() == option.fallback.index(),
                 ErrorCode::kInvalidArgument, "option ", option.name, " of ", architecture.name,
                 " has a value of another type than its default");
    const AttrValue& taken = value == nullptr ? option.fallback : *value;
    const std::string wrong = objection(option, taken);
    TEMPER_CHECK(wrong.empty(), ErrorCode::kInvalidArgument, "option ", option.name, " of ",
                 architecture.name, " ", wrong);
    all.set(option.name, taken);
    names.push_back(option.name);
  }
  for (const auto& [name, value] : given) {
    TEMPER_CHECK(all.has(name), ErrorCode::kInvalidArgument, architecture.name, " has no option '",
                 name, "', but ", join(names, ", "));
  }
  return all;
}

FreshModel make_model(const Architecture& architecture, const Attrs& given, std::uint64_t seed,
                      std::int64_t opset) {
  TEMPER_CHECK(opset >= kOldestOpset && opset <= kNewestOpset, ErrorCode::kInvalidArgument,
               "fresh models are written at opset ", kOldestOpset, " to ", kNewestOpset,
               ", not at ", opset);
  const Attrs options = complete_options(architecture, given);
  Network network(seed, opset);
  architecture.build(network, options);
  FreshModel model = network.take();
  model.graph.name = architecture.name;
  return model;
}

std::int64_t parameter_count(const FreshModel& model) {
  std::int64_t count = 0;
  for (int i = 0; i < model.graph.variable_count(); ++i) {
    const graph::Variable& variable = model.graph.variable(VariableId{i});
    count += variable.is(VariableKind::kParameter) ? variable.shape.element_count() : 0;
  }
  return count;
}

void write_model(const FreshModel& model, const std::string& path) {
  graph::GraphFile file;
  file.opset = model.opset;
  file.output_dims = model.output_dims;
  graph::write_graph(model.graph, file, path);
}

}  // namespace temper::models
