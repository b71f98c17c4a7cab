#include "tools/cli/memory_report.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <utility>
#include <vector>

#include "training/formats/json.h"

namespace temper::cli {

void print_memory(const std::vector<training::MemoryPlan>& stages, bool as_json, int casts) {
  const auto largest =
      std::max_element(stages.begin(), stages.end(),
                       [](const auto& a, const auto& b) { return a.total() < b.total(); });
  const training::MemoryPlan& memory = *largest;
  const std::vector<std::pair<const char*, std::int64_t>> lines = {
      {"variables", memory.variables}, {"gradients", memory.gradients},
      {"activations", memory.arena},   {"constants", memory.constants},
      {"kernels", memory.kernels},     {"total", memory.total()},
  };
  if (as_json) {
    training::JsonValue values = training::JsonValue::object();
    for (const auto& [name, bytes] : lines) {
      values.set(name, bytes);
    }
    training::JsonValue line = training::JsonValue::object();
    line.set("memory_bytes", std::move(values));
    line.set("casts_per_step", static_cast<std::int64_t>(casts));
    std::printf("%s\n", line.text().c_str());
    return;
  }
  stages.size() == 1 ? std::printf("memory in bytes\n")
                     : std::printf("memory in bytes (stage %d of %d, the largest)\n",
                                   static_cast<int>(largest - stages.begin()) + 1,
                                   static_cast<int>(stages.size()));
  for (const auto& [name, bytes] : lines) {
    std::printf("  %-12s %15lld\n", name, static_cast<long long>(bytes));
  }
  if (casts > 0) {
    std::printf("%d casts between float types per step\n", casts);
  }
}

}  // namespace temper::cli
