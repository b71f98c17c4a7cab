#include "tests/ops/case_runner.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "backends/reference/reference_backend.h"
#include "graph/ir/op_def.h"
#include "graph/ir/walk.h"
#include "graph/passes/evaluate.h"
#include "runtime/base/channels_last.h"
#include "runtime/base/update_layout.h"

namespace temper::op_suite {
namespace {

constexpr std::size_t kGuardBytes = 64;
constexpr unsigned char kGuard = 0x5A;

Tensor copy_to(const Tensor& source, const Layout& layout) {
  Tensor copy(source.dtype(), source.shape(), layout);
  copy_elements(source, copy);
  return copy;
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() &&
         (a.bytes() == 0 ||
          std::memcmp(a.data(), b.data(), static_cast<std::size_t>(a.bytes())) == 0);
}

bool guard_intact(const Tensor& tensor) {
  const std::byte* guard = tensor.buffer()->data() + tensor.bytes();
  return std::all_of(guard, guard + kGuardBytes,
                     [](std::byte b) { return b == static_cast<std::byte>(kGuard); });
}

bool padding_is_zero(const Tensor& tensor) {
  // Zeroing the logical elements of a copy must leave nothing.
  Tensor copy(tensor.dtype(), tensor.shape(), tensor.layout());
  std::memcpy(copy.data(), tensor.data(), static_cast<std::size_t>(tensor.bytes()));
  copy_elements(Tensor(tensor.dtype(), tensor.shape()), copy);
  const auto* bytes = static_cast<const unsigned char*>(copy.data());
  return std::all_of(bytes, bytes + copy.bytes(), [](unsigned char b) { return b == 0; });
}

}  // namespace

struct CaseKernel::Memory {
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
  Tensor workspace;
};

std::string CaseKernel::refusal(const CaseGraph& case_graph, const KernelImpl& row, int threads) {
  const OpQuery query = graph::make_query(case_graph.graph, case_graph.node, threads);
  const Support support = row.supports(query);
  return support.ok ? std::string{} : support.reason.empty() ? "no reason given" : support.reason;
}

CaseKernel::CaseKernel(const CaseGraph& case_graph, const KernelImpl& row, int threads,
                       const Backend* device, bool last)
    : case_graph_(case_graph),
      query_(graph::make_query(case_graph.graph, case_graph.node, threads)),
      device_(device) {
  for (TensorSpec& input : query_.inputs) {
    input.layout = last && input.dtype != DType::kOpaque ? channels_last(input.shape) : Layout{};
  }
  if (last && case_graph.graph.node(case_graph.node).op->is_commit) {
    const UpdateLayout tensors = UpdateLayout::of(*query_.attrs);
    for (std::size_t i = 0; i < query_.outputs.size(); ++i) {
      query_.outputs[i].layout = query_.inputs[tensors.input_of_output(i)].layout;
    }
  }
  kernel_ = row.prepare(query_);
}

bool CaseKernel::takes_layouts() const {
  const auto& layouts = kernel_->input_layouts;
  return std::any_of(layouts.begin(), layouts.end(), [](const Layout& l) { return !l.plain; });
}

Tensor CaseKernel::guarded(const TensorSpec& spec, const Layout& layout, std::size_t opaque_bytes,
                           int poison) const {
  const bool opaque = spec.dtype == DType::kOpaque;
  const DType dtype = opaque ? DType::kUInt8 : spec.dtype;
  const Shape shape = opaque ? Shape{static_cast<std::int64_t>(opaque_bytes)} : spec.shape;
  const auto bytes = static_cast<std::size_t>(storage_bytes(dtype, shape, layout));
  auto buffer = Buffer::allocate(bytes + kGuardBytes, "an output with guard words");
  std::memset(buffer->data(), poison, bytes);
  std::memset(buffer->data() + bytes, kGuard, kGuardBytes);
  return Tensor(dtype, shape, layout, std::move(buffer));
}

CaseKernel::Memory CaseKernel::make_memory(const std::vector<Tensor>& inputs, int poison,
                                           bool in_place) const {
  Memory memory;
  const auto layout_of = [](const std::vector<Layout>& layouts, std::size_t i) {
    return layouts.empty() ? Layout{} : layouts.at(i);
  };
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    memory.inputs.push_back(
        inputs[i].defined() ? copy_to(inputs[i], layout_of(kernel_->input_layouts, i)) : Tensor{});
  }
  const graph::Node& node = case_graph_.graph.node(case_graph_.node);
  for (std::size_t i = 0; i < query_.outputs.size(); ++i) {
    const TensorSpec& spec = query_.outputs[i];
    if (!spec.present()) {
      memory.outputs.emplace_back();
      continue;
    }
    if (node.op->is_commit) {
      const std::size_t source = UpdateLayout::of(node.attrs).input_of_output(i);
      memory.outputs.push_back(memory.inputs[source]);
      continue;
    }
    Tensor output = guarded(spec, layout_of(kernel_->output_layouts, i),
                            spec.dtype == DType::kOpaque ? kernel_->opaque_bytes.at(i) : 0, poison);
    for (const auto& [out, in] : kernel_->inplace) {
      const Tensor& source = memory.inputs[static_cast<std::size_t>(in)];
      if (in_place && out == static_cast<int>(i) && source.defined() &&
          source.bytes() == output.bytes()) {
        std::memcpy(output.data(), source.data(), static_cast<std::size_t>(source.bytes()));
        memory.inputs[static_cast<std::size_t>(in)] = output;
        break;
      }
    }
    memory.outputs.push_back(output);
  }
  TensorSpec workspace;
  workspace.dtype = DType::kOpaque;
  memory.workspace = guarded(workspace, {}, kernel_->workspace_bytes, poison);
  return memory;
}

