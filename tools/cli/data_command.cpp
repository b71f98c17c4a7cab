// `temper data check` and `temper data show`: what a recipe's data hold, and what the model sees of
// them.
#include <algorithm>
#include <cstdio>

#include "backends/backends.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "tools/charts/figure.h"
#include "tools/cli/command.h"
#include "tools/cli/named_chart.h"
#include "tools/cli/recipe_words.h"
#include "tools/cli/sample_pictures.h"
#include "tools/cli/sample_texts.h"
#include "training/data/data_report.h"
#include "training/formats/json.h"
#include "training/records/run_directory.h"
#include "training/session/data_options.h"
#include "training/session/input_ranges.h"
#include "training/session/input_shapes.h"
#include "training/session/model_layout.h"
#include "training/session/run_data.h"
#include "training/session/run_lengths.h"

namespace temper::cli {
namespace {

using training::DataReport;
using training::FieldSummary;
using training::JsonValue;
using training::SetSummary;

// The data as a run would open it, but with targets as the file has them and bad numbers let in.
struct OpenData {
  training::Recipe recipe;
  std::unique_ptr<training::RunData> data;
  std::string lengths;  // where samples differ in length: which dimension it is, and the buckets
  std::string misfit;   // what the model cannot take: a shape, an index it has no row for
};

// Samples of different lengths come as a run has them.
void settle_lengths(graph::Graph& graph, OpenData& opened) {
  training::RunData& data = *opened.data;
  std::vector<std::string> notes;
  const training::Dataset* val = &data.val() == &data.train() ? nullptr : &data.val();
  const training::RunLengths lengths(graph, data.train(), val, opened.recipe.data, notes);
  data.fill_up(lengths);
  opened.lengths = join(notes, "\n             ");
}

std::unique_ptr<OpenData> open(const Arguments& arguments) {
  auto opened = std::make_unique<OpenData>();
  TypedRecipe typed = read_one_model_recipe(arguments, 1, "temper data");
  opened->recipe = std::move(typed.recipe);
  training::Recipe& recipe = opened->recipe;
  TEMPER_CHECK(!recipe.model.path.empty() && !recipe.data.train.empty(),
               ErrorCode::kInvalidArgument, typed.file, " must name model.path and data.train");
  const auto model = graph::OnnxModel::load(recipe.model.path, {recipe.model.external_data_root});
  graph::Graph graph = model.build_graph(graph::standard_ops());
  std::vector<std::string> notes;
  const training::ModelLayout layout(graph, model, recipe.model, *make_backend("reference"), notes);
  training::DataOptions options = training::data_options(graph, recipe);
  layout.mark_optional(options);
  options.require_finite = false;
  opened->data = std::make_unique<training::RunData>(recipe, options, true);
  try {
    graph::Graph settled = graph;
    layout.give_states(settled, opened->data->train(), notes);
    settle_lengths(settled, *opened);
    training::settle_input_shapes(settled, opened->data->train());
    const bool negative = recipe.model.allow_negative_ids;
    training::check_indices(graph, opened->data->train(), negative);
    training::check_indices(graph, opened->data->val(), negative);
  } catch (const Error& error) {
    opened->misfit = error.message();
  }
  return opened;
}

// The recipe's names of the classes, else the data's own.
std::vector<std::string> names_of(const OpenData& opened) {
  const std::vector<std::string>& written = opened.recipe.data.class_names;
  return written.empty() ? opened.data->train().class_names() : written;
}

std::string class_name(const std::vector<std::string>& names, std::int64_t label) {
  return label >= 0 && label < static_cast<std::int64_t>(names.size())
             ? names[static_cast<std::size_t>(label)]
             : concat(label);
}

// Label to samples per set, for all labels of all sets.
std::map<std::int64_t, std::vector<std::int64_t>> label_table(const DataReport& report) {
  std::map<std::int64_t, std::vector<std::int64_t>> table;
  for (std::size_t i = 0; i < report.sets.size(); ++i) {
    for (const auto& [label, count] : report.sets[i].labels) {
      auto& row = table[label];
      row.resize(report.sets.size());
      row[i] = count;
    }
  }
  return table;
}

void print_fields(const SetSummary& set, const std::string& file) {
  std::printf("%-6s %lld samples of %s\n", set.name.c_str(), static_cast<long long>(set.rows),
              file.c_str());
  for (const FieldSummary& summary : set.fields) {
    const training::Field& field = summary.field;
    std::printf("       %-8s %-16s %s %s  %s to %s, mean %s, deviation %s\n",
                field.is_target ? "target" : "input", field.name.c_str(),
                std::string(to_string(field.dtype)).c_str(), concat(field.row_shape).c_str(),
                digits_text(summary.min, 6).c_str(), digits_text(summary.max, 6).c_str(),
                digits_text(summary.mean, 4).c_str(), digits_text(summary.deviation, 4).c_str());
  }
}

constexpr std::size_t kMostClassesPrinted = 50;

void print_labels(const DataReport& report, const std::vector<std::string>& names) {
  const auto table = label_table(report);
  if (table.empty()) {
    return;
  }
  std::printf("\n%-20s", "class");
  for (const SetSummary& set : report.sets) {
    std::printf(" %10s %7s", set.name.c_str(), "share");
  }
  std::printf("\n");
  std::size_t printed = 0;
  for (const auto& [label, counts] : table) {
    if (++printed > kMostClassesPrinted) {
      std::printf("... and %zu more classes\n", table.size() - kMostClassesPrinted);
      break;
    }
    std::printf("%-20s", class_name(names, label).c_str());
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const auto rows = static_cast<double>(std::max<std::int64_t>(report.sets[i].rows, 1));
      std::printf(" %10lld %6s%%", static_cast<long long>(counts[i]),
                  fixed_text(100.0 * static_cast<double>(counts[i]) / rows, 1).c_str());
    }
    std::printf("\n");
  }
}

// Samples that cannot be read, each with its file and what is wrong with it.
void print_broken(const DataReport& report) {
  constexpr std::size_t kMost = 20;
  for (const SetSummary& set : report.sets) {
    for (std::size_t i = 0; i < set.broken.size(); ++i) {
      if (i == kMost) {
        std::printf("broken       ... and %zu more of %s (all of them: --json)\n",
                    set.broken.size() - kMost, set.name.c_str());
        break;
      }
      std::printf("broken       %s\n", set.broken[i].c_str());
    }
  }
}

JsonValue json_of(const DataReport& report, const std::vector<std::string>& found) {
  JsonValue sets = JsonValue::array();
  for (const SetSummary& set : report.sets) {
    JsonValue one = JsonValue::object();
    one.set("name", set.name);
    one.set("samples", set.rows);
    JsonValue fields = JsonValue::array();
    for (const FieldSummary& summary : set.fields) {
      JsonValue field = JsonValue::object();
      field.set("name", summary.field.name);
      field.set("target", summary.field.is_target);
      field.set("min", summary.min);
      field.set("max", summary.max);
      field.set("mean", summary.mean);
      field.set("deviation", summary.deviation);
      field.set("not_finite", summary.not_finite);
      field.set("constant", summary.constant);
      fields.push_back(std::move(field));
    }
    one.set("fields", std::move(fields));
    JsonValue labels = JsonValue::object();
    for (const auto& [label, count] : set.labels) {
      labels.set(concat(label), count);
    }
    one.set("labels", std::move(labels));
    one.set("broken", JsonValue::array_of(set.broken));
    sets.push_back(std::move(one));
  }
  JsonValue json = JsonValue::object();
  json.set("sets", std::move(sets));
  json.set("duplicates", report.duplicates);
  json.set("leaked", report.leaked);
  json.set("conflicts", report.conflicts);
  json.set("findings", JsonValue::array_of(found));
  return json;
}

// The samples of each class, side by side for train and val.
void draw_labels(const DataReport& report, const std::vector<std::string>& names,
                 const std::string& path) {
  charts::BarChart chart;
  chart.title = "Samples of each class";
  chart.name_label = "class";
  chart.value_label = "samples";
  for (const SetSummary& set : report.sets) {
    chart.series.push_back({set.name, {}});
  }
  for (const auto& [label, counts] : label_table(report)) {
    chart.names.push_back(class_name(names, label));
    for (std::size_t i = 0; i < counts.size(); ++i) {
      chart.series[i].values.push_back(static_cast<double>(counts[i]));
    }
  }
  charts::write_chart(charts::Panel(chart), path);
}

int check(const Arguments& arguments) {
  const auto opened = open(arguments);
  const training::RunData& data = *opened->data;
  const training::Recipe& recipe = opened->recipe;
  const DataReport report = training::report_data({"train", data.train(), data.train_rows()},
                                                  {"val", data.val(), data.val_rows()});
  std::vector<std::string> found = training::findings(report);
  if (!opened->misfit.empty()) {
    found.insert(found.begin(), opened->misfit);
  }
  std::vector<std::string> remarks = data.train().remarks();
  if (&data.val() != &data.train()) {
    const std::vector<std::string> more = data.val().remarks();
    remarks.insert(remarks.end(), more.begin(), more.end());
  }
  found.insert(found.end(), remarks.begin(), remarks.end());
  const std::vector<std::string> names = names_of(*opened);
  std::string chart;
  if (arguments.has("--chart") && !label_table(report).empty()) {
    chart = chart_stem(arguments.text("--chart"));
    draw_labels(report, names, chart);
  }
  if (arguments.has("--json")) {
    JsonValue json = json_of(report, found);
    json.set("lengths", opened->lengths);
    std::printf("%s\n", json.text().c_str());
  } else {
    for (const SetSummary& set : report.sets) {
      const bool own_file = set.name == "val" && !recipe.data.val.empty();
      print_fields(set, own_file ? recipe.data.val : recipe.data.train);
      if (const std::string text = (own_file ? data.val() : data.train()).description();
          !text.empty()) {
        std::printf("       %s\n", text.c_str());
      }
    }
    if (!opened->lengths.empty()) {
      std::printf("lengths      %s\n", opened->lengths.c_str());
    }
    print_labels(report, names);
    std::printf("\n");
    print_broken(report);
    for (const std::string& text : found) {
      std::printf("! %s\n", text.c_str());
    }
    if (found.empty()) {
      std::printf("nothing stands out\n");
    }
    if (!chart.empty()) {
      std::printf("chart        %s.png\n", chart.c_str());
    }
  }
  return found.empty() || !arguments.has("--strict") ? 0 : exit_code(ErrorCode::kInvalidData);
}

// What stands below a picture: its class, the classes it is mixed from, or the target's number.
std::string caption(const OpenData& opened, const training::Batch& batch, std::int64_t row) {
  const training::Dataset& data = opened.data->train();
  const std::size_t target = training::target_index(data);
  const training::Field& field = data.fields()[target];
  const std::vector<double> all = batch.fields[target].values<double>();
  if (opened.recipe.augment.mixes()) {
    std::vector<std::pair<double, std::string>> parts;  // the largest share first
    const std::int64_t classes = field.row_shape[0];
    for (std::int64_t label = 0; label < classes; ++label) {
      const double share = all[static_cast<std::size_t>(row * classes + label)];
      if (share >= 0.005) {
        parts.emplace_back(-share, concat(class_name(names_of(opened), label), " ",
                                          fixed_text(100 * share, 0), "%"));
      }
    }
    std::sort(parts.begin(), parts.end());
    std::vector<std::string> texts;
    for (const auto& [share, text] : parts) {
      texts.push_back(text);
    }
    return join(texts, "\n");
  }
  if (field.row_shape.element_count() != 1) {
    return {};
  }
  const double value = all[static_cast<std::size_t>(row)];
  return is_integer(field.dtype) ? class_name(names_of(opened), static_cast<std::int64_t>(value))
                                 : concat(value);
}

constexpr std::int64_t kMostTexts = 36;

int show(const Arguments& arguments) {
  const auto opened = open(arguments);
  training::RunData& data = *opened->data;
  const std::int64_t count = std::min(arguments.integer("--count", 36, 1), data.train_count());
  opened->recipe.data.batch_size = count;
  if (opened->recipe.augment.mixes()) {
    const std::vector<std::int64_t> labels =
        data.train().labels(training::target_index(data.train()));
    data.mix(*std::max_element(labels.begin(), labels.end()) + 1);
  }
  const std::int64_t epoch = arguments.integer("--epoch", 1, 1);
  const auto loader = data.make_train_loader({epoch - 1, 0});
  const training::Batch& batch = *loader->next();
  std::vector<std::string> captions;
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    captions.push_back(caption(*opened, batch, row));
  }
  const Tensor& pictures = batch.fields[0];
  const training::DrawnPicture sheet = draw_pictures(
      concat("Training samples of epoch ", epoch, ", as the model sees them"), pictures, captions);
  if (sheet.png.empty()) {
    const auto few = static_cast<std::size_t>(std::min<std::int64_t>(count, kMostTexts));
    const std::span<const std::int64_t> rows(data.train_rows());
    const std::vector<std::string> lines =
        sample_texts(data.train(), rows.first(few), names_of(*opened));
    if (arguments.has("--json")) {
      JsonValue json = JsonValue::object();
      json.set("samples", JsonValue::array_of(lines));
      std::printf("%s\n", json.text().c_str());
      return 0;
    }
    std::printf("%s\n", join(lines, "\n").c_str());
    return 0;
  }
  const std::string out = arguments.text("--out", "samples.png");
  write_file_atomically(out, sheet.png);
  JsonValue json = JsonValue::object();
  json.set("out", out);
  std::printf("%s\n", arguments.has("--json") ? json.text().c_str() : out.c_str());
  return 0;
}

