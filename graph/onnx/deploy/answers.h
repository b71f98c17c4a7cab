// What people ask a classifier for, as nodes behind its output: probabilities, the class, its name.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct Answers {
  enum class Scores { kLogits, kLogProbabilities, kProbabilities };  // what the output is now
  Scores scores = Scores::kLogits;
  bool one_class = true;           // of all classes just one holds; else each for itself
  double threshold = 0.5;          // from which a class holds that holds for itself
  std::string output;              // of the model
  std::vector<std::string> names;  // of the classes; empty: none are written into the graph
};

// The output's place is taken by `probabilities` in its shape; as last outputs follow `class` (i64,
// without the axis of the classes), or, of classes for themselves, `labels` (i64 of 0 and 1), and
// `class_name` (strings). Returns the names of the outputs. THROWS: kUnsupported for an output of
// rank 1 or less, or of rank 3 and more before opset 13.
std::vector<std::string> embed_answers(ModelEdit& edit, const Answers& answers);

}  // namespace temper::graph
