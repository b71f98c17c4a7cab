// Attributes of a node of a file: read, set, removed.
#pragma once

#include <cstdint>
#include <vector>

namespace temper::wire {
class AttributeProto;
class NodeProto;
}  // namespace temper::wire

namespace temper::graph {

const wire::AttributeProto* find_attribute(const wire::NodeProto& node, const char* name);
std::int64_t int_attribute(const wire::NodeProto& node, const char* name, std::int64_t otherwise);
void set_int(wire::NodeProto& node, const char* name, std::int64_t value);
void set_ints(wire::NodeProto& node, const char* name, const std::vector<std::int64_t>& values);
void set_float(wire::NodeProto& node, const char* name, float value);
void set_text(wire::NodeProto& node, const char* name, const char* value);
void remove_attribute(wire::NodeProto& node, const char* name);

}  // namespace temper::graph
