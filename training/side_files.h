// Files beside model and data that decide a run's numbers (the teacher, losses of a person's own,
// weights of rows), each with its hash: a run goes on with the same ones only.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/import.h"

namespace temper::training {

struct SideFile {
  std::string key;  // "loss.teacher.model", "loss.file"
  std::string path;
  std::string sha256;
};

// The SHA-256 of the file; with external data of the file and all its tensors.
SideFile side_model(std::string key, const graph::OnnxModel& model, const graph::Graph& graph);
SideFile side_file(std::string key, const std::string& path);

}  // namespace temper::training
