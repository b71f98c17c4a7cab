#include "runtime/exec/executor.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "runtime/base/error.h"

namespace temper {
namespace {

int find_port(const std::vector<PlanPort>& ports, Port port) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    if (ports[i].port == port) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

}  // namespace

std::string PlanStep::precision() const {
  const DType from = input_type == DType::kUndefined ? output_type : input_type;
  const DType to = output_type == DType::kUndefined ? from : output_type;
  return from == DType::kUndefined ? std::string()
         : from == to              ? std::string(to_string(to))
                                   : concat(from, ">", to);
}

int Plan::float_casts() const {
  return static_cast<int>(std::count_if(steps.begin(), steps.end(), [](const PlanStep& step) {
    return step.op == "Cast" && is_float(step.input_type) && is_float(step.output_type);
  }));
}

int Plan::input(Port port) const { return find_port(inputs, port); }
int Plan::output(PortRole role, int index) const { return find_port(outputs, {role, index}); }

void Arena::reserve(const Plan& plan) {
  TEMPER_ASSERT((buffer_ == nullptr && flat_buffer_ == nullptr) || holds(plan),
                "the arena is in use");
  bytes_ = std::max(bytes_, plan.arena_bytes);
  flat_bytes_ = std::max(flat_bytes_, plan.flat_bytes);
}

std::byte* Arena::data() {
  if (buffer_ == nullptr) {
    buffer_ = Buffer::allocate(static_cast<std::size_t>(bytes_), "the plan's arena");
  }
  return buffer_->data();
}

std::byte* Arena::flat() {
  if (flat_buffer_ == nullptr) {
    flat_buffer_ = Buffer::allocate(static_cast<std::size_t>(flat_bytes_), "the gradients");
  }
  return flat_buffer_->data();
}

Executor::Executor(const Plan& plan, VariableStore& store, Arena& arena)
    : plan_(&plan), store_(&store), arena_(&arena), fault_(std::make_unique<IndexFault>()) {
  TEMPER_ASSERT(arena.holds(plan), "the arena has ", arena.bytes(), " bytes, the plan needs ",
                plan.arena_bytes);
  arena.data();
  input_uses_.resize(plan.inputs.size());
  pointers_.reserve(plan.steps.size() * 2);
  for (const PlanStep& step : plan.steps) {
    for (const auto* locations : {&step.inputs, &step.outputs}) {
      auto& pointers = pointers_.emplace_back();
      pointers.resize(locations->size() + 1, nullptr);
      for (std::size_t i = 0; i < locations->size(); ++i) {
        const Location& location = (*locations)[i];
        if (location.kind == Location::Kind::kInput) {
          input_uses_[static_cast<std::size_t>(location.index)].push_back(&pointers[i]);
        } else {
          pointers[i] = address(location);
        }
      }
    }
    const auto& outputs = pointers_[pointers_.size() - 1];
    const auto& inputs = pointers_[pointers_.size() - 2];
    KernelArgs args{inputs.data(), outputs.data(), address(step.workspace), fault_.get()};
    std::unique_ptr<KernelState> state = step.kernel->bind(args);
    args.state = state.get();
    steps_.push_back({step.kernel.get(), args, std::move(state)});
  }
  for (const PlanPort& port : plan.outputs) {
    if (port.location.kind == Location::Kind::kInput) {
      outputs_.emplace_back();  // an input handed through: bind_input() sets it
      continue;
    }
    const auto bytes = static_cast<std::size_t>(storage_bytes(port.dtype, port.shape, {}));
    outputs_.emplace_back(port.dtype, port.shape, Layout{},
                          Buffer::wrap(address(port.location), bytes, arena.owner()));
  }
}

void* Executor::address(const Location& location) const {
  switch (location.kind) {
    case Location::Kind::kArena:
      return arena_->data() + location.offset;
    case Location::Kind::kFlat:
      return arena_->flat() + location.offset;
    case Location::Kind::kVariable:
      return store_->tensor(location.index).data();
    case Location::Kind::kConstant:
      return const_cast<void*>(plan_->constants[static_cast<std::size_t>(location.index)].data());
    case Location::Kind::kNone:
    case Location::Kind::kInput:
      break;
  }
  return nullptr;
}

void Executor::bind_input(int index, const void* data) {
  for (void** use : input_uses_[static_cast<std::size_t>(index)]) {
    *use = const_cast<void*>(data);
  }
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const PlanPort& port = plan_->outputs[i];
    if (port.location.kind == Location::Kind::kInput && port.location.index == index) {
      const auto bytes = static_cast<std::size_t>(storage_bytes(port.dtype, port.shape, {}));
      outputs_[i] = Tensor(port.dtype, port.shape, Layout{},
                           Buffer::wrap(const_cast<void*>(data), bytes, arena_->owner()));
    }
  }
}

void Executor::fail_index(std::size_t step) const {
  fail(ErrorCode::kInvalidData, plan_->steps[step].origin, " got the index ", fault_->index(),
       ", expected ", fault_->low(), " to ", fault_->high() - 1,
       ": the model computed it from its inputs, or it stands in them");
}

void Executor::run() {
  fault_->clear();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    steps_[i].kernel->run(steps_[i].args);
    if (fault_->noted()) [[unlikely]] {
      fail_index(i);
    }
  }
}

void Executor::run_profiled(std::vector<double>& seconds) {
  seconds.resize(steps_.size(), 0.0);
  fault_->clear();
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const auto began = std::chrono::steady_clock::now();
    steps_[i].kernel->run(steps_[i].args);
    seconds[i] += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    if (fault_->noted()) [[unlikely]] {
      fail_index(i);
    }
  }
}

namespace {

bool all_finite(const TensorSpec& spec, const void* data) {
  if (data == nullptr || (spec.dtype != DType::kFloat32 && spec.dtype != DType::kFloat64)) {
    return true;
  }
  return visit_float(spec.dtype, [&]<class T>() {
    const T* values = static_cast<const T*>(data);
    return std::all_of(values, values + storage_elements(spec.shape, spec.layout),
                       [](T value) { return std::isfinite(value); });
  });
}

bool writes_variables(const PlanStep& step) {
  return std::any_of(step.outputs.begin(), step.outputs.end(), [](const Location& location) {
    return location.kind == Location::Kind::kVariable;
  });
}

}  // namespace

int Executor::first_non_finite_step() {
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const PlanStep& step = plan_->steps[i];
    if (writes_variables(step)) {
      continue;
    }
    steps_[i].kernel->run(steps_[i].args);
    for (std::size_t j = 0; j < step.outputs.size(); ++j) {
      if (!all_finite(step.output_specs[j], steps_[i].args.outputs[j])) {
        return static_cast<int>(i);
      }
    }
  }
  return -1;
}

}  // namespace temper
