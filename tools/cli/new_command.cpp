#include "tools/cli/new_command.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <type_traits>
#include <variant>

#include "models/architecture.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using models::Architecture;
using models::ModelOption;

constexpr const char* kSeed = "--seed";
constexpr const char* kOpset = "--opset";

std::string default_text(const ModelOption& option) {
  return std::visit(
      []<class T>(const T& value) -> std::string {
        if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) {
          return join(value, ",");
        } else if constexpr (std::is_same_v<T, std::int64_t> || std::is_same_v<T, double> ||
                             std::is_same_v<T, std::string>) {
          return concat(value);
        } else {
          fail(ErrorCode::kInternal, "an option of a model of a type that none has");
        }
      },
      option.fallback);
}

OptionSpec spec_of(const ModelOption& option) {
  const std::string name = "--" + option.name;
  if (option.is_switch) {
    return {name, "", option.help};
  }
  const bool is_list = std::holds_alternative<std::vector<std::int64_t>>(option.fallback);
  const std::string value = !option.choices.empty() ? join(option.choices, "|")
                            : is_list               ? "N,N,.."
                            : std::holds_alternative<double>(option.fallback) ? "SHARE"
                                                                              : "N";
  return {name, value, concat(option.help, "; ", default_text(option), " when left out")};
}

std::vector<std::int64_t> list_of(const std::string& name, const std::string& typed) {
  std::vector<std::int64_t> list;
  for (std::size_t begin = 0; begin <= typed.size();) {
    const std::size_t end = std::min(typed.find(',', begin), typed.size());
    std::int64_t number = 0;
    const auto [stop, error] = std::from_chars(typed.data() + begin, typed.data() + end, number);
    TEMPER_CHECK(error == std::errc() && stop == typed.data() + end, ErrorCode::kInvalidArgument,
                 name, " takes whole numbers with commas between them, not '", typed, "'");
    list.push_back(number);
    begin = end + 1;
  }
  return list;
}

AttrValue parsed(const Arguments& arguments, const ModelOption& option, const std::string& name) {
  const std::string typed = arguments.text(name);
  if (option.is_switch) {
    return std::int64_t{1};
  }
  if (std::holds_alternative<std::string>(option.fallback)) {
    return typed;
  }
  if (std::holds_alternative<double>(option.fallback)) {
    const std::optional<double> number = read_number(typed);
    TEMPER_CHECK(number.has_value(), ErrorCode::kInvalidArgument, name, " takes a number, not '",
                 typed, "'");
    return *number;
  }
  return std::holds_alternative<std::int64_t>(option.fallback)
             ? AttrValue(arguments.integer(name, 0, option.least))
             : AttrValue(list_of(name, typed));
}

std::string dims_text(const std::vector<graph::Dim>& dims) {
  std::vector<std::string> parts;
  for (const graph::Dim& dim : dims) {
    parts.push_back(dim.value >= 0 ? concat(dim.value) : dim.symbol);
  }
  return concat("[", join(parts, ","), "]");
}

struct PortText {
  std::string name;
  std::string type;
};

std::vector<PortText> inputs_of(const models::FreshModel& model) {
  std::vector<PortText> ports;
  for (const ValueId id : model.graph.inputs) {
    const graph::Value& value = model.graph.value(id);
    ports.push_back({value.name, concat(value.dtype, dims_text(value.dims))});
  }
  return ports;
}

std::vector<PortText> outputs_of(const models::FreshModel& model) {
  std::vector<PortText> ports;
  for (std::size_t i = 0; i < model.graph.outputs.size(); ++i) {
    const graph::Graph::Output& output = model.graph.outputs[i];
    ports.push_back({output.name, concat(model.graph.value(output.value).dtype,
                                         dims_text(model.output_dims[i]))});
  }
  return ports;
}

