// `temper convert`: the weights of a checkpoint in an ONNX file that was exported from the same
// module, tried out before it is written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/surgery/load_weights.h"
#include "training/analysis/trial.h"

namespace temper::training {

struct ConversionOptions {
  graph::LoadWeightsOptions load;
  std::map<std::string, std::int64_t> symbols;  // sizes for the trial run; others are chosen
  int threads = 1;
};

struct Conversion {
  std::string format;        // of the checkpoint
  std::int64_t tensors = 0;  // of it
  graph::LoadReport report;
  std::vector<TrialOutput> trial;
};

// `checkpoint`: a file (formats/checkpoint_file.h) or the folder of a run, whose newest checkpoint
// counts, its averages under "average.". Writes `out` when the changed model runs and gives finite
// values of the shapes it gave. THROWS: as read_checkpoint_file() and load_weights(); kUnsupported
// when the trial fails, and nothing is written.
Conversion convert_checkpoint(const std::string& checkpoint, const std::string& model,
                              const std::string& out, const ConversionOptions& options);

// Lines "NAME = NAME" of a file, with quotes around names that need them and # in front of
// comments. THROWS: kInvalidArgument naming the line.
std::vector<std::pair<std::string, std::string>> read_name_map(const std::string& path);

}  // namespace temper::training
