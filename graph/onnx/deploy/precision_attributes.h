// Numbers in the attributes of nodes, for --precision.
#pragma once

#include <cstdint>
#include <string>

namespace temper::wire {
class NodeProto;
}

namespace temper::graph {

// A float32 type or value that a node names, of Cast and ConstantOfShape, becomes the 16-bit type
// `low` (TensorProto.DataType), of at most `limit`. `label`: of the node, for messages.
void convert_attributes(wire::NodeProto& node, std::int32_t low, double limit,
                        const std::string& label);

}  // namespace temper::graph
