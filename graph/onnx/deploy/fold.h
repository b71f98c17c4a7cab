// `--fold`: what a model computes in every run alike is computed now, and what does nothing is
// gone.
#pragma once

#include <functional>

#include "graph/onnx/deploy/opset.h"
#include "graph/onnx/surgery/model_edit.h"
#include "runtime/backend/backend.h"

namespace temper::wire {
class NodeProto;
}

namespace temper::graph {

struct FoldOptions {
  // Runs the model as it stands: the types and shapes of its values.
  std::function<KnownValues(const OnnxModel&)> observe;
  const Backend* reference = nullptr;  // computes what is stored
};

// Nodes of the main graph that read stored tensors and fixed sizes alone become initializers, as
// long as the file does not grow by more than a sixteenth and a megabyte; nodes that give what they
// read (Identity, Dropout, Cast to the same type, Reshape to the same shape, ...) are left out;
// BatchNormalization goes into the layer in front of it; what nothing reads any more is removed.
// REQUIRES: both options. THROWS: as a run of the model.
void fold(ModelEdit& edit, const FoldOptions& options);

// A node whose first output is its first input goes, and who reads one reads the other; not where
// an input or a stored tensor of the model would have to be its output. Returns whether it went.
bool leave_out_copy(ModelEdit& edit, const wire::NodeProto& node);

// Nodes that give what they read are left out. Returns how many.
int remove_copies(ModelEdit& edit, const KnownValues& known);

}  // namespace temper::graph
