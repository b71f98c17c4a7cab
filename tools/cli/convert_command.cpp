// `temper convert`: the weights of a checkpoint of PyTorch's, or of another kind, in an ONNX file.
#include <algorithm>
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command.h"
#include "tools/cli/named_sizes.h"
#include "tools/cli/quick_recipe.h"
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

JsonValue outputs_json(const std::vector<training::TrialOutput>& outputs) {
  JsonValue list = JsonValue::array();
  for (const training::TrialOutput& output : outputs) {
    JsonValue row = JsonValue::object();
    row.set("output", output.name);
    row.set("shape", JsonValue::array_of(output.shape));
    row.set("largest_before", output.before);
    row.set("largest_after", output.after);
    row.set("largest_difference", output.difference);
    list.push_back(std::move(row));
  }
  return list;
}

void print_outputs(const char* what, const std::vector<training::TrialOutput>& outputs) {
  for (const training::TrialOutput& output : outputs) {
    std::printf("%s: output '%s' %s, at most %s before and %s after, differs by %s at most\n", what,
                output.name.c_str(), to_string(output.shape).c_str(),
                digits_text(output.before, 4).c_str(), digits_text(output.after, 4).c_str(),
                digits_text(output.difference, 4).c_str());
  }
}

// Both models on given data.
std::vector<training::TrialOutput> check_on(const std::string& data, const std::string& before,
                                            const std::string& after) {
  const auto outputs_of = [&](const std::string& model) {
    return training::predict(make_quick_recipe({model, data, "", {}})).outputs;
  };
  const auto old_outputs = outputs_of(before), new_outputs = outputs_of(after);
  std::vector<training::TrialOutput> rows;
  for (std::size_t i = 0; i < old_outputs.size(); ++i) {
    rows.push_back(training::compare_outputs(old_outputs[i].first, old_outputs[i].second,
                                             new_outputs[i].second));
  }
  return rows;
}

int run(const Arguments& arguments) {
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

}  // namespace

Command convert_command() {
  return {
      "convert",
      "puts the weights of a PyTorch checkpoint into an ONNX file",
      "CHECKPOINT is a file of PyTorch's (.pt, .pth, .ckpt, .bin; nothing of it is executed),\n"
      ".safetensors or its .index.json, .npz, GGUF, or a run of Temper's. MODEL.onnx was exported\n"
      "from the same module, with any weights. The new model is run before it is written. Prints\n"
      "where each tensor came from; what an exporter folded, turned or left out is done again.\n"
      "docs/convert.md has the rules.\n",
      {{"CHECKPOINT", "the file with the weights"},
       {"OUT", "the ONNX file to write"},
       {"NAME=SIZE", "sizes of symbolic dimensions, for the trial run", false, true}},
      {{"--into", "MODEL", "the ONNX file whose weights are replaced", true},
       {"--map", "FILE", "lines TENSOR = NAME, with NAME[FIRST:END] for rows, NAME^T transposed"},
       {"--prefix", "TEXT", "what stands in front of the checkpoint's names, such as ema.module"},
       {"--partial", "", "weights of the model that the checkpoint has not keep their values"},
       {"--strict", "", "an error when a tensor is left over on either side, or guessed"},
       {"--batchnorm-epsilon", "E",
        "of folded BatchNorms where no file says it; 1e-5 when left out"},
       {"--check", "DATA", "runs both models on data, such as an .npz, and compares"},
       {"--threads", "N", "threads; all processors when left out"},
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
