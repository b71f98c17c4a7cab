// A node of a file of one sample that picks within it: in a file of any batch it picks in each
// sample, as passes/picks_in_sample.h does for training.
#pragma once

#include <string>

#include "graph/onnx/surgery/batch_size.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// What is known of the node in a batch of one.
struct PickOfSample {
  Shape data, places;       // of its inputs
  bool computed = false;    // the places are computed from the sample
  bool open_sizes = false;  // the file has dimensions of any size besides the batch
};

// THROWS: kUnsupported for a file of an opset that cannot say it, or with open sizes where the
// pieces picked have more than one dimension.
void pick_in_each_sample(ModelEdit& edit, BatchSize& batch, wire::NodeProto& file,
                         const PickOfSample& pick);

}  // namespace temper::graph
