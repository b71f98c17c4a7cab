// Writing trained values back into the file they came from: same graph, names, opset, metadata and
// encodings.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/import.h"
#include "runtime/memory/plain_pieces.h"

namespace temper::wire {
class ModelProto;
}

namespace temper::graph {

// Entries of the file's metadata whose keys begin with `prefix`: these take the place of those it
// has. With an empty prefix all stay.
struct ExportedMetadata {
  std::string prefix;
  std::vector<std::pair<std::string, std::string>> entries;
};
void set_metadata(wire::ModelProto& model, const ExportedMetadata& metadata);

// The elements as one tensor. COST: a copy of them.
Tensor whole_tensor(const PlainValue& value);

// Writes the model to `path` with the tensors of `trained` (by the file's names) replaced;
// unchanged tensors keep their bytes. A file exported in training mode is written in inference form
// (inference_form.h). 16-bit tensors are rounded to nearest even. External data goes to "<stem>-<8
// hex digits of its content>.onnx.data" beside the file, synced before the .onnx takes its name;
// older such files that no .onnx of the folder names are removed afterwards. Written under a
// temporary name, synced and renamed: a reader sees the old pair or the new one. THROWS:
// kInvalidArgument (unknown name, other shape, or a finite value that the file's type cannot hold),
// kIo, kUnsupported (over 2 GiB in one file).
// COST: no whole tensor is in memory: values are asked for a piece at a time, what is not trained
// is read from the file again.
void export_model(const OnnxModel& model, const std::map<std::string, PlainValue>& trained,
                  const std::string& path, const ExportedMetadata& metadata = {});
void export_model(const OnnxModel& model, const std::map<std::string, Tensor>& trained,
                  const std::string& path);

// What export_model() takes in memory beside the values, at most.
std::int64_t export_bytes(const OnnxModel& model);

}  // namespace temper::graph
