// `--head-classes N`: the last linear layer of a classifier for other classes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct HeadOptions {
  std::int64_t classes = 0;
  // New class i is the file's class keep[i], by number or by the name that the file's metadata
  // gives it ("names", "classes", "labels" or "id2label"); classes beyond are new.
  std::vector<std::string> keep;
  std::string output;  // whose classifier; empty: the first output's
  std::uint64_t seed = 0;
};

// Goes back from the output through activations, poolings and reshapes to the last Gemm, MatMul or
// Conv. Rows of kept classes keep their bits; weight and bias of new ones are what
// torch.nn.Linear(in, N) has after torch.manual_seed(seed). A weight that others read as well stays
// theirs. THROWS: kUnsupported naming what stands between the output and a layer; kInvalidArgument
// for a class that the file does not have.
void replace_head(ModelEdit& edit, const HeadOptions& options);

}  // namespace temper::graph
