// What the bodies of If, Loop and Scan read of the graph around them.
#pragma once

#include <set>
#include <string>

namespace temper::wire {
class GraphProto;
class NodeProto;
}  // namespace temper::wire

namespace temper::graph {

// Names that a body, or one inside it, reads and does not give itself.
std::set<std::string> reads_of_body(const wire::GraphProto& body);

// What reads a value in this body, and those inside it, reads another name.
void rename_in_body(wire::GraphProto& body, const std::string& from, const std::string& to);

// The bodies of a node read another name of the graph around them.
void rename_in_bodies(wire::NodeProto& node, const std::string& from, const std::string& to);

}  // namespace temper::graph
