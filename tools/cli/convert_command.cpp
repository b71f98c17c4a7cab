// `temper convert`: the weights of a checkpoint of PyTorch's, or of another kind, in an ONNX file;
// without --into a model in another form.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/folders.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command.h"
#include "tools/cli/convert_gradient.h"
#include "tools/cli/convert_options.h"
#include "tools/cli/convert_training.h"
#include "tools/cli/named_sizes.h"
#include "tools/cli/quick_recipe.h"
#include "tools/cli/trial_lines.h"
#include "training/analysis/conversion.h"
#include "training/analysis/prediction.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using training::JsonValue;

training::ConversionOptions options_of(const Arguments& arguments) {
  training::ConversionOptions options;
  options.threads = static_cast<int>(arguments.integer("--threads", available_processors(), 1));
  options.symbols = named_sizes(arguments, 2);
  options.load.strict = arguments.has("--strict");
  options.load.partial = arguments.has("--partial");
  if (arguments.has("--prefix")) {
    options.load.prefix = arguments.text("--prefix");
  }
  if (arguments.has("--map")) {
    options.load.map = training::read_name_map(arguments.text("--map"));
  }
  if (arguments.has("--batchnorm-epsilon")) {
    const auto epsilon = read_number(arguments.text("--batchnorm-epsilon"));
    TEMPER_CHECK(epsilon && *epsilon >= 0 && *epsilon < 1, ErrorCode::kInvalidArgument,
                 "--batchnorm-epsilon is '", arguments.text("--batchnorm-epsilon"),
                 "', expected a number such as 1e-5");
    options.load.batchnorm_epsilon = *epsilon;
  }
  return options;
}

std::string way_of(const graph::LoadedWeight& row) {
  return concat(row.how, row.transposed ? ", transposed" : "", row.folded.empty() ? "" : ", folded",
                row.added ? ", added" : "", row.guessed ? ", guessed" : "");
}

std::string source_of(const graph::LoadedWeight& row) {
  return row.folded.empty() ? row.from
         : row.from.empty() ? row.folded
                            : concat(row.from, " + ", row.folded);
}

void print_table(const training::Conversion& done) {
  std::size_t name = 5, shape = 5, from = 15;
  for (const graph::LoadedWeight& row : done.report.loaded) {
    name = std::max(name, row.tensor.size());
    shape = std::max(shape, to_string(row.shape).size());
    from = std::max(from, source_of(row).size());
  }
  const auto line = [&](const std::string& a, const std::string& b, const std::string& c,
                        const std::string& d) {
    std::printf("%-*s  %-*s  %-*s  %s\n", static_cast<int>(name), a.c_str(),
                static_cast<int>(shape), b.c_str(), static_cast<int>(from), c.c_str(), d.c_str());
  };
  line("model", "shape", "from checkpoint", "by");
  for (const graph::LoadedWeight& row : done.report.loaded) {
    line(row.tensor, to_string(row.shape), source_of(row), way_of(row));
  }
  for (const auto& [tensor, size] : done.report.left_in_model) {
    line(tensor, to_string(size), "-", "not found: keeps the model's values");
  }
  for (const auto& [tensor, size] : done.report.left_in_checkpoint) {
    line("-", to_string(size), tensor, "no place in the model");
  }
}

std::string summary(const training::Conversion& done) {
  const auto count = [&](const auto& test) {
    return std::count_if(done.report.loaded.begin(), done.report.loaded.end(), test);
  };
  return concat(done.format, ", ", done.tensors, " tensors: ", done.report.loaded.size(),
                " of the model set (", count([](const auto& row) { return row.transposed; }),
                " transposed, ", count([](const auto& row) { return !row.folded.empty(); }),
                " with a BatchNorm folded in, ", count([](const auto& row) { return row.added; }),
                " added, ", count([](const auto& row) { return row.guessed; }), " guessed), ",
                done.report.left_in_model.size(), " keep the model's values, ",
                done.report.left_in_checkpoint.size(), " of the checkpoint have no place");
}

JsonValue names_json(const std::vector<std::pair<std::string, Shape>>& left) {
  JsonValue list = JsonValue::array();
  for (const auto& [name, shape] : left) {
    list.push_back(JsonValue(name));
  }
  return list;
}

const std::vector<OptionSpec>& checkpoint_option_specs() {
  static const std::vector<OptionSpec> specs = {
      {"--map", "FILE", "lines TENSOR = NAME, with NAME[FIRST:END] for rows, NAME^T transposed"},
      {"--prefix", "TEXT", "what stands in front of the checkpoint's names, such as ema.module"},
      {"--partial", "", "weights of the model that the checkpoint has not keep their values"},
      {"--batchnorm-epsilon", "E",
       "of folded BatchNorms where no file says it; 1e-5 when left out"}};
  return specs;
}

void refuse_options(const Arguments& arguments, const std::vector<OptionSpec>& specs,
                    const char* because) {
  for (const OptionSpec& spec : specs) {
    TEMPER_CHECK(!arguments.has(spec.name), ErrorCode::kInvalidArgument, spec.name, " ", because);
  }
}