int run(const Arguments& arguments) {
  const std::string& what = arguments.positional(0);
  TEMPER_CHECK(what == "check" || what == "show", ErrorCode::kInvalidArgument, "'", what,
               "' is nothing temper data does: temper data check RECIPE.toml, or temper data show "
               "RECIPE.toml");
  return what == "check" ? check(arguments) : show(arguments);
}

}  // namespace

Command data_command() {
  return {"data",
          "checks a recipe's data, or shows them as the model sees them",
          "  temper data check RECIPE [KEY=VALUE...]   counts, ranges, classes, samples that are "
          "twice there, in train\n"
          "                                            and val, or broken\n"
          "  temper data show RECIPE [KEY=VALUE...]    a sheet of training pictures with all that "
          "the recipe does to them;\n"
          "                                            other data: the first samples in words and "
          "numbers\n",
          {{"check|show", "what to do"},
           {"RECIPE", "RECIPE.toml, or MODEL.onnx DATA"},
           {"KEY=VALUE", "settings that win over the recipe", false, true}},
          {{"--chart", "FILE", "check: samples of each class as FILE.png and .svg"},
           {"--strict", "", "check: exit code 3 when something stands out"},
           {"--count", "N", "show: pictures; 36"},
           {"--epoch", "N", "show: of which epoch; 1"},
           {"--out", "FILE", "show: the picture's file; samples.png"},
           {"--json", "", "results and errors as JSON"}},
          run};
}

}  // namespace temper::cli
