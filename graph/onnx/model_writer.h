// Writes a parsed model whose large tensors lie elsewhere: protobuf writes the messages, and the
// bytes of the tensors come between them a piece at a time.
#pragma once

#include <map>
#include <string>

#include "graph/onnx/external_writer.h"

namespace temper::wire {
class ModelProto;
class TensorProto;
}  // namespace temper::wire

namespace temper::graph {

// The raw data of initializers of the main graph that are held (held_at).
using HeldData = std::map<const wire::TensorProto*, StreamedBytes>;

// Writes the model to `path`: under a temporary name, synced and renamed. `model` is taken apart.
// REQUIRES: every held tensor is in `held`. THROWS: kIo, kUnsupported (over 2 GiB).
void write_model_file(wire::ModelProto& model, const HeldData& held, const std::string& path);

}  // namespace temper::graph
