#include "graph/onnx/surgery/node_attributes.h"

#include <onnx.pb.h>

namespace temper::graph {
namespace {

constexpr int kFloatAttribute = 1, kIntAttribute = 2, kTextAttribute = 3;  // AttributeType
constexpr int kIntsAttribute = 7;

wire::AttributeProto& attribute_of(wire::NodeProto& node, const char* name, int type) {
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.name() == name) {
      return attribute;
    }
  }
  wire::AttributeProto& made = *node.add_attribute();
  made.set_name(name);
  made.set_type(type);
  return made;
}

}  // namespace

const wire::AttributeProto* find_attribute(const wire::NodeProto& node, const char* name) {
  for (const auto& attribute : node.attribute()) {
    if (attribute.name() == name) {
      return &attribute;
    }
  }
  return nullptr;
}

std::int64_t int_attribute(const wire::NodeProto& node, const char* name, std::int64_t otherwise) {
  const wire::AttributeProto* found = find_attribute(node, name);
  return found != nullptr ? found->i() : otherwise;
}

void set_int(wire::NodeProto& node, const char* name, std::int64_t value) {
  attribute_of(node, name, kIntAttribute).set_i(value);
}

void set_ints(wire::NodeProto& node, const char* name, const std::vector<std::int64_t>& values) {
  wire::AttributeProto& attribute = attribute_of(node, name, kIntsAttribute);
  attribute.mutable_ints()->Assign(values.begin(), values.end());
}

void set_float(wire::NodeProto& node, const char* name, float value) {
  attribute_of(node, name, kFloatAttribute).set_f(value);
}

void set_text(wire::NodeProto& node, const char* name, const char* value) {
  attribute_of(node, name, kTextAttribute).set_s(value);
}

void remove_attribute(wire::NodeProto& node, const char* name) {
  auto& attributes = *node.mutable_attribute();
  for (int i = attributes.size(); i-- > 0;) {
    if (attributes.Get(i).name() == name) {
      attributes.DeleteSubrange(i, 1);
    }
  }
}

}  // namespace temper::graph
