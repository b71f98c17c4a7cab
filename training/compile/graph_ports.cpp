#include "training/compile/graph_ports.h"

#include <utility>

namespace temper::training {
namespace {

void put(std::vector<int>& places, int index, int output) {
  const auto at = static_cast<std::size_t>(index);
  if (places.size() <= at) {
    places.resize(at + 1, -1);
  }
  places[at] = output;
}

}  // namespace

MadeGraph with_ports(graph::Graph graph, std::vector<WatchedLayer> layers) {
  GraphPorts ports;
  ports.layers = std::move(layers);
  for (std::size_t i = 0; i < graph.outputs.size(); ++i) {
    const auto output = static_cast<int>(i);
    const graph::Port port = graph.outputs[i].port;
    switch (port.role) {
      case graph::PortRole::kLoss:
        ports.loss = output;
        break;
      case graph::PortRole::kNorm:
        ports.norm = output;
        break;
      case graph::PortRole::kClippedNorm:
        ports.clipped = output;
        break;
      case graph::PortRole::kOk:
        ports.ok = output;
        break;
      case graph::PortRole::kSpike:
        ports.spike = output;
        break;
      case graph::PortRole::kLossScale:
        ports.loss_scale = output;
        break;
      case graph::PortRole::kAccuracy:
        ports.accuracy = output;
        break;
      case graph::PortRole::kLossSums:
        put(ports.loss_sums, port.index, output);
        break;
      case graph::PortRole::kModelOutput:
        put(ports.model_outputs, port.index, output);
        break;
      case graph::PortRole::kGradient:
        ports.gradients.push_back({port.index, output});
        break;
      case graph::PortRole::kStatistic:
        ports.statistics.push_back({port.index, output});
        break;
      case graph::PortRole::kActivation:
        ports.layers[static_cast<std::size_t>(port.index)].output = output;
        break;
      default:
        break;
    }
  }
  return {std::move(graph), std::move(ports)};
}

}  // namespace temper::training