void print_json(const std::string& path, const models::FreshModel& model) {
  training::JsonValue line = training::JsonValue::object();
  line.set("out", path);
  line.set("architecture", model.graph.name);
  line.set("parameters", models::parameter_count(model));
  line.set("opset", model.opset);
  const auto set_ports = [&](const char* key, const std::vector<PortText>& ports) {
    training::JsonValue named = training::JsonValue::object();
    for (const PortText& port : ports) {
      named.set(port.name, port.type);
    }
    line.set(key, std::move(named));
  };
  set_ports("inputs", inputs_of(model));
  set_ports("outputs", outputs_of(model));
  std::printf("%s\n", line.text().c_str());
}

void print_text(const std::string& path, const models::FreshModel& model) {
  std::printf("%s  %s, %lld parameters, opset %lld\n", path.c_str(), model.graph.name.c_str(),
              static_cast<long long>(models::parameter_count(model)),
              static_cast<long long>(model.opset));
  const auto print = [](const char* what, const std::vector<PortText>& ports) {
    for (const PortText& port : ports) {
      std::printf("%s  %s  %s\n", what, port.name.c_str(), port.type.c_str());
    }
  };
  print("input ", inputs_of(model));
  print("output", outputs_of(model));
}

int run(const Arguments& arguments) {
  const Architecture& architecture = models::find_architecture(arguments.positional(0));
  const std::string& path = arguments.positional(1);
  Attrs given;
  for (const ModelOption& option : architecture.options) {
    if (const std::string name = "--" + option.name; arguments.has(name)) {
      given.set(option.name, parsed(arguments, option, name));
    }
  }
  const std::int64_t seed = arguments.integer(kSeed, 0, 0);
  const std::int64_t opset = arguments.integer(kOpset, models::kDefaultOpset, 1);
  const models::FreshModel model =
      models::make_model(architecture, given, static_cast<std::uint64_t>(seed), opset);
  models::write_model(model, path);
  arguments.has("--json") ? print_json(path, model) : print_text(path, model);
  return 0;
}

const Architecture* named_among(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    for (const Architecture& architecture : models::architectures()) {
      if (architecture.name == word) {
        return &architecture;
      }
    }
  }
  return nullptr;
}

std::string list_of_architectures() {
  std::string text = "Architectures; temper new ARCH --help lists the options of one:";
  std::size_t widest = 0;
  for (const Architecture& architecture : models::architectures()) {
    widest = std::max(widest, architecture.name.size());
  }
  for (const Architecture& architecture : models::architectures()) {
    text += concat("\n  ", architecture.name,
                   std::string(widest + 2 - architecture.name.size(), ' '), architecture.summary);
  }
  return text;
}

}  // namespace

Command new_command(const std::vector<std::string>& words) {
  const bool is_new = !words.empty() && words.front() == "new";
  const Architecture* architecture = is_new ? named_among(words) : nullptr;
  Command command = {
      "new",
      architecture == nullptr ? "a fresh model: its parameters drawn as PyTorch would"
                              : architecture->summary,
      architecture == nullptr ? list_of_architectures() : "",
      {{"ARCH", "the architecture, such as resnet18"}, {"OUT.onnx", "the file to write"}},
      {{kSeed, "N", "of the parameters' values; 0 when left out"},
       {kOpset, "N",
        concat("of the file, ", models::kOldestOpset, " to ", models::kNewestOpset, "; ",
               models::kDefaultOpset, " when left out")},
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
  std::vector<OptionSpec> options;
  const auto take = [&](const Architecture& from) {
    for (const ModelOption& option : from.options) {
      OptionSpec spec = spec_of(option);
      const bool known = std::any_of(options.begin(), options.end(), [&](const OptionSpec& other) {
        return other.name == spec.name;
      });
      if (!known) {
        options.push_back(std::move(spec));
      }
    }
  };
  if (architecture != nullptr) {
    take(*architecture);
  } else if (is_new && words.size() > 1 && !words[1].starts_with("-")) {
    models::find_architecture(words[1]);  // says which there are
  }
  command.options.insert(command.options.begin(), options.begin(), options.end());
  return command;
}

}  // namespace temper::cli
