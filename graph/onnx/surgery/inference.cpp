#include "graph/onnx/surgery/inference.h"

#include <onnx.pb.h>

#include "graph/onnx/inference_form.h"

namespace temper::graph {

void bring_to_inference(ModelEdit& edit) {
  const std::string before = edit.proto().SerializeAsString();
  to_inference_form(edit.proto());
  edit.note(before == edit.proto().SerializeAsString()
                ? "--inference: no node was in training form"
                : "--inference: nodes in training form are in inference form");
}

}  // namespace temper::graph
