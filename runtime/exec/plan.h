// A plan: prepared kernels in order, and where every value lies. Immutable once lowered; made by
// graph/lowering, run by an Executor.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "runtime/backend/kernel.h"
#include "runtime/base/port.h"
#include "runtime/memory/tensor.h"

namespace temper {

// Where a value lies. Offsets are in bytes.
struct Location {
  enum class Kind {
    kNone,
    kArena,     // at `offset` of the arena
    kFlat,      // at `offset` of the plan's flat gradient block
    kVariable,  // variable `index` of the store
    kConstant,  // constant `index` of the plan
    kInput,     // wherever input `index` is bound
    kReadings,  // at `offset` of the executor's block of readings
  };
  Kind kind = Kind::kNone;
  int index = -1;
  std::int64_t offset = 0;
};

struct PlanStep {
  std::unique_ptr<const Kernel> kernel;
  std::vector<Location> inputs;
  std::vector<Location> outputs;
  Location workspace;
  std::int64_t bytes_read = 0, bytes_written = 0;  // of the inputs and outputs, each once
  std::vector<TensorSpec> output_specs;
  std::string op;
  std::string origin;                     // the node, for messages and profiles
  std::string family;                     // whose kernel it is
  std::vector<std::string> refusals;      // why the rows before it were not taken
  DType input_type = DType::kUndefined;   // of the first float input; kUndefined: there is none
  DType output_type = DType::kUndefined;  // of the first float output
  bool converts = false;                  // does nothing but change the type

  // "bf16", "f32>bf16" where they differ, "" where neither is there.
  std::string precision() const;
};

struct PlanPort {
  std::string name;  // for people
  DType dtype = DType::kUndefined;
  Shape shape;  // plain layout
  Location location;
  Port port;
  // Outputs: where the value lies in the block of readings (the loss, the norm, counts: what is
  // small and read at each step is read together); -1 for larger ones.
  std::int64_t reading = -1;
};

// Outputs of up to so many bytes are readings.
inline constexpr std::int64_t kLargestReading = 256;

struct Plan {
  std::vector<PlanStep> steps;
  // So many of them, at the beginning, give the same in every run: they run again only when
  // variables changed or another plan used the arena.
  std::size_t settled_steps = 0;
  std::vector<PlanPort> inputs;
  std::vector<PlanPort> outputs;
  std::vector<Tensor> constants;
  std::int64_t arena_bytes = 0;
  std::int64_t flat_bytes = 0;  // gradients of the trainable parameters
  std::int64_t readings_bytes = 0;
  std::int64_t kernel_bytes = 0;  // what the kernels keep for themselves
  int threads = 1;
  std::vector<int> variables;  // of the store: each of the graph's

  // Where the inputs and the outputs have this port, or -1. COST: linear.
  int input(Port port) const;
  int output(PortRole role, int index = 0) const;
  // Casts from one float type to another, in a run.
  int float_casts() const;
};

}  // namespace temper
