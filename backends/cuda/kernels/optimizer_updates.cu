// A block updates a chunk of the flat buffers; what depends on the step only is worked out once in
// it.
#include "backends/cuda/device/float16.cuh"
#include "backends/cuda/device/reduce.cuh"
#include "backends/cuda/kernels/optimizer_updates.h"
#include "backends/host/optimizer_forms.h"

namespace temper::cuda {
namespace {

template <class U>
struct Shared {
  U update;
  Scratch<double> scratch;
};

template <class U>
__device__ const double* numbers_of(const DeviceUpdate& d, std::int64_t group) {
  return d.numbers + group / d.scalars.phases * static_cast<std::int64_t>(U::kParameters.size());
}

// What depends on the step only. A number that lives from step to step is left as it was: other
// blocks still read it (advance_kernel).
template <class U>
__device__ U update_of(const DeviceUpdate& d, std::int64_t group) {
  UpdateStep step = d.scalars.step_of(group);
  double memory = step.memory == nullptr ? 0.0 : *step.memory;
  step.memory = &memory;
  return U::make(step, numbers_of<U>(d, group));
}

template <class U>
__device__ void apply(const U& u, const FlatRange& range, std::int64_t i) {
  constexpr auto kStates = U::kStates.size();
  float& p = reinterpret_cast<float*>(range.parameter)[i];
  const float g = reinterpret_cast<const float*>(range.gradient)[i];
  const auto state = [&](int n) -> float& { return reinterpret_cast<float*>(range.states[n])[i]; };
  if constexpr (kStates == 0) {
    u(p, g);
  } else if constexpr (kStates == 1) {
    u(p, g, state(0));
  } else if constexpr (kStates == 2) {
    u(p, g, state(0), state(1));
  } else {
    u(p, g, state(0), state(1), state(2));
  }
}

// The new value also in 16 bits, where the parameter has such a copy.
__device__ inline void write_copy(DType type, const FlatRange& range, std::int64_t i) {
  if (range.copy == nullptr) {
    return;
  }
  const float p = reinterpret_cast<const float*>(range.parameter)[i];
  if (type == DType::kBFloat16) {
    reinterpret_cast<BFloat16Bits*>(range.copy)[i] = p;
  } else {
    reinterpret_cast<Float16Bits*>(range.copy)[i] = p;
  }
}

// A block per chunk. All of its threads leave together where there is nothing to do.
template <class U>
__global__ void __launch_bounds__(kBlock, 2) update_kernel(const DeviceUpdate d) {
  Shared<U>& shared = shared_as<Shared<U>>();
  const UpdateChunk& chunk = d.chunks[blockIdx.x];
  if (!*d.ok) {
    return;
  }
  if (threadIdx.x == 0) {
    U made = update_of<U>(d, chunk.range.group);
    if constexpr (requires(const U& u) { u.with(UpdateSums{}); }) {
      UpdateSums total;
      for (std::int64_t c = chunk.first; c < chunk.end; ++c) {
        total.first += d.sums[c].first;
        total.second += d.sums[c].second;
        total.count += d.sums[c].count;
      }
      made = made.with(total);
    }
    shared.update = made;
  }
  __syncthreads();
  const U u = shared.update;
  if constexpr (requires { u.idle(); }) {
    if (u.idle()) {
      return;
    }
  }
  for (std::int64_t i = threadIdx.x; i < chunk.range.elements; i += blockDim.x) {
    apply(u, chunk.range, i);
    write_copy(d.copy_type, chunk.range, i);
  }
}

// The first pass of forms that measure each tensor: the sums of a chunk.
template <class U>
__global__ void __launch_bounds__(kBlock) measure_kernel(const DeviceUpdate d) {
  Shared<U>& shared = shared_as<Shared<U>>();
  const UpdateChunk& chunk = d.chunks[blockIdx.x];
  if (!*d.ok) {
    return;
  }
  if (threadIdx.x == 0) {
    shared.update = update_of<U>(d, chunk.range.group);
  }
  __syncthreads();
  const U u = shared.update;
  const FlatRange& range = chunk.range;
  double first = 0, second = 0;
  for (std::int64_t i = threadIdx.x; i < range.elements; i += blockDim.x) {
    const float p = reinterpret_cast<float*>(range.parameter)[i];
    const float g = reinterpret_cast<const float*>(range.gradient)[i];
    float& a = reinterpret_cast<float*>(range.states[0])[i];
    if constexpr (U::kStates.size() == 1) {
      u.measure(p, g, a, first, second);
    } else {
      u.measure(p, g, a, reinterpret_cast<float*>(range.states[1])[i], first, second);
    }
  }
  first = block_reduce<Sum>(first, shared.scratch, 0.0);
  second = block_reduce<Sum>(second, shared.scratch, 0.0);
  if (threadIdx.x == 0) {
    d.sums[blockIdx.x] = {first, second, static_cast<double>(range.elements)};
  }
}

// Moves on the number that each group keeps.
template <class U>
__global__ void advance_kernel(const DeviceUpdate d) {
  const std::int64_t group = thread_number();
  if (group < d.scalars.groups * d.scalars.phases && d.is_used[group] && *d.ok) {
    U::make(d.scalars.step_of(group), numbers_of<U>(d, group));
  }
}

template <class U>
void run_update(const DeviceUpdate& d, StreamHandle stream) {
  if constexpr (requires { &U::measure; }) {
    launch(measure_kernel<U>, d.chunk_count, kBlock, sizeof(Shared<U>), stream, d);
  }
  launch(update_kernel<U>, d.chunk_count, kBlock, sizeof(Shared<U>), stream, d);
  if constexpr (requires { U::kMovesMemory; }) {
    launch_elements(advance_kernel<U>, d.scalars.groups * d.scalars.phases, stream, d);
  }
}

struct Adder {
  std::vector<UpdateForm>& forms;

  template <class U>
  void add_form(const char* op) const {
    UpdateForm form;
    form.op = op;
    form.states.assign(U::kStates.begin(), U::kStates.end());
    form.parameters.assign(U::kParameters.begin(), U::kParameters.end());
    form.by_tensor = requires { &U::measure; };
    form.run = run_update<U>;
    forms.push_back(form);
  }
  template <template <class> class... Forms>
  void add(const char* op) const {
    (add_form<Forms<float>>(op), ...);
  }
};

}  // namespace

const std::vector<UpdateForm>& update_forms() {
  static const std::vector<UpdateForm> kForms = [] {
    std::vector<UpdateForm> forms;
    add_optimizer_updates(Adder{forms});
    return forms;
  }();
  return kForms;
}

}  // namespace temper::cuda