// The outputs of a model on the data of --check.
std::vector<training::NamedTensor> outputs_on(const std::string& data, const std::string& model) {
  return training::predict(make_quick_recipe({model, data, "", {}})).outputs;
}

// Both models on given data.
std::vector<training::TrialOutput> check_on(const std::string& data, const std::string& before,
                                            const std::string& after) {
  const auto old_outputs = outputs_on(data, before), new_outputs = outputs_on(data, after);
  std::vector<training::TrialOutput> rows;
  for (std::size_t i = 0; i < old_outputs.size(); ++i) {
    rows.push_back(training::compare_outputs(old_outputs[i].first, old_outputs[i].second,
                                             new_outputs[i].second));
  }
  return rows;
}

std::string size_text(std::uint64_t bytes) {
  return bytes < 100'000 ? concat(bytes, " bytes")
                         : concat(fixed_text(static_cast<double>(bytes) / 1e6, 1), " MB");
}

training::Deployment converted(const Arguments& arguments,
                               const training::DeploymentOptions& options) {
  try {
    return training::deploy_model(arguments.positional(0), arguments.positional(1), options);
  } catch (Error& error) {
    if (error.code() == ErrorCode::kInvalidModel && !arguments.positional(0).ends_with(".onnx")) {
      error.add_note("the weights of a checkpoint go into a model by --into MODEL.onnx");
    }
    throw;
  }
}

void print_quality(const training::Deployment& done) {
  for (const training::OutputQuality& output : done.quality) {
    std::printf(
        "calibration data: output '%s' keeps %s dB, differs by %s on average and by %s at "
        "most\n",
        output.name.c_str(), fixed_text(output.signal_to_noise, 1).c_str(),
        digits_text(output.mean_difference, 4).c_str(),
        digits_text(output.largest_difference, 4).c_str());
  }
  if (done.accuracy_after) {
    std::printf("calibration data: accuracy %s before and %s after\n",
                fixed_text(*done.accuracy_before, 4).c_str(),
                fixed_text(*done.accuracy_after, 4).c_str());
  }
  if (!done.sensitivity.empty()) {
    std::printf(
        "what rounding each layer alone leaves of the outputs, the worst first; '--skip "
        "%s' wins most\n",
        done.sensitivity.front().layer.c_str());
  }
  for (const training::LayerSensitivity& one : done.sensitivity) {
    std::printf("  %6s dB  %s\n", fixed_text(one.signal_to_noise, 1).c_str(), one.layer.c_str());
  }
}

// A JSON number, or null where both models are equal.
JsonValue decibels(double value) { return std::isfinite(value) ? JsonValue(value) : JsonValue(); }

void add_quality(const training::Deployment& done, JsonValue& line) {
  JsonValue quality = JsonValue::array(), layers = JsonValue::array();
  for (const training::OutputQuality& output : done.quality) {
    JsonValue row = JsonValue::object();
    row.set("output", output.name);
    row.set("signal_to_noise_db", decibels(output.signal_to_noise));
    row.set("mean_difference", output.mean_difference);
    row.set("largest_difference", output.largest_difference);
    quality.push_back(std::move(row));
  }
  for (const training::LayerSensitivity& one : done.sensitivity) {
    JsonValue row = JsonValue::object();
    row.set("layer", one.layer);
    row.set("signal_to_noise_db", decibels(one.signal_to_noise));
    layers.push_back(std::move(row));
  }
  if (!done.quality.empty()) {
    line.set("calibration", std::move(quality));
  }
  if (done.accuracy_after) {
    line.set("accuracy_before", *done.accuracy_before);
    line.set("accuracy_after", *done.accuracy_after);
  }
  if (!done.sensitivity.empty()) {
    line.set("sensitivity", std::move(layers));
  }
}

int deploy(const Arguments& arguments) {
  const std::string& in = arguments.positional(0);
  TEMPER_CHECK(!file_status(in).is_folder, ErrorCode::kInvalidArgument, in,
               " is a folder: of a run, temper export ", in,
               " MODEL.onnx writes the model, with --weights average its averages; convert that");
  refuse_options(arguments, checkpoint_option_specs(), "is of checkpoints, which need --into");
  training::DeploymentOptions options = deployment_options(arguments);
  if (arguments.has("--check")) {
    options.check = [data = arguments.text("--check")](const std::string& model) {
      return outputs_on(data, model);
    };
  }
  const training::Deployment done = converted(arguments, options);
  if (arguments.has("--json")) {
    JsonValue line = JsonValue::object();
    line.set("out", done.files.front());
    line.set("files", JsonValue::array_of(done.files));
    line.set("bytes_before", static_cast<std::int64_t>(done.bytes_before));
    line.set("bytes_after", static_cast<std::int64_t>(done.bytes_after));
    line.set("trial", outputs_json(done.trial));
    if (options.embed.any()) {
      line.set("embedded", outputs_json(done.embedded));
    }
    if (options.check) {
      line.set("check", outputs_json(done.check));
    }
    add_quality(done, line);
    line.set("notes", JsonValue::array_of(done.notes));
    std::printf("%s\n", line.text().c_str());
    return 0;
  }
  print_outputs("trial", done.trial);
  print_outputs("embedded", done.embedded);
  print_outputs("check", done.check);
  print_quality(done);
  print_notes(done.notes);
  std::printf("%s, %s before\n", size_text(done.bytes_after).c_str(),
              size_text(done.bytes_before).c_str());
  for (const std::string& file : done.files) {
    std::printf("%s\n", file.c_str());
  }
  return 0;
}

