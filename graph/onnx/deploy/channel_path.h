// Where the channels that a layer gives go: to one other layer, through what takes each for itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/onnx/surgery/linear_layers.h"

namespace temper::graph {

struct ChannelPath {
  std::string broken;                   // why they do not; empty: they do, and the rest is known
  std::vector<std::string> by_channel;  // tensors [channels] on the way, of BatchNormalization
  std::vector<std::string> targets;     // of Reshape on the way: [N, channels * values_per_channel]
  std::string reader;                   // the weight of the layer behind
  int reader_axis = 0;                  // along which its inputs lie
  std::int64_t values_per_channel = 1;  // inputs of it for each channel
};

ChannelPath channel_path(ModelEdit& edit, const FlatIndex& index, const LinearLayer& layer);

}  // namespace temper::graph
