#include "training/session/data_options.h"

#include "training/data/data_kind.h"

namespace temper::training {

DataOptions data_options(const graph::Graph& graph, const Recipe& recipe) {
  DataOptions options{recipe.data, recipe.augment};
  for (const graph::ValueId id : graph.inputs) {
    const graph::Value& input = graph.value(id);
    WantedField field;
    field.name = input.name;
    field.dtype = input.dtype;
    Shape row;
    bool known = input.rank_known && !input.dims.empty();
    for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
      known = known && input.dims[axis].value >= 0;
      row.push_back(input.dims[axis].value);
    }
    if (known) {
      field.row_shape = row;
    }
    field.row_dims.assign(row.begin(), row.end());
    options.inputs.push_back(std::move(field));
  }
  return options;
}

std::string data_format(const Recipe& recipe) {
  return format_name(find_data(recipe.data.train, recipe.data, DataPart::kTrain).kind);
}

std::string preprocessing_path(const std::string& model_path) {
  const std::string stem =
      model_path.ends_with(".onnx") ? model_path.substr(0, model_path.size() - 5) : model_path;
  return stem + ".preprocessing.json";
}

}  // namespace temper::training
