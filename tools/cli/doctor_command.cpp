// `temper doctor`: what this build and this machine have, for reports of trouble.
#include <chrono>
#include <cstdio>
#include <thread>

#include "backends/backends.h"
#include "backends/cuda/cuda_parts.h"
#include "graph/onnx/onnx_version.h"
#include "graph/ops/standard_ops.h"
#include "runtime/base/error.h"
#include "runtime/base/number_text.h"
#include "runtime/platform/memory_limits.h"
#include "runtime/platform/process.h"
#include "runtime/platform/processor_load.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command.h"
#include "tools/cli/version.h"
#include "training/formats/json.h"

namespace temper::cli {
namespace {

using Line = std::pair<std::string, std::string>;

std::string gibibytes(std::int64_t bytes) {
  constexpr std::int64_t kBeyondAnyMachine = std::int64_t{1} << 60;  // a limit nobody set
  if (bytes >= kBeyondAnyMachine) {
    return "no limit";
  }
  return fixed_text(static_cast<double>(bytes) / (1 << 30), 2) + " GiB";
}

std::string device_text(const char* name) {
  try {
    return std::string(make_backend(name)->fingerprint());
  } catch (const Error& error) {
    return concat("not available: ", error.message());
  }
}

// What other programs do with the processors for a moment.
std::string others_text() {
  const ProcessorTimes before = processor_times();
  std::this_thread::sleep_for(std::chrono::milliseconds(250));
  const double used = processors_used_elsewhere(before, processor_times());
  const int processors = available_processors();
  return concat(
      "use ", fixed_text(used, 1), " of ", processors, " processors",
      is_busy_elsewhere(used, processors) ? ": the machine is busy, a run will be slower" : "");
}

int run(const Arguments& arguments) {
  const MemoryLimits memory = memory_limits();
  std::vector<Line> lines = {
      {"temper", version()},
      {"compiler", __VERSION__},
      {"protobuf", graph::protobuf_version()},
      {"ops", concat(graph::standard_ops().all().size())},
      {"threads", concat(available_processors())},
      {"other programs", others_text()},
      {"host", host_name()},
      {"device cpu", device_text("cpu")},
      {"device reference", device_text("reference")},
      {"device cuda", device_text("cuda")},
  };
  for (const CudaPart& part : cuda_parts()) {
    lines.emplace_back(part.name, part.found);
  }
  const std::vector<Line> limits = {
      {"memory", concat(gibibytes(memory.smallest()), " (", memory.smallest_name(), ")")},
      {"machine memory", gibibytes(memory.machine_bytes)},
      {"control group", gibibytes(memory.control_group_bytes)},
      {"address space", gibibytes(memory.address_space_bytes)},
  };
  lines.insert(lines.end(), limits.begin(), limits.end());
  training::JsonValue all = training::JsonValue::object();
  for (const auto& [name, value] : lines) {
    if (arguments.has("--json")) {
      all.set(name, value);
    } else {
      std::printf("%-17s %s\n", name.c_str(), value.c_str());
    }
  }
  if (arguments.has("--json")) {
    std::printf("%s\n", all.text().c_str());
  }
  return 0;
}

}  // namespace

Command doctor_command() {
  return {"doctor", "versions, devices, threads and memory", "", {}, {{"--json", "", "as JSON"}},
          run};
}

}  // namespace temper::cli
