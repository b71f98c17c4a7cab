#include "runtime/exec/body_run.h"

#include <cstring>
#include <utility>

namespace temper {

BodyPlan::BodyPlan(Plan made, std::size_t input_count, std::size_t output_count)
    : plan(std::move(made)) {
  for (std::size_t i = 0; i < input_count; ++i) {
    inputs.push_back(plan.input({PortRole::kModelInput, static_cast<int>(i)}));
  }
  for (std::size_t i = 0; i < output_count; ++i) {
    outputs.push_back(plan.output(PortRole::kModelOutput, static_cast<int>(i)));
  }
}

namespace {

VariableStore& allocated(VariableStore& store) {
  store.allocate();
  return store;
}

}  // namespace

BodyRun::BodyRun(const BodyPlan& body)
    : body_(body),
      executor_(body.plan, allocated(store_), arena_),
      addresses_(body.inputs.size(), nullptr) {}

void BodyRun::bind(std::size_t i, void* address) {
  const int port = body_.inputs[i];
  if (port < 0 || address == addresses_[i]) {
    return;
  }
  const PlanPort& input = body_.plan.inputs[static_cast<std::size_t>(port)];
  const auto bytes = static_cast<std::size_t>(storage_bytes(input.dtype, input.shape, {}));
  executor_.bind_input(
      port, Tensor(input.dtype, input.shape, Layout{}, Buffer::wrap(address, bytes, nullptr)));
  addresses_[i] = address;
}

void BodyRun::bind(std::size_t i, const Tensor& tensor) {
  if (body_.inputs[i] >= 0) {
    executor_.bind_input(body_.inputs[i], tensor);
  }
}

Tensor BodyRun::make_input(std::size_t i) {
  if (body_.inputs[i] < 0) {
    return {};
  }
  const PlanPort& input = body_.plan.inputs[static_cast<std::size_t>(body_.inputs[i])];
  Tensor tensor(input.dtype, input.shape, Layout{}, "an input of a loop's body");
  executor_.bind_input(body_.inputs[i], tensor);
  return tensor;
}

void BodyRun::copy_output(std::size_t i, void* to) const {
  const Tensor& from = output(i);
  std::memcpy(to, from.data(), static_cast<std::size_t>(from.bytes()));
}

}  // namespace temper
