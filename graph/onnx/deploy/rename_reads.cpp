#include "graph/onnx/deploy/rename_reads.h"

#include <onnx.pb.h>

namespace temper::graph {

// Files nest no deeper than they are parsed.
void rename_in_body(wire::GraphProto& body, const std::string& from, const std::string& to) {
  for (auto& node : *body.mutable_node()) {
    for (auto& input : *node.mutable_input()) {
      if (input == from) {
        input = to;
      }
    }
    rename_in_bodies(node, from, to);
  }
  for (auto& output : *body.mutable_output()) {
    if (output.name() == from) {
      output.set_name(to);
    }
  }
}

std::set<std::string> reads_of_body(const wire::GraphProto& body) {
  std::set<std::string> reads, own;
  for (const auto& input : body.input()) {
    own.insert(input.name());
  }
  for (const auto& tensor : body.initializer()) {
    own.insert(tensor.name());
  }
  for (const auto& node : body.node()) {
    reads.insert(node.input().begin(), node.input().end());
    own.insert(node.output().begin(), node.output().end());
    for (const auto& attribute : node.attribute()) {
      if (attribute.has_g()) {
        reads.merge(reads_of_body(attribute.g()));
      }
    }
  }
  for (const auto& output : body.output()) {
    reads.insert(output.name());
  }
  for (const std::string& name : own) {
    reads.erase(name);
  }
  reads.erase("");
  return reads;
}

void rename_in_bodies(wire::NodeProto& node, const std::string& from, const std::string& to) {
  for (auto& attribute : *node.mutable_attribute()) {
    if (attribute.has_g()) {
      rename_in_body(*attribute.mutable_g(), from, to);
    }
  }
}

}  // namespace temper::graph
