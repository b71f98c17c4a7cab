// `temper inspect`: what a model is, what of it trains and why, what blocks training, and what
// training would take.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/platform/threads.h"
#include "tools/cli/command.h"
#include "tools/cli/device_option.h"
#include "tools/cli/inspect_json.h"
#include "tools/cli/named_sizes.h"
#include "training/analysis/inspection.h"

namespace temper::cli {
namespace {

using graph::OnnxModel;
using graph::OnnxValueInfo;
using graph::TensorDecision;

constexpr std::array<std::int64_t, 2> kShownBatches = {1, 32};  // of the memory

std::string dims_text(const OnnxValueInfo& info) {
  if (!info.rank_known) {
    return "[?]";
  }
  std::string text = "[";
  for (const graph::Dim& dim : info.dims) {
    text += text.size() > 1 ? "," : "";
    text += dim.value >= 0 ? concat(dim.value) : dim.symbol.empty() ? "?" : dim.symbol;
  }
  return text + "]";
}

void print_value(const char* title, const OnnxValueInfo& value, const std::string& taken_for) {
  std::printf("%-9s %s  %s%s%s%s\n", title, value.name.c_str(), value.file_type.c_str(),
              dims_text(value).c_str(), taken_for.empty() ? "" : "  ", taken_for.c_str());
}

void print_file(const OnnxModel& model) {
  std::printf("file      %s\n", model.path().c_str());
  std::string opsets;
  for (const auto& [domain, version] : model.opsets()) {
    opsets += concat(opsets.empty() ? "" : ", ", domain.empty() ? "ai.onnx" : domain, " ", version);
  }
  std::printf("opset     %s\nIR        %lld\nproducer  %s\ngraph     %s\n", opsets.c_str(),
              static_cast<long long>(model.ir_version()), model.producer().c_str(),
              model.graph_name().c_str());
  constexpr std::size_t kMostText = 100;
  for (const auto& [key, value] : model.metadata()) {
    const bool cut = value.size() > kMostText;
    std::printf("metadata  %s = %s%s\n", key.c_str(), value.substr(0, kMostText).c_str(),
                cut ? "... (--json has all)" : "");
  }
}

// The sizes besides the batch that a file leaves to the data, with where they stand.
std::map<std::string, std::vector<std::string>> open_dimensions(
    const std::vector<OnnxValueInfo>& inputs, const training::LayoutReport& layout) {
  std::map<std::string, std::vector<std::string>> open;
  for (const OnnxValueInfo& input : inputs) {
    const training::InputPlace* place = layout.inputs.find(input.name);
    for (std::size_t axis = 0; axis < input.dims.size() && place != nullptr; ++axis) {
      const graph::Dim& dim = input.dims[axis];
      const bool batch =
          place->kind == training::InputPlace::Kind::kAxis && place->axis == static_cast<int>(axis);
      if (dim.value < 0 && !batch && !place->has_value) {
        open[dim.symbol.empty() ? "a dimension without a name" : concat("'", dim.symbol, "'")]
            .push_back(concat("axis ", axis, " of ", input.name));
      }
    }
  }
  return open;
}

// What each input and output is taken for, and why.
void print_layout(const OnnxModel& model, const training::LayoutReport& layout) {
  const std::vector<OnnxValueInfo> inputs = model.inputs();
  const std::vector<OnnxValueInfo> outputs = model.outputs();
  for (const OnnxValueInfo& input : inputs) {
    const training::InputPlace* place = layout.inputs.find(input.name);
    print_value("input", input, place == nullptr ? "" : describe(*place));
  }
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    print_value("output", outputs[i], i < layout.outputs.size() ? describe(layout.outputs[i]) : "");
  }
  for (const auto& [symbol, places] : open_dimensions(inputs, layout)) {
    std::printf(
        "          %s is left open: samples may differ in it, and data.buckets says what "
        "they are filled up to (%s)\n",
        symbol.c_str(), join(places, ", ").c_str());
  }
  if (!layout.unknown.empty()) {
    std::printf("          how samples lie in the outputs is not known without data: %s\n",
                layout.unknown.c_str());
  }
}

void print_ops(const OnnxModel& model, const training::ModelInspection& inspection) {
  const auto text = [](const std::vector<std::pair<std::string, std::int64_t>>& counts) {
    std::vector<std::string> ops;
    for (const auto& [name, count] : counts) {
      ops.push_back(concat(name, " x", count));
    }
    return join(ops, ", ");
  };
  std::printf("ops       %s\n", text(model.op_counts()).c_str());
  for (const graph::SubgraphSummary& body : inspection.bodies) {
    std::printf("          in %s of %s: %s\n", body.branch.c_str(), body.owner.c_str(),
                text(body.op_counts).c_str());
  }
}

void print_tensors(const std::vector<TensorDecision>& decisions) {
  std::size_t width = 6;
  std::int64_t all = 0;
  std::int64_t trainable = 0;
  for (const TensorDecision& decision : decisions) {
    width = std::max(width, decision.name.size());
    all += decision.shape.element_count();
    trainable += decision.trainable ? decision.shape.element_count() : 0;
  }
  const int columns = static_cast<int>(std::min<std::size_t>(width, 60));
  std::printf("\n%-*s  %-9s %-18s %-9s %s\n", columns, "tensor", "type", "shape", "trainable",
              "why");
  for (const TensorDecision& decision : decisions) {
    std::printf("%-*s  %-9s %-18s %-9s %s\n", columns, decision.name.c_str(),
                decision.file_type.c_str(), concat(decision.shape).c_str(),
                decision.trainable ? "yes" : "no", decision.why.c_str());
  }
  std::printf("\nparameters %lld, of these trainable %lld\n", static_cast<long long>(all),
              static_cast<long long>(trainable));
}

// Beside each finding stands what undoes it.
void print_findings(const std::vector<graph::Finding>& findings, const std::string& path) {
  if (findings.empty()) {
    return;
  }
  std::printf("what the exporter did, and what undoes it (temper prepare %s OUT.onnx ...):\n",
              path.c_str());
  for (const graph::Finding& finding : findings) {
    std::printf("  %-20s %s%s%s\n", finding.edit.c_str(), finding.what.c_str(),
                finding.examples.empty() ? "" : ": ", join(finding.examples, ", ").c_str());
  }
}

void print_blockers(const std::vector<std::string>& blockers) {
  if (blockers.empty()) {
    std::printf("every op between the trainable tensors and the outputs has a gradient\n");
    return;
  }
  std::printf("these nodes have no gradient and block training:\n");
  for (const std::string& node : blockers) {
    std::printf("  %s\n", node.c_str());
  }
}

std::vector<ShownMemory> memory_of_batches(training::TrainingPreview& preview) {
  std::vector<ShownMemory> shown;
  for (const std::int64_t batch : kShownBatches) {
    shown.push_back({.batch = batch});
    try {
      shown.back().memory = preview.memory(batch);
    } catch (const Error& error) {
      shown.back().refusal = error;
    }
  }
  return shown;
}

void print_memory(const std::vector<ShownMemory>& batches, const std::string& loss) {
  std::printf("memory of a training step in bytes (%s, adamw)\n", loss.c_str());
  std::printf("  %-10s %14s %14s %14s %14s %14s\n", "batch", "variables", "gradients",
              "activations", "constants", "total");
  for (const auto& [batch, memory, refusal] : batches) {
    if (refusal) {
      std::printf("  %-10lld cannot be compiled: %s\n", static_cast<long long>(batch),
                  refusal->what());
      continue;
    }
    std::printf("  %-10lld %14lld %14lld %14lld %14lld %14lld\n", static_cast<long long>(batch),
                static_cast<long long>(memory.variables), static_cast<long long>(memory.gradients),
                static_cast<long long>(memory.arena), static_cast<long long>(memory.constants),
                static_cast<long long>(memory.total()));
  }
}

// A model that no batch size suits is refused once all else is shown. Sizes or a loss that are left
// to say (kInvalidArgument) are nothing against it.
void refuse_what_never_compiles(const std::vector<ShownMemory>& batches) {
  const bool never = std::all_of(batches.begin(), batches.end(), [](const ShownMemory& shown) {
    return shown.refusal && shown.refusal->code() != ErrorCode::kInvalidArgument;
  });
  if (never) {
    throw Error(*batches.front().refusal);
  }
}

void print_kernels(training::TrainingPreview& preview, std::int64_t batch) {
  const Plan& plan = preview.plan(batch);
  std::printf("\nkernels of a training step, batch %lld\n", static_cast<long long>(batch));
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const PlanStep& step = plan.steps[i];
    std::printf("%4zu  %-24s %-9s %-14s %-28s %s\n", i, step.op.c_str(), step.precision().c_str(),
                step.family.c_str(), step.kernel == nullptr ? "" : step.kernel->description.c_str(),
                step.origin.c_str());
    for (const std::string& refusal : step.refusals) {
      std::printf("      not %s\n", refusal.c_str());
    }
  }
  std::printf("%d casts between float types in a step\n", plan.float_casts());
}

