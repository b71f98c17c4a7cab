// `--insert-dropout P`: Dropout, which exporters remove from a model in inference form.
#pragma once

#include <string>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::wire {
class NodeProto;
}

namespace temper::graph {

struct DropoutOptions {
  double ratio = 0.5;
  // Linear layers behind whose activation it comes; none: one Dropout, in front of the last layer.
  NameTest match;
  std::string output;  // whose last layer; empty: the first output's
};

// In inference form: the outputs stay as they are, and training drops. THROWS: kInvalidArgument for
// a ratio outside [0, 1), or when nothing matches.
void insert_dropout(ModelEdit& edit, const DropoutOptions& options);

// The ratio of a Dropout node, which the opset has as an attribute or as a tensor; `stored` is that
// tensor's name after the first call.
void set_dropout_ratio(ModelEdit& edit, wire::NodeProto& node, double ratio, std::string& stored);

}  // namespace temper::graph
