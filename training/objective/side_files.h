// Files that decide a run's numbers: models and data, and what a recipe names beside them (the
// teacher, losses of a person's own, weights of rows), each with its fingerprint: a run goes on
// with the same ones only.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/import.h"

namespace temper::training {

struct SideFile {
  std::string key;  // "model.path", "loss.file"
  std::string path;
  std::string fingerprint;  // see data/fingerprint.h
};

// Every byte of the file, and of those that hold its external data.
SideFile side_model(std::string key, const graph::OnnxModel& model);
SideFile side_file(std::string key, const std::string& path);

}  // namespace temper::training