int load_checkpoint(const Arguments& arguments) {
  refuse_options(arguments, deployment_option_specs(), "converts a model, which --into does not");
  const std::string& out = arguments.positional(1);
  const std::string model = arguments.text("--into");
  const training::Conversion done =
      training::convert_checkpoint(arguments.positional(0), model, out, options_of(arguments));
  const bool has_check = arguments.has("--check");
  const auto checked = has_check ? check_on(arguments.text("--check"), model, out)
                                 : std::vector<training::TrialOutput>{};
  if (!arguments.has("--json")) {
    print_table(done);
    std::printf("\n%s\n", summary(done).c_str());
    print_outputs("trial", done.trial);
    print_outputs("check", checked);
    print_notes(done.report.notes);
    std::printf("%s\n", out.c_str());
    return 0;
  }
  JsonValue line = JsonValue::object();
  line.set("out", out);
  line.set("format", done.format);
  line.set("prefix", done.report.prefix);
  JsonValue loaded = JsonValue::array();
  for (const graph::LoadedWeight& row : done.report.loaded) {
    JsonValue one = JsonValue::object();
    one.set("tensor", row.tensor);
    one.set("from", row.from);
    one.set("how", row.how);
    one.set("transposed", row.transposed);
    one.set("folded", row.folded);
    one.set("added", row.added);
    one.set("guessed", row.guessed);
    loaded.push_back(std::move(one));
  }
  line.set("loaded", std::move(loaded));
  line.set("left_in_model", names_json(done.report.left_in_model));
  line.set("left_in_checkpoint", names_json(done.report.left_in_checkpoint));
  line.set("trial", outputs_json(done.trial));
  if (has_check) {
    line.set("check", outputs_json(checked));
  }
  line.set("notes", JsonValue::array_of(done.report.notes));
  std::printf("%s\n", line.text().c_str());
  return 0;
}

int run(const Arguments& arguments) {
  if (arguments.has("--training")) {
    return convert_training(arguments);
  }
  if (arguments.has("--gradient")) {
    return convert_gradient(arguments);
  }
  return arguments.has("--into") ? load_checkpoint(arguments) : deploy(arguments);
}

std::vector<OptionSpec> option_specs() {
  std::vector<OptionSpec> specs = {
      {"--into", "MODEL", "the ONNX file whose weights are replaced by a checkpoint's"}};
  const auto add = [&](const std::vector<OptionSpec>& more) {
    specs.insert(specs.end(), more.begin(), more.end());
  };
  add(checkpoint_option_specs());
  specs.push_back(
      {"--strict", "",
       "an error when a tensor is left over on either side, guessed, or not held by --precision"});
  add(deployment_option_specs());
  add(training_option_specs());
  add(gradient_option_specs());
  add({{"--check", "DATA", "runs both models on data, such as an .npz, and compares"},
       {"--threads", "N", "threads; all processors when left out"},
       {"--json", "", "one JSON line, and errors as JSON"}});
  return specs;
}

}  // namespace

Command convert_command() {
  return {
      "convert",
      "weights of a PyTorch checkpoint into an ONNX file; a model into other forms",
      "temper convert CHECKPOINT OUT.onnx --into MODEL.onnx: CHECKPOINT is a file of PyTorch's\n"
      "(.pt, .pth, .ckpt, .bin; nothing of it is executed), .safetensors or its .index.json, "
      ".npz,\n"
      "GGUF, or a run of Temper's. MODEL.onnx was exported from the same module, with any "
      "weights.\n"
      "Prints where each tensor came from; what an exporter folded, turned or left out is done\n"
      "again. docs/convert.md has the rules.\n"
      "temper convert IN.onnx OUT: the model itself in another form; OUT.safetensors and OUT.npz\n"
      "get its weights by name. --embed-preprocessing makes a file that takes bytes and gives\n"
      "answers. docs/deploy.md has the rules.\n"
      "Either way the new model is run before it is written.\n"
      "temper convert RECIPE.toml OUT.onnx --training [KEY=VALUE...]: the recipe's training step,\n"
      "and temper convert IN.onnx OUT.onnx --gradient: a model with its gradients, in operators "
      "of\n"
      "the standard. docs/training_step.md has the rules.\n",
      {{"IN", "the file with the weights, or the ONNX file to convert"},
       {"OUT", "the file to write"},
       {"NAME=SIZE", "sizes of symbolic dimensions, for the trial run", false, true}},
      option_specs(),
      run};
}

}  // namespace temper::cli
