#include "training/session/precision.h"

#include "runtime/base/error.h"

namespace temper::training {
namespace {

// The first float64 tensor of the model's weights and inputs, or "".
std::string double_tensor(const graph::Graph& graph) {
  for (int i = 0; i < graph.variable_count(); ++i) {
    const graph::Variable& variable = graph.variable(graph::VariableId{i});
    if (variable.dtype == DType::kFloat64) {
      return variable.name;
    }
  }
  for (const graph::ValueId id : graph.inputs) {
    if (graph.value(id).dtype == DType::kFloat64) {
      return graph.value(id).name;
    }
  }
  return "";
}

}  // namespace

void settle_precision(Recipe& recipe, const graph::Graph& model, const Backend& backend,
                      CompileSettings& settings, std::vector<std::string>& notes) {
  std::string& precision = recipe.train.precision;
  const bool fast = backend.is_fast(DType::kBFloat16);
  const std::string wide = double_tensor(model);
  if (precision == "auto") {
    const bool rounds = recipe.quantize.is_on();
    precision = fast && wide.empty() && !rounds ? "bf16" : "f32";
    notes.push_back(
        concat("train.precision = \"", precision, "\" (",
               !wide.empty() ? concat("'", wide, "' is float64")
               : rounds      ? "[quantize] rounds what float32 gives"
               : fast ? concat("the ", backend.name(), " device multiplies bf16 matrices fastest")
                      : concat("the ", backend.name(), " device has no fast 16-bit arithmetic"),
               ")"));
  }
  settings.precision = precision == "bf16"   ? DType::kBFloat16
                       : precision == "fp16" ? DType::kFloat16
                                             : DType::kFloat32;
  settings.scaler = recipe.scaler;
  TEMPER_CHECK(precision == "f32" || wide.empty(), ErrorCode::kUnsupported, "train.precision = \"",
               precision, "\" mixes 16 bits with float32, but '", wide,
               "' is float64: write train.precision = \"f32\", with which a float64 model trains "
               "in float64");
  if (precision == "fp16" && !recipe.scaler.dynamic) {
    notes.push_back(concat("the loss scale is ", recipe.scaler.init_scale, " in every step"));
  }
}

}  // namespace temper::training
