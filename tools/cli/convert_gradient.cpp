#include "tools/cli/convert_gradient.h"

#include <cstdio>

#include "runtime/base/error.h"
#include "tools/cli/named_sizes.h"
#include "tools/cli/quick_recipe.h"
#include "training/analysis/gradient_model.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::GradientModelReport;
using training::JsonValue;

GradientModelReport write_model(const Arguments& arguments) {
  training::GradientOptions of;
  if (arguments.has("--wrt")) {
    of.wrt = {arguments.text("--wrt")};
  }
  of.inputs = arguments.has("--inputs");
  const std::string& model = arguments.positional(0);
  const std::string& out = arguments.positional(1);
  if (arguments.has("--data")) {
    const training::Recipe recipe = make_quick_recipe(
        {model, arguments.text("--data"), arguments.text("--loss"), parameters_of(arguments, 2)});
    return training::write_loss_gradient(recipe, of, arguments.integer("--batch", 0, 1), out);
  }
  TEMPER_CHECK(!arguments.has("--loss"), ErrorCode::kInvalidArgument,
               "--loss needs --data, which say of what shape and type the target is; without both "
               "the gradients are those of sum(output * cotangent)");
  return training::write_jacobian_product(
      model, {of, arguments.integer("--batch", 1, 1), named_sizes(arguments, 2), {}}, out);
}

}  // namespace

const std::vector<OptionSpec>& gradient_option_specs() {
  static const std::vector<OptionSpec> specs = {
      {"--gradient", "", "writes a model that gives gradients too: docs/training_step.md"},
      {"--data", "DATA", "with --gradient: inputs and `target` of a loss, such as an .npz"},
      {"--loss", "NAME", "with --data: such as mse; inferred from the target when left out"},
      {"--wrt", "PATTERN", "with --gradient: of which tensors; the trainable when left out"},
      {"--inputs", "", "with --gradient: also of the float inputs; alone without --wrt"},
      {"--batch", "N", "with --gradient: rows of a batch; else N samples at a time, or dynamic"}};
  return specs;
}

int convert_gradient(const Arguments& arguments) {
  const GradientModelReport report = write_model(arguments);
  if (arguments.has("--json")) {
    JsonValue line = JsonValue::object();
    line.set("out", arguments.positional(1));
    line.set("opset", report.opset);
    line.set("nodes", report.nodes);
    line.set("batch", report.batch);
    line.set("inputs", JsonValue::array_of(report.inputs));
    line.set("outputs", JsonValue::array_of(report.outputs));
    line.set("notes", JsonValue::array_of(report.notes));
    std::printf("%s\n", line.text().c_str());
    return 0;
  }
  print_notes(report.notes);
  std::printf("%lld nodes of opset %lld for batches of %lld\ntakes %s\ngives %s\n%s\n",
              static_cast<long long>(report.nodes), static_cast<long long>(report.opset),
              static_cast<long long>(report.batch), join(report.inputs, ", ").c_str(),
              join(report.outputs, ", ").c_str(), arguments.positional(1).c_str());
  return 0;
}

}  // namespace temper::cli
