#include "tools/cli/inspect_json.h"

#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "tools/cli/error_json.h"
#include "tools/cli/list_json.h"

namespace temper::cli {
namespace {

using graph::OnnxValueInfo;
using training::JsonValue;

JsonValue counts_json(const std::vector<std::pair<std::string, std::int64_t>>& counts) {
  JsonValue json = JsonValue::object();
  for (const auto& [name, count] : counts) {
    json.set(name, count);
  }
  return json;
}

// Numbers for fixed dimensions, names for symbols, null for nameless ones and for an unknown rank.
JsonValue shape_json(const OnnxValueInfo& info) {
  if (!info.rank_known) {
    return {};
  }
  JsonValue dims = JsonValue::array();
  for (const graph::Dim& dim : info.dims) {
    dims.push_back(dim.value >= 0       ? JsonValue(dim.value)
                   : dim.symbol.empty() ? JsonValue()
                                        : JsonValue(dim.symbol));
  }
  return dims;
}

JsonValue value_json(const OnnxValueInfo& value) {
  JsonValue one = JsonValue::object();
  one.set("name", value.name);
  one.set("type", value.file_type);
  one.set("shape", shape_json(value));
  return one;
}

// "batch_axis" is null where no dimension counts the samples.
void add_place(JsonValue& json, bool has_axis, int axis, const std::string& taken_for) {
  json.set("batch_axis", has_axis ? JsonValue(std::int64_t{axis}) : JsonValue());
  json.set("layout", taken_for);
}

JsonValue inputs_json(const graph::OnnxModel& model, const training::LayoutReport& layout) {
  JsonValue all = JsonValue::array();
  for (const OnnxValueInfo& input : model.inputs()) {
    JsonValue one = value_json(input);
    if (const training::InputPlace* place = layout.inputs.find(input.name)) {
      const bool has_axis = place->kind == training::InputPlace::Kind::kAxis;
      add_place(one, has_axis, place->axis, describe(*place));
      one.set("state", place->is_state);
    }
    all.push_back(std::move(one));
  }
  return all;
}

JsonValue outputs_json(const graph::OnnxModel& model, const training::LayoutReport& layout) {
  JsonValue all = JsonValue::array();
  const std::vector<OnnxValueInfo> outputs = model.outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    JsonValue one = value_json(outputs[i]);
    if (i < layout.outputs.size()) {
      const training::OutputPlace& place = layout.outputs[i];
      const bool has_axis = place.kind == training::OutputPlace::Kind::kAxis;
      add_place(one, has_axis, place.axis, describe(place));
    }
    all.push_back(std::move(one));
  }
  return all;
}

JsonValue tensor_json(const graph::TensorDecision& tensor) {
  JsonValue dims = JsonValue::array();
  for (const std::int64_t dim : tensor.shape) {
    dims.push_back(dim);
  }
  JsonValue json = JsonValue::object();
  json.set("name", tensor.name);
  json.set("type", tensor.file_type);
  json.set("shape", std::move(dims));
  json.set("trainable", tensor.trainable);
  json.set("why", tensor.why);
  json.set("external", tensor.external);
  return json;
}

JsonValue body_json(const graph::SubgraphSummary& body) {
  JsonValue json = JsonValue::object();
  json.set("owner", body.owner);
  json.set("branch", body.branch);
  json.set("ops", counts_json(body.op_counts));
  return json;
}

JsonValue finding_json(const graph::Finding& finding) {
  JsonValue json = JsonValue::object();
  json.set("what", finding.what);
  json.set("examples", JsonValue::array_of(finding.examples));
  json.set("edit", finding.edit);
  return json;
}

JsonValue problem_json(const graph::ImportProblem& problem) {
  JsonValue json = JsonValue::object();
  json.set("op", problem.op);
  json.set("reason", problem.reason);
  json.set("count", problem.count);
  json.set("examples", JsonValue::array_of(problem.examples));
  return json;
}

}  // namespace

JsonValue inspection_json(const graph::OnnxModel& model,
                          const training::ModelInspection& inspection,
                          const training::LayoutReport& layout) {
  JsonValue opsets = JsonValue::object();
  for (const auto& [domain, version] : model.opsets()) {
    opsets.set(domain.empty() ? "ai.onnx" : domain, version);
  }
  std::int64_t parameters = 0;
  std::int64_t trainable = 0;
  for (const graph::TensorDecision& tensor : inspection.tensors) {
    parameters += tensor.shape.element_count();
    trainable += tensor.trainable ? tensor.shape.element_count() : 0;
  }
  JsonValue json = JsonValue::object();
  json.set("file", model.path());
  json.set("opsets", std::move(opsets));
  json.set("ir", model.ir_version());
  json.set("producer", model.producer());
  json.set("graph", model.graph_name());
  JsonValue metadata = JsonValue::object();
  for (const auto& [key, value] : model.metadata()) {
    metadata.set(key, value);
  }
  json.set("metadata", std::move(metadata));
  json.set("inputs", inputs_json(model, layout));
  json.set("outputs", outputs_json(model, layout));
  json.set("ops", counts_json(model.op_counts()));
  json.set("bodies", list_json(inspection.bodies, body_json));
  json.set("tensors", list_json(inspection.tensors, tensor_json));
  json.set("parameters", parameters);
  json.set("trainable_parameters", trainable);
  json.set("unsupported", list_json(inspection.problems, problem_json));
  JsonValue findings = JsonValue::array();
  for (const graph::Finding& finding : inspection.findings) {
    findings.push_back(finding_json(finding));
  }
  json.set("findings", std::move(findings));
  json.set("without_gradient", JsonValue::array_of(inspection.nodes_without_gradient));
  if (!inspection.imports()) {
    json.set("error", error_json(*inspection.refusal));
  }
  return json;
}

JsonValue memory_json(const ShownMemory& shown) {
  JsonValue json = JsonValue::object();
  json.set("batch", shown.batch);
  if (shown.refusal) {
    json.set("error", error_json(*shown.refusal));
    return json;
  }
  json.set("variables", shown.memory.variables);
  json.set("gradients", shown.memory.gradients);
  json.set("activations", shown.memory.arena);
  json.set("constants", shown.memory.constants);
  json.set("total", shown.memory.total());
  return json;
}

JsonValue kernels_json(const Plan& plan) {
  return list_json(plan.steps, [](const PlanStep& step) {
    JsonValue json = JsonValue::object();
    json.set("op", step.op);
    json.set("type", step.precision());
    json.set("family", step.family);
    json.set("kernel", step.kernel == nullptr ? std::string{} : step.kernel->description);
    json.set("node", step.origin);
    json.set("not", JsonValue::array_of(step.refusals));
    return json;
  });
}

JsonValue work_json(const training::StepWork& work) {
  JsonValue json = JsonValue::object();
  json.set("bytes_read", work.bytes_read);
  json.set("bytes_written", work.bytes_written);
  json.set("bytes_in", work.bytes_in);
  json.set("bytes_out", work.bytes_out);
  json.set("arena", work.arena_bytes);
  json.set("workspace", work.workspace_bytes);
  if (!work.counted) {
    json.set("not_counted", work.not_counted);
    return json;
  }
  json.set("kernels", work.counted->kernels);
  json.set("library_calls", work.counted->library_calls);
  json.set("copies", work.counted->copies);
  json.set("replays", work.counted->replays);
  json.set("host_copies", work.counted->host_copies);
  json.set("host_launches", work.counted->host_launches);
  json.set("host_waits", work.counted->host_waits);
  json.set("allocations", work.counted->allocations);
  return json;
}

}  // namespace temper::cli
