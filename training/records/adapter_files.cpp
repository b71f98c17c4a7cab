#include "training/records/adapter_files.h"

#include <cmath>
#include <filesystem>
#include <map>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/files.h"
#include "training/formats/json.h"
#include "training/formats/safetensors.h"

namespace temper::training {
namespace {

constexpr std::uint64_t kMostBytes = 1 << 20;  // of adapter_config.json
constexpr std::string_view kPrefix = "base_model.model.";

// What adapter_config.json says of the factor.
struct PeftConfig {
  std::optional<double> alpha;
  std::vector<std::pair<std::string, double>> alpha_pattern;
  bool by_root = false;  // alpha / sqrt(r)
  double dropout = 0;
};

PeftConfig read_config(const std::filesystem::path& path) {
  PeftConfig config;
  if (!std::filesystem::exists(path)) {
    return config;
  }
  const std::string where = path.string();
  const JsonValue json =
      parse_json(read_text_file(where, kMostBytes), where, ErrorCode::kInvalidModel);
  const auto given = [&](const char* key) {
    const JsonValue* value = json.find(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  };
  if (const JsonValue* kind = given("peft_type")) {
    TEMPER_CHECK(kind->as_string("peft_type") == "LORA", ErrorCode::kUnsupported, "'", where,
                 "' is of peft_type ", kind->as_string("peft_type"), ", expected LORA");
  }
  for (const char* key : {"use_dora", "use_qalora", "use_bdlora", "lora_bias", "velora_config",
                          "alora_invocation_tokens", "target_parameters"}) {
    const JsonValue* value = given(key);
    const bool off = value == nullptr || (value->is_bool() && !value->as_bool(key)) ||
                     (value->is_array() && value->as_array(key).empty());
    TEMPER_CHECK(off, ErrorCode::kUnsupported, "'", where, "' has ", key,
                 ", which is more than x A B alpha / r");
  }
  if (const JsonValue* alpha = given("lora_alpha")) {
    config.alpha = alpha->as_double("lora_alpha");
  }
  if (const JsonValue* root = given("use_rslora")) {
    config.by_root = root->as_bool("use_rslora");
  }
  if (const JsonValue* dropout = given("lora_dropout")) {
    config.dropout = dropout->as_double("lora_dropout");
  }
  if (const JsonValue* patterns = given("alpha_pattern")) {
    for (const JsonMember& one : patterns->as_object("alpha_pattern")) {
      TEMPER_CHECK(one.key.find_first_of("*+?()[]|\\^$") == std::string::npos,
                   ErrorCode::kUnsupported, "'", where, "': alpha_pattern has the expression '",
                   one.key, "', and only names of modules are supported");
      config.alpha_pattern.emplace_back(one.key, one.value.as_double("alpha_pattern"));
    }
  }
  return config;
}

std::optional<double> factor_of(const PeftConfig& config, const std::string& layer,
                                std::int64_t rank) {
  std::optional<double> alpha = config.alpha;
  for (const auto& [module, value] : config.alpha_pattern) {
    if (layer == module || layer.ends_with("." + module)) {
      alpha = value;
      break;
    }
  }
  if (!alpha || rank <= 0) {
    return {};
  }
  const auto r = static_cast<double>(rank);
  return *alpha / (config.by_root ? std::sqrt(r) : r);
}

// Cuts the first `part` out, with what is behind it but for the end: ".lora_A.default.weight".
bool cut(std::string& name, std::string_view part) {
  const std::size_t at = name.find(part);
  if (at == std::string::npos) {
    return false;
  }
  name.resize(at);
  return true;
}

// "X.weight" of what peft calls "X.modules_to_save.default.weight" and "X.base_layer.weight".
std::string plain_name(const std::string& name) {
  for (const std::string_view wrapper :
       {".modules_to_save.default.", ".modules_to_save.", ".base_layer."}) {
    const std::size_t at = name.find(wrapper);
    if (at != std::string::npos) {
      return concat(name.substr(0, at), ".", name.substr(at + wrapper.size()));
    }
  }
  return name;
}

graph::LoraLoad from_safetensors(const std::string& path) {
  const SafetensorsFile file = read_safetensors(path);
  const PeftConfig config =
      read_config(std::filesystem::path(path).parent_path() / "adapter_config.json");
  graph::LoraLoad load;
  load.from = path;
  load.dropout = config.dropout;
  std::map<std::string, graph::LoraAdapter> adapters;
  std::vector<std::string> others;
  for (const auto& [key, tensor] : file.tensors) {
    std::string name = key.starts_with(kPrefix) ? key.substr(kPrefix.size()) : key;
    const bool is_bias = name.find(".lora_") != std::string::npos && name.ends_with(".bias");
    if (is_bias || name.find(".lora_embedding_") != std::string::npos ||
        name.find(".lora_magnitude_vector") != std::string::npos) {
      others.push_back(concat("'", key, "'"));
    } else if (cut(name, ".lora_A")) {
      adapters[name].a = tensor;
    } else if (cut(name, ".lora_B")) {
      adapters[name].b = tensor;
    } else {
      load.tensors.emplace_back(plain_name(name), tensor);
    }
  }
  TEMPER_CHECK(
      others.empty(), ErrorCode::kUnsupported, "'", path,
      "' has adapters of embeddings, with biases or DoRA's magnitudes, which are not supported: ",
      join(others, ", "));
  TEMPER_CHECK(!adapters.empty(), ErrorCode::kInvalidModel, "'", path,
               "' has no adapters: no tensor's name has .lora_A");
  for (auto& [layer, adapter] : adapters) {
    TEMPER_CHECK(adapter.a.defined() && adapter.b.defined(), ErrorCode::kInvalidModel, "'", path,
                 "' has only one of lora_A and lora_B of '", layer, "'");
    adapter.layer = layer;
    const auto factor = file.metadata.find(concat(kPrefix, layer, ".factor"));
    adapter.factor =
        factor != file.metadata.end()
            ? read_number(factor->second)
            : factor_of(config, layer, adapter.a.shape().rank() == 0 ? 0 : adapter.a.shape()[0]);
    load.adapters.push_back(std::move(adapter));
  }
  return load;
}

}  // namespace

void write_adapters(const std::string& path, const std::vector<graph::LoraAdapter>& adapters) {
  std::vector<std::pair<std::string, Tensor>> tensors;
  std::map<std::string, std::string> metadata;
  for (const graph::LoraAdapter& adapter : adapters) {
    const std::string layer = concat(kPrefix, adapter.layer);
    tensors.emplace_back(layer + ".lora_A.weight", adapter.a);
    tensors.emplace_back(layer + ".lora_B.weight", adapter.b);
    if (adapter.factor) {
      metadata[layer + ".factor"] = concat(*adapter.factor);
    }
  }
  write_safetensors(path, tensors, metadata);
}

graph::LoraLoad read_adapters(const std::string& path) {
  if (std::filesystem::is_directory(path)) {
    return from_safetensors((std::filesystem::path(path) / "adapter_model.safetensors").string());
  }
  if (path.ends_with(".onnx")) {
    graph::LoraLoad load;
    load.from = path;
    load.adapters = graph::lora_adapters(graph::OnnxModel::load(path));
    return load;
  }
  return from_safetensors(path);
}

}  // namespace temper::training
