#include "training/session/data_options.h"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "graph/ir/op_def.h"
#include "runtime/base/error.h"
#include "runtime/base/text_bytes.h"
#include "training/data/data_kind.h"

namespace temper::training {
namespace {

using graph::Graph;
using graph::Value;
using graph::ValueId;

// In the order of kMadeFields.
constexpr MadeField kMade[] = {MadeField::kNone,      MadeField::kMask,  MadeField::kPaddingMask,
                               MadeField::kPositions, MadeField::kZeros, MadeField::kLengths};

// Whether an input is, converted at most, the lengths that a recurrent operator goes along.
bool feeds_lengths(const Graph& graph, ValueId input) {
  for (int i = 0; i < graph.node_count(); ++i) {
    const graph::Node& node = graph.node(graph::NodeId{i});
    constexpr std::size_t kSequenceLens = 4;
    if (node.removed || node.op->state_inputs.empty() || node.inputs.size() <= kSequenceLens) {
      continue;
    }
    ValueId id = node.inputs[kSequenceLens];
    while (id.valid() && graph.value(id).kind == graph::ValueKind::kNode) {
      const graph::Node& made = graph.node(graph.value(id).producer);
      const bool passes = made.op->movement == graph::Movement::kSame ||
                          made.op->movement == graph::Movement::kConvert;
      id = passes ? made.inputs.front() : ValueId{};
    }
    if (id == input) {
      return true;
    }
  }
  return false;
}

// What inputs of these names are in the models that people export.
MadeField made_by_name(const Value& input) {
  std::string name = input.name;
  std::transform(name.begin(), name.end(), name.begin(), ascii_lower);
  const auto is = [&](std::initializer_list<std::string_view> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const bool ranks = input.rank_known && input.dims.size() >= 2;
  if (ranks && is({"attention_mask", "input_mask"})) {
    return MadeField::kMask;
  }
  if (ranks && input.dtype == DType::kBool &&
      is({"key_padding_mask", "src_key_padding_mask", "padding_mask"})) {
    return MadeField::kPaddingMask;
  }
  if (ranks && is_integer(input.dtype) && is({"position_ids"})) {
    return MadeField::kPositions;
  }
  if (ranks && is_integer(input.dtype) && is({"token_type_ids", "segment_ids"})) {
    return MadeField::kZeros;
  }
  return MadeField::kNone;
}

MadeField made_of(const Graph& graph, ValueId id, const std::string& said) {
  if (!said.empty()) {
    const auto* found = std::find(std::begin(kMadeFields), std::end(kMadeFields), said);
    return kMade[found - std::begin(kMadeFields)];
  }
  return feeds_lengths(graph, id) ? MadeField::kLengths : made_by_name(graph.value(id));
}

}  // namespace

DataOptions data_options(const graph::Graph& graph, const Recipe& recipe) {
  DataOptions options{recipe.data, recipe.augment};
  for (const graph::ValueId id : graph.inputs) {
    const graph::Value& input = graph.value(id);
    if (input.port.role == graph::PortRole::kCarriedState) {
      continue;
    }
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
    for (std::size_t axis = 1; axis < input.dims.size(); ++axis) {
      field.row_names.push_back(input.dims[axis].symbol);
    }
    const auto said =
        std::find_if(recipe.data.fields.begin(), recipe.data.fields.end(),
                     [&](const FieldSettings& each) { return each.name == input.name; });
    field.made = made_of(graph, id, said == recipe.data.fields.end() ? "" : said->make);
    options.inputs.push_back(std::move(field));
  }
  for (const FieldSettings& field : recipe.data.fields) {
    const bool known =
        std::any_of(options.inputs.begin(), options.inputs.end(),
                    [&](const WantedField& input) { return input.name == field.name; });
    TEMPER_CHECK(known || field.make.empty(), ErrorCode::kInvalidArgument, "data.field.",
                 field.name, ".make: the model has no input '", field.name, "'");
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
