// What an exporter did to a model, and which edit of `temper prepare` undoes it.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/import.h"

namespace temper::graph {

struct Finding {
  std::string what;                   // "Conv that a BatchNormalization was folded into (2)"
  std::vector<std::string> examples;  // names of layers or tensors, at most three
  std::string edit;                   // "--restore-batchnorm"
};

// In the order of the edits. What cannot be seen in a file, such as a Dropout that was removed, is
// not guessed at. Also of files that need what is not supported.
std::vector<Finding> find_what_exporters_did(const OnnxModel& model);

}  // namespace temper::graph
