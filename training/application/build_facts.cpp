#include "training/application/build_facts.h"

#include <string>
#include <string_view>

#include "backends/backends.h"
#include "graph/onnx/onnx_version.h"
#include "graph/ops/standard_ops.h"

namespace temper::training {
namespace {

// "2.6.3" of "onednn 2.6.3 avx512_core"; none in a build without it.
std::string onednn_version(const std::string& kernels) {
  constexpr std::string_view kName = "onednn ";
  if (!kernels.starts_with(kName)) {
    return "none";
  }
  const std::size_t end = kernels.find(' ', kName.size());
  return kernels.substr(kName.size(), end - kName.size());
}

}  // namespace

const char* version() { return TEMPER_VERSION; }  // from CMake's project(), and so below

JsonValue build_facts() {
  JsonValue facts = JsonValue::object();
  facts.set("version", version());
  facts.set("compiler", concat("g++ ", __VERSION__));
  facts.set("build", TEMPER_BUILD_TYPE);
  facts.set("architecture", TEMPER_ARCHITECTURE);
  const std::string kernels = make_backend("cpu")->fingerprint();
  facts.set("kernels", kernels);
  facts.set("onednn", onednn_version(kernels));
  facts.set("devices", JsonValue::array_of(device_names()));
  facts.set("protobuf", graph::protobuf_version());
  facts.set("oldest_opset", graph::kOldestOpset);
  facts.set("newest_opset", graph::kNewestOpset);
  facts.set("operators", static_cast<std::int64_t>(graph::standard_ops().all().size()));
  return facts;
}

}  // namespace temper::training