// Copies of all buffers on the device, guard words and all, so that what shares memory here shares
// it there; back again when the kernel is done.
void CaseKernel::execute_on_device(Memory& memory) {
  DeviceMemory& there = device_->memory();
  const auto stream = device_->make_stream();
  std::map<Buffer*, std::shared_ptr<Buffer>> copies;
  const auto address = [&](const Tensor& tensor) -> void* {
    if (!tensor.defined()) {
      return nullptr;
    }
    Buffer& buffer = *tensor.buffer();
    std::shared_ptr<Buffer>& copy = copies[&buffer];
    if (copy == nullptr) {
      copy = Buffer::allocate(buffer.bytes(), "a case's tensor", there);
      there.copy_in(copy->address(), buffer.data(), buffer.bytes(), *stream);
    }
    return copy->address() + (tensor.address() - buffer.data());
  };
  std::vector<void*> inputs, outputs;
  std::transform(memory.inputs.begin(), memory.inputs.end(), std::back_inserter(inputs), address);
  std::transform(memory.outputs.begin(), memory.outputs.end(), std::back_inserter(outputs),
                 address);
  const auto faults = there.make_host_buffer(sizeof(IndexFault), "an index fault");
  KernelArgs args{inputs.data(), outputs.data(), address(memory.workspace)};
  args.fault = new (faults->data()) IndexFault;
  args.stream = stream.get();
  const auto state = kernel_->bind(args);
  args.state = state.get();
  kernel_->run(args);
  for (const auto& [buffer, copy] : copies) {
    there.copy_out(buffer->data(), copy->address(), buffer->bytes(), *stream);
  }
  stream->wait_all();
}

void CaseKernel::execute(Memory& memory) {
  if (device_ != nullptr && !device_->memory().is_host()) {
    execute_on_device(memory);
    return;
  }
  std::vector<void*> inputs;
  std::vector<void*> outputs;
  for (Tensor& tensor : memory.inputs) {
    inputs.push_back(tensor.data());
  }
  for (Tensor& tensor : memory.outputs) {
    outputs.push_back(tensor.data());
  }
  KernelArgs args{inputs.data(), outputs.data(), memory.workspace.data()};
  const auto state = kernel_->bind(args);
  args.state = state.get();
  kernel_->run(args);
}

std::vector<Tensor> CaseKernel::plain_outputs(const Memory& memory) const {
  std::vector<Tensor> plain;
  for (std::size_t i = 0; i < memory.outputs.size(); ++i) {
    const bool readable = query_.outputs[i].present() && query_.outputs[i].dtype != DType::kOpaque;
    plain.push_back(readable ? memory.outputs[i].to_plain() : Tensor{});
  }
  return plain;
}

