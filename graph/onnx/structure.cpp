#include "graph/onnx/structure.h"

#include <unordered_set>

#include <onnx.pb.h>

#include "graph/onnx/attributes.h"
#include "graph/onnx/model_file.h"
#include "graph/onnx/onnx_types.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/error.h"
#include "runtime/base/fnv.h"

namespace temper::graph {
namespace {

// Of a message that is too long to show.
std::string fingerprint(const std::string& bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::uint64_t hash = fnv1a64(bytes);
  std::string text;
  for (int i = 0; i < 16; ++i, hash >>= 4) {
    text.insert(text.begin(), kDigits[hash & 15]);
  }
  return text;
}

template <class Values>
std::string list_text(const Values& values) {
  std::string text;
  for (const auto& value : values) {
    text += concat(text.empty() ? "" : ",", value);
  }
  return concat("[", text, "]");
}

std::string tensor_text(const wire::TensorProto& tensor) {
  return concat(onnx_type_name(tensor.data_type()), list_text(tensor.dims()), " ",
                fingerprint(tensor.SerializeAsString()));
}

std::string attribute_text(const wire::AttributeProto& value) {
  if (value.has_f()) {
    return concat(value.f());
  }
  if (value.has_i()) {
    return concat(value.i());
  }
  if (value.has_s()) {
    return concat("\"", value.s(), "\"");
  }
  if (value.floats_size() > 0) {
    return list_text(value.floats());
  }
  if (value.ints_size() > 0) {
    return list_text(value.ints());
  }
  if (value.strings_size() > 0) {
    return list_text(value.strings());
  }
  if (value.has_t()) {
    return tensor_text(value.t());
  }
  if (value.has_g()) {
    return concat("a graph of ", value.g().node_size(), " nodes ",
                  fingerprint(value.g().SerializeAsString()));
  }
  wire::AttributeProto bare = value;
  bare.clear_name();
  bare.clear_doc_string();
  const std::string bytes = bare.SerializeAsString();
  return bytes.size() < 4 ? "[]" : fingerprint(bytes);
}

bool is_stored(const FlatNode& node) {
  return node.op == "Constant" && node.domain.empty() && node.outputs.size() == 1 &&
         (node.find("value") != nullptr ? constant_tensor(node) != nullptr
                                        : constant_problem(node).empty());
}

// The stored type in the words of dtypes.
std::string type_text(std::int32_t file_type) {
  const OnnxTypeFacts& facts = facts_of_type(file_type);
  return facts.dtype == DType::kUndefined ? onnx_type_name(file_type)
                                          : std::string(to_string(facts.dtype));
}

StoredWeight weight_of(const OnnxModel& model, const std::string& name,
                       const wire::TensorProto& proto) {
  StoredWeight weight;
  weight.tensor.name = name;
  weight.type = type_text(proto.data_type());
  const std::string what = tensor_label(name);
  const std::string reason = unsupported_reason(proto);
  if (!reason.empty()) {
    for (const std::int64_t dim : proto.dims()) {
      weight.tensor.shape.push_back(dim);
    }
    weight.tensor.read = [what, reason]() -> Tensor {
      fail(ErrorCode::kUnsupported, what, ": ", reason, " are not supported");
    };
    return weight;
  }
  const TensorHeader header = check_tensor(proto, what);
  weight.tensor.dtype = header.dtype;
  weight.tensor.shape = header.shape;
  weight.tensor.read = [&model, &proto, what] {
    ExternalReader reader(*model.impl().external);
    return decode_tensor(proto, what, &reader);
  };
  return weight;
}

}  // namespace

std::vector<NodeFacts> node_facts(const OnnxModel& model) {
  std::vector<NodeFacts> all;
  for (const FlatNode& node : model.impl().flat.nodes) {
    if (is_stored(node)) {
      continue;
    }
    NodeFacts facts;
    facts.op = node.domain.empty() ? node.op : concat(node.domain, "::", node.op);
    facts.name = node.name;
    facts.label = node.label();
    facts.scope = node.scope;
    facts.inputs = node.inputs;
    facts.outputs = node.outputs;
    for (const FlatAttribute& attribute : node.attributes) {
      facts.attributes[attribute.name] = attribute_text(*attribute.value);
    }
    all.push_back(std::move(facts));
  }
  return all;
}

std::vector<StoredWeight> stored_weights(const OnnxModel& model) {
  std::vector<StoredWeight> all;
  const FlatGraph& flat = model.impl().flat;
  for (const auto& [name, proto] : flat.initializers) {
    all.push_back(weight_of(model, name, *proto));
  }
  for (const FlatNode& node : flat.nodes) {
    if (const wire::TensorProto* proto = constant_tensor(node)) {
      all.push_back(weight_of(model, node.outputs[0], *proto));
    } else if (is_stored(node)) {
      const Tensor value = constant_from_attributes(node, tensor_label(node.outputs[0]));
      all.push_back({{node.outputs[0], value.dtype(), value.shape(), [value] { return value; }},
                     std::string(to_string(value.dtype()))});
    }
  }
  return all;
}

}  // namespace temper::graph
