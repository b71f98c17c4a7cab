// `temper plot`: the charts of a run again, from its metrics.
#include <cstdio>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"
#include "tools/cli/command.h"
#include "tools/cli/run_charts.h"

namespace temper::cli {
namespace {

int run(const Arguments& arguments) {
  const std::string& folder = arguments.positional(0);
  const std::string metrics = join_path(folder, "metrics.jsonl");
  TEMPER_CHECK(file_status(metrics).is_regular, ErrorCode::kInvalidArgument, "'", folder,
               "' is not a run directory: it has no metrics.jsonl");
  RunCharts charts;
  charts.read(metrics);
  const std::vector<std::string> written = charts.write(folder);
  TEMPER_CHECK(!written.empty(), ErrorCode::kInvalidData, metrics, " holds no loss yet");
  for (const std::string& path : written) {
    std::printf("%s.png\n%s.svg\n", path.c_str(), path.c_str());
  }
  return 0;
}

}  // namespace

Command plot_command() {
  return {"plot",
          "draws the charts of a run again",
          "",
          {{"RUN", "a run directory"}},
          {{"--json", "", "errors as JSON"}},
          run};
}

}  // namespace temper::cli
