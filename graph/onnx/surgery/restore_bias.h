// `--restore-bias`: zero biases that an exporter dropped.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/linear_layers.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// The layers without a bias, by their names; not those whose output goes into a BatchNormalization,
// which has one itself.
std::vector<std::string> layers_without_bias(ModelEdit& edit);

// A layer without a bias gets this one, of as many elements as the layer has units: its name.
std::string add_bias(ModelEdit& edit, const LinearLayer& layer, const Tensor& value);

// Those that `match` names (all where it is empty) get a bias of zeros: the outputs stay the same.
// THROWS: kInvalidArgument when there is none.
void restore_bias(ModelEdit& edit, const NameTest& match);

}  // namespace temper::graph
