// `--tie`: one tensor in the place of two that an exporter wrote of one, such as an embedding and
// the head that shares it: its Transpose is computed when the file is written.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// A stored weight that is another one once more.
struct WrittenTwice {
  std::string tensor;
  std::string copy;
  bool turned = false;  // the copy is its transpose
};

// Weights of at least two axes that are equal to an embedding, bit for bit, and not all one number.
// Equal weights of other layers are as a rule what copies of a module begin with.
std::vector<WrittenTwice> find_written_twice(ModelEdit& edit);

// What find_written_twice() finds, where `meant`, and weights that are equal and that `also` names
// (may be empty), read one tensor. THROWS: kInvalidArgument when `also` is given and names no two
// equal weights.
void tie(ModelEdit& edit, bool meant, const NameTest& also);

}  // namespace temper::graph
