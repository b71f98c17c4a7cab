#include "training/session/data_options.h"

namespace temper::training {

DataOptions data_options(const graph::Graph& graph, const Recipe& recipe) {
  const DataSettings& settings = recipe.data;
  DataOptions options;
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
  options.scale = settings.scale;
  options.format = settings.format;
  options.images = {settings.mean,
                    settings.std,
                    recipe.augment,
                    static_cast<std::uint64_t>(settings.seed),
                    settings.resize,
                    settings.crop,
                    settings.interpolation,
                    settings.cache_mb,
                    settings.exif_orientation,
                    {}};
  options.tokens = {settings.token_dtype, settings.block, settings.stride};
  options.records = {settings.pad, settings.truncate, settings.class_names};
  options.table.targets = settings.target;
  options.table.standardize = settings.standardize;
  options.table.categorical = settings.categorical;
  options.table.drop = settings.drop;
  options.table.one_hot = settings.one_hot;
  options.table.fill_missing = settings.fill_missing;
  options.target_path = settings.target_path;
  if (!settings.missing_values.empty()) {
    options.table.csv.missing_values = settings.missing_values;
  }
  options.table.csv.decimal = settings.decimal.front();
  if (!settings.delimiter.empty()) {
    options.table.csv.delimiter = settings.delimiter.front();
  }
  if (settings.header != "auto") {
    options.table.csv.header = settings.header == "yes" ? CsvHeader::kYes : CsvHeader::kNo;
  }
  return options;
}

std::string preprocessing_path(const std::string& model_path) {
  const std::string stem =
      model_path.ends_with(".onnx") ? model_path.substr(0, model_path.size() - 5) : model_path;
  return stem + ".preprocessing.json";
}

}  // namespace temper::training
