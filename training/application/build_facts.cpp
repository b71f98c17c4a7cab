#include "training/application/build_facts.h"

#include "backends/backends.h"
#include "graph/onnx/onnx_version.h"
#include "graph/ops/standard_ops.h"

namespace temper::training {

const char* version() { return TEMPER_VERSION; }  // from CMake's project(), and so below

JsonValue build_facts() {
  JsonValue facts = JsonValue::object();
  facts.set("version", version());
  facts.set("compiler", concat("g++ ", __VERSION__));
  facts.set("build", TEMPER_BUILD_TYPE);
  facts.set("architecture", TEMPER_ARCHITECTURE);
  facts.set("kernels", std::string(make_backend("cpu")->fingerprint()));
  facts.set("devices", JsonValue::array_of(device_names()));
  facts.set("protobuf", graph::protobuf_version());
  facts.set("oldest_opset", graph::kOldestOpset);
  facts.set("newest_opset", graph::kNewestOpset);
  facts.set("operators", static_cast<std::int64_t>(graph::standard_ops().all().size()));
  return facts;
}

}  // namespace temper::training
