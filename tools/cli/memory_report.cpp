#include "tools/cli/memory_report.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "runtime/platform/process.h"
#include "training/formats/json.h"
#include "training/records/checkpoint.h"

namespace temper::cli {
namespace {

using Lines = std::vector<std::pair<const char*, std::int64_t>>;

training::JsonValue json_of(const Lines& lines) {
  training::JsonValue values = training::JsonValue::object();
  for (const auto& [name, bytes] : lines) {
    values.set(name, bytes);
  }
  return values;
}

void print_lines(const Lines& lines) {
  for (const auto& [name, bytes] : lines) {
    std::printf("  %-12s %15lld\n", name, static_cast<long long>(bytes));
  }
}

}  // namespace

void print_memory(const std::vector<training::MemoryPlan>& stages, bool as_json,
                  std::int64_t export_bytes, int casts) {
  const auto largest =
      std::max_element(stages.begin(), stages.end(),
                       [](const auto& a, const auto& b) { return a.total() < b.total(); });
  const training::MemoryPlan& memory = *largest;
  Lines lines = {{"variables", memory.variables},
                 {"gradients", memory.gradients},
                 {"activations", memory.arena},
                 {"constants", memory.constants},
                 {"kernels", memory.kernels}};
  if (memory.inputs > 0) {
    lines.emplace_back("inputs", memory.inputs);
  }
  lines.emplace_back("total", memory.total());
  // Code, libraries, graphs and the data that were looked at.
  const std::int64_t program = std::max<std::int64_t>(resident_bytes() - stages.back().total(), 0);
  const std::int64_t step = memory.total() + program;
  // Evaluation runs in the arena of the step, and no plan has weights of its own.
  const Lines peaks = {{"program", program},
                       {"step", step},
                       {"evaluation", step},
                       {"checkpoint", step + training::kCheckpointBytes},
                       {"export", step + export_bytes}};
  if (as_json) {
    training::JsonValue line = training::JsonValue::object();
    line.set("memory_bytes", json_of(lines));
    line.set("peak_bytes", json_of(peaks));
    line.set("casts_per_step", static_cast<std::int64_t>(casts));
    std::printf("%s\n", line.text().c_str());
    return;
  }
  stages.size() == 1 ? std::printf("memory in bytes\n")
                     : std::printf("memory in bytes (stage %d of %d, the largest)\n",
                                   static_cast<int>(largest - stages.begin()) + 1,
                                   static_cast<int>(stages.size()));
  print_lines(lines);
  std::printf("the most that is resident, with the program's own\n");
  print_lines(peaks);
  if (casts > 0) {
    std::printf("%d casts between float types per step\n", casts);
  }
}

}  // namespace temper::cli
