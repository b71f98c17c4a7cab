// docs/reference.md lists every loss, optimizer, schedule and recipe key. It is written from
// the code by this test when TEMPER_UPDATE_REFERENCE=1 is set, and compared with the code
// otherwise.
#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "graph/ir/op_def.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/concat.h"
#include "tests/generated_page.h"
#include "training/losses/adversarial.h"
#include "training/losses/loss.h"
#include "training/metrics/metric_spec.h"
#include "training/optimizers/optimizer.h"
#include "training/recipe/recipe.h"
#include "training/recipe/recipe_keys.h"
#include "training/recipe/resume_rules.h"
#include "training/schedules/schedule.h"

namespace temper::training {
namespace {

template <class Component>
void write_components(std::ostream& out, const char* title, const char* key,
                      const std::vector<Component>& components) {
  out << "\n## " << title << "\n\n| " << key
      << " | what it is | parameters and defaults |\n|---|---|---|\n";
  for (const Component& component : components) {
    out << "| `" << component.name << "` | " << component.help << " | ";
    for (const ParameterSpec& spec : component.parameters) {
      out << "`" << spec.name << " = " << parameter_text(spec.fallback, spec) << "` (" << spec.help
          << ") ";
    }
    out << "|\n";
  }
}

void write_metrics(std::ostream& out) {
  out << "\n## Metrics\n\n| metrics.names | what it is | when | range | better |\n"
         "|---|---|---|---|---|\n";
  for (const MetricSpec& spec : metric_specs()) {
    out << "| `" << spec.name << "` | " << spec.help << " | " << spec.use << " | " << spec.range
        << " | " << (spec.less_is_better ? "less" : "more") << " |\n";
  }
}

std::string page() {
  std::ostringstream out;
  out << "# Reference\n\nWritten from the code by tests/training/recipe/reference_page_test.cpp; "
         "do not "
         "edit by hand.\n\n"
      << "## Recipe keys\n\nThe column \"runs\" says which runs take a key: those of one model, of "
         "two "
         "models against each other, or all. A key that is written with another value than its "
         "default must have an effect: it needs what the column \"with\" says, and is told of "
         "otherwise. The column \"resume\" says which settings `temper train RUN --resume "
         "KEY=VALUE` may change; parameters of a loss, an optimizer or a schedule stay as they "
         "were, and so does train.eval_every where the schedule is plateau.\n\n| key | type | "
         "default | runs | with | resume | what it is |\n|---|---|---|---|---|---|---|\n";
  const Recipe defaults;
  for (const RecipeKey& key : recipe_key_table()) {
    out << "| `" << key.name << "` | " << key.type << " | `" << to_toml_value(key.get(defaults))
        << "` | " << to_string(key.runs) << " | " << key.effect.when << " | "
        << to_string(key.resume) << " | " << key.help << " |\n";
  }
  for (const RepeatedTable& table : repeated_tables()) {
    out << "\n`" << entry_title(table) << "`: " << table.help << " (runs: " << to_string(table.runs)
        << ").\n\n| key | type | what it is |\n|---|---|---|\n";
    for (const RepeatedKey& key : table.keys) {
      out << "| `" << key.name << "` | " << key.type << " | " << key.help
          << (key.required ? " (required)" : "") << " |\n";
    }
    if (!table.parameters_help.empty()) {
      out << "| ... | | " << table.parameters_help << " |\n";
    }
  }
  write_components(out, "Losses", "loss.name", losses());
  write_components(out, "Optimizers", "optimizer.name", optimizers());
  write_components(out, "Schedules", "schedule.name", schedules());
  write_components(out, "Adversarial losses", "adversarial.loss", adversarial_losses());
  write_metrics(out);
  out << "\n## ONNX operators\n\n[OPERATORS.md](../OPERATORS.md) lists them with their opsets, "
         "gradients, kernels, types and mixed precision.\n";
  return out.str();
}

TEST(MixedPrecisionPage, ListsTheOpsOfEachClass) {
  std::map<graph::PrecisionClass, std::vector<std::string>> ops;
  for (const graph::OpDef* op : graph::standard_ops().all()) {
    if (!op->is_internal) {
      ops[op->precision_class].push_back(op->name());
    }
  }
  std::ifstream file(std::string(TEMPER_SOURCE_DIR) + "/docs/mixed_precision.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const auto& [title, precision] : {std::pair{"16 bits: ", graph::PrecisionClass::kLow},
                                         std::pair{"float32: ", graph::PrecisionClass::kFloat32}}) {
    const std::string line = concat("\n", title, join(ops[precision], ", "), "\n");
    EXPECT_NE(text.find(line), std::string::npos) << "docs/mixed_precision.md lacks" << line;
  }
}

TEST(ReferencePage, IsWhatTheCodeSays) {
  test::expect_page(TEMPER_SOURCE_DIR, "docs/reference.md", page());
}

}  // namespace
}  // namespace temper::training
