// `--padding-idx WEIGHT=ROW`: a row of an embedding that does not train, PyTorch's padding_idx.
#pragma once

#include <cstdint>
#include <string>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Where an index is ROW, what the table gives is replaced by a constant of the same values: the
// outputs stay as they are, nothing flows into the row, and whatever an optimizer makes of it (it
// may decay) is never read. THROWS: kInvalidArgument: no such embedding or row; kUnsupported:
// before opset 11.
void freeze_row(ModelEdit& edit, const std::string& weight, std::int64_t row);

}  // namespace temper::graph
