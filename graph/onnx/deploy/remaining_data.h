// Where the tensors of a converted model lie, when some of them left the file beside it.
#pragma once

#include "graph/onnx/file_form.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// One new data file where initializers of `origin` that lie beside it are gone and others stay: as
// it is, the file would keep the bytes of those that are gone. Else as it is.
FileForm form_of_remaining(const OnnxModel& origin, ModelEdit& edit);

}  // namespace temper::graph
