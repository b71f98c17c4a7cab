// `temper plot`: the charts of a run again, from its metrics, or those of a schedule or of losses.
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "tools/cli/command.h"
#include "tools/cli/plot_losses.h"
#include "tools/cli/plot_schedule.h"
#include "tools/cli/run_charts.h"

namespace temper::cli {
namespace {

int run(const Arguments& arguments) {
  const std::string& folder = arguments.positional(0);
  if (folder == "schedule") {
    return plot_schedule(arguments);
  }
  if (folder == "losses") {
    return plot_losses(arguments);
  }
  TEMPER_CHECK(
      arguments.positionals().size() == 1, ErrorCode::kInvalidArgument, "'",
      arguments.positional(1),
      "' is too much: temper plot RUN, temper plot schedule RECIPE [KEY=VALUE...], or temper plot "
      "losses NAME...");
  const std::string metrics = join_path(folder, "metrics.jsonl");
  TEMPER_CHECK(file_status(metrics).is_regular, ErrorCode::kInvalidArgument, "'", folder,
               "' is not a run directory: it has no metrics.jsonl");
  RunCharts charts;
  charts.read(metrics);
  const std::vector<std::string> written =
      write_charts(charts.charts(), join_path(folder, "charts"));
  TEMPER_CHECK(!written.empty(), ErrorCode::kInvalidData, metrics, " holds no loss yet");
  print_chart_files(written, arguments.has("--json"));
  return 0;
}

}  // namespace

Command plot_command() {
  return {
      "plot",
      "draws the charts of a run again, or schedules and losses without training",
      "  temper plot RUN\n"
      "  temper plot schedule RECIPE... [KEY=VALUE...]   several recipes: one panel each\n"
      "  temper plot losses NAME|RECIPE... [KEY=VALUE...]   loss and gradient against the error\n",
      {{"RUN", "a run directory, or the word schedule or losses"},
       {"RECIPE", "recipes or losses, and settings", false, true}},
      {{"--steps", "N", "length of the run (schedule; default: train.steps)"},
       {"--steps-per-epoch", "N", "optimizer steps in an epoch (schedule)"},
       {"--metric", "LIST", "1.0,0.9,...: what each evaluation gives (plateau)"},
       {"--out", "FILE", "the chart's name (default: schedule or losses, .png and .svg)"},
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