// On a device, below its kernels.
void print_work(const std::optional<training::StepWork>& made, const std::string& device) {
  if (!made) {
    return;
  }
  const training::StepWork& work = *made;
  std::printf("\nwork of a training step on %s\n", device.c_str());
  const auto line = [](const char* what, const std::string& text) {
    std::printf("  %-16s %s\n", what, text.c_str());
  };
  if (work.counted) {
    const training::CountedWork& counted = *work.counted;
    line("in one graph", concat(counted.kernels, " own kernels, ", counted.library_calls,
                                " library calls, ", counted.copies, " copies"));
    line("by the host", concat(counted.replays, " launch of the graph, ", counted.host_copies,
                               " copies, ", counted.host_launches, " kernels, ", counted.host_waits,
                               " waits, ", counted.allocations, " allocations"));
  } else {
    line("launches", concat("not counted: ", work.not_counted, "; each of the ", work.kernels,
                            " kernels is one or more"));
  }
  line("bytes by kernels", concat(work.bytes_read, " read, ", work.bytes_written, " written"));
  line("bytes by copies", concat(work.bytes_in, " from the host, ", work.bytes_out, " to it"));
  line("planned memory", concat(work.arena_bytes,
                                " bytes of activations and workspaces; the largest "
                                "workspace takes ",
                                work.workspace_bytes));
}

