// `temper grad`: loss and gradients of one batch.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runtime/base/number_text.h"
#include "tools/cli/command.h"
#include "tools/cli/device_option.h"
#include "tools/cli/quick_recipe.h"
#include "training/analysis/gradients.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::Gradients;
using training::NamedTensor;

double norm_of(const Tensor& tensor) {
  double sum = 0;
  for (const double value : tensor.values<double>()) {
    sum += value * value;
  }
  return std::sqrt(sum);
}

void write_file(const std::string& path, const Gradients& gradients) {
  std::vector<NamedTensor> arrays = {{"loss", Tensor::scalar(DType::kFloat64, gradients.loss)}};
  arrays.insert(arrays.end(), gradients.tensors.begin(), gradients.tensors.end());
  training::write_npz(path, arrays);
}

void print_json(const Gradients& gradients) {
  training::JsonValue norms = training::JsonValue::object();
  for (const auto& [name, tensor] : gradients.tensors) {
    norms.set(name, norm_of(tensor));
  }
  training::JsonValue line = training::JsonValue::object();
  line.set("loss", gradients.loss);
  line.set("gradient_norms", std::move(norms));
  std::printf("%s\n", line.text().c_str());
}

void print_table(const Gradients& gradients) {
  std::printf("loss %s\n", digits_text(gradients.loss, 9).c_str());
  std::size_t width = 6;
  for (const auto& [name, tensor] : gradients.tensors) {
    width = std::max(width, name.size());
  }
  const int columns = static_cast<int>(width);
  std::printf("%-*s  %14s  %s\n", columns, "tensor", "gradient norm", "shape");
  for (const auto& [name, tensor] : gradients.tensors) {
    std::printf("%-*s  %14s  %s\n", columns, name.c_str(), digits_text(norm_of(tensor), 8).c_str(),
                concat(tensor.shape()).c_str());
  }
}

int run(const Arguments& arguments) {
  const auto [data, parameters] = required_data(arguments, 1, "temper grad");
  const QuickRecipe quick{arguments.positional(0), data, arguments.text("--loss"), parameters};
  training::Recipe recipe = make_quick_recipe(quick);
  recipe.train.threads = arguments.integer("--threads", recipe.train.threads, 1);
  take_device(arguments, recipe);
  training::GradientOptions options;
  if (arguments.has("--wrt")) {
    options.wrt = {arguments.text("--wrt")};
  }
  options.inputs = arguments.has("--inputs");
  const Gradients gradients = training::compute_gradients(recipe, options);
  print_notes(gradients.notes);
  if (arguments.has("--out")) {
    write_file(arguments.text("--out"), gradients);
  }
  arguments.has("--json") ? print_json(gradients) : print_table(gradients);
  return 0;
}

}  // namespace

Command grad_command() {
  return {
      "grad",
      "loss and gradients of one batch, by tensor name",
      "The whole file is one batch; training mode with Dropout off. G.npz holds `loss` and one "
      "array per trainable\n"
      "tensor. Loss parameters: key=value, such as label_smoothing=0.1.",
      {{"MODEL", "the ONNX file"},
       {"DATA|KEY=VALUE",
        "inputs and `target`, such as an .npz; then parameters of the loss, or any key of a recipe",
        false, true}},
      {{"--data", "FILE", "DATA, as an option"},
       {"--loss", "NAME", "such as mse or cross_entropy; inferred from the target when left out"},
       {"--out", "G.npz", "where the loss and the gradients go"},
       {"--wrt", "PATTERN", "other float tensors; '**' is all of them"},
       {"--inputs", "", "also the gradients of the float inputs, as input:NAME"},
       {"--threads", "N", "threads; all processors when left out"},
       device_option(),
       {"--json", "", "results and errors as JSON"}},
      run};
}

}  // namespace temper::cli