void CaseKernel::inspect(const Memory& memory, const std::vector<Tensor>& inputs,
                         std::vector<std::string>& complaints) const {
  const bool commits = case_graph_.graph.node(case_graph_.node).op->is_commit;
  for (std::size_t i = 0; i < memory.outputs.size(); ++i) {
    const Tensor& output = memory.outputs[i];
    if (!output.defined() || commits) {
      continue;
    }
    if (!guard_intact(output)) {
      complaints.push_back(concat("output ", i, ": bytes behind the end were written"));
    }
    if (!output.layout().plain && !padding_is_zero(output)) {
      complaints.push_back(concat("output ", i, ": padding is not zero"));
    }
  }
  if (!guard_intact(memory.workspace)) {
    complaints.push_back("bytes behind the workspace were written");
  }
  for (std::size_t i = 0; i < inputs.size() && !commits; ++i) {
    if (inputs[i].defined() && !equal_bits(inputs[i], memory.inputs[i].to_plain())) {
      complaints.push_back(concat("input ", i, " was written"));
    }
  }
}

KernelResult CaseKernel::run_checked(const std::vector<Tensor>& inputs, void (*before_run)(int)) {
  KernelResult result;
  int runs = 0;
  const auto next_run = [&] {
    if (before_run != nullptr) {
      before_run(runs++);
    }
  };
  next_run();
  Memory ones = make_memory(inputs, 0xFF, false);
  execute(ones);
  inspect(ones, inputs, result.complaints);
  result.outputs = plain_outputs(ones);
  const auto compare = [&](Memory memory, const char* when) {
    next_run();
    execute(memory);
    const std::vector<Tensor> again = plain_outputs(memory);
    for (std::size_t i = 0; i < again.size(); ++i) {
      if (again[i].defined() && !same_bytes(again[i], result.outputs[i])) {
        result.complaints.push_back(concat("output ", i, " differs ", when));
      }
    }
  };
  compare(make_memory(inputs, 0, false), "on zeroed memory: elements are not written, or vary");
  compare(make_memory(inputs, 0xFF, true), "when run in place");
  return result;
}

std::vector<Tensor> CaseKernel::run(const std::vector<Tensor>& inputs) {
  Memory memory = make_memory(inputs, 0, false);
  execute(memory);
  return plain_outputs(memory);
}

const Backend& reference_backend() {
  static const std::unique_ptr<Backend> backend = reference::make_reference_backend();
  return *backend;
}

const KernelImpl* reference_row(std::string_view op) {
  const auto& rows = reference_backend().kernels().rows(op);
  return rows.empty() ? nullptr : rows.front().get();
}

const KernelImpl* reference_row(const CaseGraph& case_graph) {
  const graph::OpDef& op = *case_graph.graph.node(case_graph.node).op;
  for (const auto& row : reference_backend().kernels().rows(op.name())) {
    if (CaseKernel::refusal(case_graph, *row).empty()) {
      return row.get();
    }
  }
  return nullptr;
}

ReferenceCase::ReferenceCase(const CaseGraph& case_graph) : case_graph_(case_graph) {
  const KernelImpl* row = reference_row(case_graph);
  const graph::OpDef& op = *case_graph.graph.node(case_graph.node).op;
  const bool expands = op.is_expanded && reference_row(op.name()) == nullptr;
  TEMPER_CHECK(row != nullptr || expands, ErrorCode::kUnsupported, "no reference kernel takes ",
               op.name());
  if (row != nullptr) {
    kernel_ = std::make_unique<CaseKernel>(case_graph, *row);
  }
}

KernelResult ReferenceCase::run_checked(const std::vector<Tensor>& inputs) {
  return kernel_ != nullptr ? kernel_->run_checked(inputs) : KernelResult{run(inputs), {}};
}

std::vector<Tensor> ReferenceCase::run(const std::vector<Tensor>& inputs) {
  if (kernel_ != nullptr) {
    return kernel_->run(inputs);
  }
  const graph::Node& node = case_graph_.graph.node(case_graph_.node);
  std::map<ValueId, Tensor> known;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].defined()) {
      known[node.inputs[i]] = inputs[i];
    }
  }
  std::vector<Tensor> outputs;
  for (const ValueId output : node.outputs) {
    outputs.push_back(
        output.valid()
            ? graph::evaluate(case_graph_.graph, reference_backend(), known, {output}, 1).front()
            : Tensor{});
  }
  return outputs;
}

}  // namespace temper::op_suite