std::string precision_of(const Arguments& arguments) {
  const std::string precision = arguments.text("--precision", "f32");
  constexpr std::array kKnown = {"f32", "bf16", "fp16", "auto"};
  TEMPER_CHECK(std::find(kKnown.begin(), kKnown.end(), precision) != kKnown.end(),
               ErrorCode::kInvalidArgument, "--precision is '", precision,
               "', expected f32, bf16, fp16 or auto");
  return precision;
}

training::TrainingPreview preview_of(const Arguments& arguments, const OnnxModel& model,
                                     const std::string& loss, DeviceChoice& device) {
  return {model,
          loss,
          named_sizes(arguments, 1),
          make_backend(std::move(device)),
          static_cast<int>(arguments.integer("--threads", available_processors(), 1)),
          precision_of(arguments)};
}

// Everything as one JSON line, also of a model that is refused; the error follows then.
int run_json(const Arguments& arguments, const OnnxModel& model, DeviceChoice device) {
  const training::ModelInspection inspection = training::inspect_model(model);
  const training::LayoutReport layout =
      inspection.imports() ? training::inspect_layout(model, named_sizes(arguments, 1))
                           : training::LayoutReport{};
  training::JsonValue json = inspection_json(model, inspection, layout);
  std::vector<ShownMemory> batches;
  if (inspection.imports()) {
    const std::string loss = arguments.text("--loss", training::guess_loss(model));
    const std::string name = device.device;
    training::TrainingPreview preview = preview_of(arguments, model, loss, device);
    json.set("loss", loss);
    json.set("device", name);
    training::JsonValue memory = training::JsonValue::array();
    batches = memory_of_batches(preview);
    for (const ShownMemory& shown : batches) {
      memory.push_back(memory_json(shown));
    }
    json.set("memory", std::move(memory));
    if (arguments.has("--kernels")) {
      const std::int64_t batch = arguments.integer("--batch-size", 32, 1);
      json.set("kernels", kernels_json(preview.plan(batch)));
      if (const std::optional<training::StepWork> work = preview.work(batch)) {
        json.set("work", work_json(*work));
      }
    }
  }
  std::printf("%s\n", json.text().c_str());
  if (!inspection.imports()) {
    throw Error(*inspection.refusal);
  }
  refuse_what_never_compiles(batches);
  return 0;
}

int run(const Arguments& arguments) {
  const OnnxModel model = OnnxModel::load(arguments.positional(0), {});
  DeviceChoice device = chosen_device(arguments, "cpu");
  if (arguments.has("--json")) {
    return run_json(arguments, model, std::move(device));
  }
  print_file(model);
  const training::ModelInspection inspection = training::inspect_model(model);
  print_layout(model, inspection.imports()
                          ? training::inspect_layout(model, named_sizes(arguments, 1))
                          : training::LayoutReport{});
  print_ops(model, inspection);
  print_tensors(inspection.tensors);
  print_findings(inspection.findings, model.path());
  if (!inspection.imports()) {
    throw Error(*inspection.refusal);
  }
  print_blockers(inspection.nodes_without_gradient);
  const std::string loss = arguments.text("--loss", training::guess_loss(model));
  const std::string name = device.device;
  training::TrainingPreview preview = preview_of(arguments, model, loss, device);
  const std::vector<ShownMemory> batches = memory_of_batches(preview);
  print_memory(batches, loss);
  refuse_what_never_compiles(batches);
  if (arguments.has("--kernels")) {
    const std::int64_t batch = arguments.integer("--batch-size", 32, 1);
    print_kernels(preview, batch);
    print_work(preview.work(batch), name);
  }
  return 0;
}

}  // namespace

Command inspect_command() {
  return {
      "inspect",
      "what a model is, what trains, what blocks training, memory",
      "",
      {{"MODEL", "the ONNX file"},
       {"NAME=SIZE", "sizes of symbolic dimensions other than the batch, such as seq=128", false,
        true}},
      {{"--kernels", "", "the kernel of each step of the plan, and why others were not taken"},
       {"--loss", "NAME", "the loss to compile with; guessed from the output when left out"},
       {"--precision", "NAME", "f32, bf16, fp16 or auto, as train.precision; f32 when left out"},
       {"--batch-size", "N", "the batch --kernels compiles for; 32 when left out"},
       {"--threads", "N", "threads; all processors when left out"},
       device_option(),
       {"--json", "", "one JSON line, and errors as JSON"}},
      run};
}

}  // namespace temper::cli
