#include "training/input_shapes.h"

namespace temper::training {

void bind_unnamed(graph::Graph& graph, const Dataset& data) {
  for (const graph::ValueId id : graph.inputs) {
    graph::Value& input = graph.value(id);
    for (const Field& field : data.fields()) {
      if (field.is_target || field.name != input.name ||
          field.row_shape.rank() + 1 != static_cast<int>(input.dims.size())) {
        continue;
      }
      for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
        graph::Dim& dim = input.dims[axis];
        if (dim.value < 0 && dim.symbol.empty()) {
          dim.value = field.row_shape[static_cast<int>(axis) - 1];
        }
      }
    }
  }
}

std::map<std::string, std::int64_t> symbols_of(const graph::Graph& graph, const Dataset& data) {
  std::map<std::string, std::int64_t> symbols;
  for (const graph::ValueId id : graph.inputs) {
    const graph::Value& input = graph.value(id);
    for (const Field& field : data.fields()) {
      if (field.is_target || field.name != input.name ||
          field.row_shape.rank() + 1 != static_cast<int>(input.dims.size())) {
        continue;
      }
      for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
        if (input.dims[axis].value < 0 && !input.dims[axis].symbol.empty()) {
          symbols[input.dims[axis].symbol] = field.row_shape[static_cast<int>(axis) - 1];
        }
      }
    }
  }
  return symbols;
}

}  // namespace temper::training
