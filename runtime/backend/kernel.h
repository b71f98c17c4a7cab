// A kernel is chosen and prepared once, when a plan is made, and then only run. Two phases:
// KernelImpl (a row of the table) answers supports(OpQuery) and makes a Kernel by prepare(OpQuery);
// the Kernel holds all that was decided (a oneDNN primitive, collapsed shapes), never changes after
// that, and run() allocates nothing. What depends on addresses or must last from one run to the
// next (a table of flat ranges, oneDNN's memory objects) is a KernelState, made by bind() and kept
// by whoever runs the kernel: a plan may be run by several executors.
//
// Layouts. A query names the layout each input arrives in. prepare() sets the layouts the kernel
// wants (`input_layouts`) and gives (`output_layouts`); lowering inserts a Reorder where an input
// differs, and a Reorder behind an output whose layout was fixed and differs. A kernel that wants
// plain tensors everywhere (all of the reference backend) leaves both lists empty.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/attrs.h"
#include "runtime/base/dtype.h"
#include "runtime/base/layout.h"
#include "runtime/base/shape.h"

namespace temper {

class Kernel;
class Stream;

struct TensorSpec {
  DType dtype = DType::kUndefined;  // kUndefined: an optional input or output that is not there
  Shape shape;
  Layout layout;
  // Input: a variable whose layout nobody has chosen yet; output: any layout will do.
  bool layout_free = false;

  bool present() const { return dtype != DType::kUndefined; }
  std::int64_t bytes() const { return storage_bytes(dtype, shape, layout); }
};

struct OpQuery {
  std::string_view op;
  const Attrs* attrs = nullptr;
  std::vector<TensorSpec> inputs;
  // An output that nobody reads is not present; a kernel then need not compute it (saved values
  // too).
  std::vector<TensorSpec> outputs;
  int threads = 1;
  bool tf32 = false;  // products of f32 may take TF32, where the device has it
  // For the gradient of an op with opaque saved outputs: the forward's prepared kernel.
  const Kernel* forward = nullptr;
};

inline bool has_input(const OpQuery& query, std::size_t i) {
  return i < query.inputs.size() && query.inputs[i].present();
}
inline bool has_output(const OpQuery& query, std::size_t i) {
  return i < query.outputs.size() && query.outputs[i].present();
}

// "No" with its reason is a normal answer; without one, the row is not meant for such queries and
// nobody needs to hear of it.
struct Support {
  bool ok = true;
  std::string reason;

  static Support yes() { return {}; }
  static Support no(std::string why) { return {false, std::move(why)}; }
  static Support not_concerned() { return {false, {}}; }
};

// The first index or label met by a kernel that lies outside the tensor it picks from. Kernels do
// not throw, so they note it here, from any of their threads, and whoever ran them looks. A device
// writes it too, so it is a flag of 4 bytes and, from byte 8, three numbers of 8.
class IndexFault {
 public:
  // Valid ones are from `low` to `high` - 1.
  void note(std::int64_t index, std::int64_t low, std::int64_t high) {
    if (noted_.exchange(1, std::memory_order_relaxed) == 0) {
      index_ = index;
      low_ = low;
      high_ = high;
    }
  }
  bool noted() const { return noted_.load(std::memory_order_relaxed) != 0; }
  void clear() { noted_.store(0, std::memory_order_relaxed); }
  std::int64_t index() const { return index_; }
  std::int64_t low() const { return low_; }
  std::int64_t high() const { return high_; }

 private:
  std::atomic<std::int32_t> noted_ = 0;
  std::int64_t index_ = 0, low_ = 0, high_ = 0;
};

// What one executor keeps for one kernel.
class KernelState {
 public:
  virtual ~KernelState() = default;
  KernelState() = default;
  KernelState(const KernelState&) = delete;
  KernelState& operator=(const KernelState&) = delete;
};

// What run() gets: one pointer per input and output of the query (null when not present).
struct KernelArgs {
  void* const* inputs = nullptr;
  void* const* outputs = nullptr;
  void* workspace = nullptr;     // workspace_bytes, 64-byte aligned; contents undefined
  IndexFault* fault = nullptr;   // null: nobody asks
  KernelState* state = nullptr;  // what this kernel's bind() gave
  Stream* stream = nullptr;      // where the work is queued; null: on the calling thread

  // The state as the kernel's own type.
  template <class S>
  S& state_as() const {
    return static_cast<S&>(*state);
  }

  void note_index(std::int64_t index, std::int64_t low, std::int64_t high) const {
    if (fault != nullptr) {
      fault->note(index, low, high);
    }
  }
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  Kernel() = default;
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  // The state for these addresses, made before the first run() and given back in each; null: the
  // kernel needs none. Addresses of graph inputs may change later, the others may not.
  virtual std::unique_ptr<KernelState> bind(const KernelArgs& args) const {
    static_cast<void>(args);
    return nullptr;
  }
  // Threading: one thread at a time for each state. Allocates nothing, never throws on data.
  virtual void run(const KernelArgs& args) const = 0;

  // Set by prepare().
  std::size_t workspace_bytes = 0;
  // Memory of the kernel's own that grows with its tensors, such as a table of their parts.
  std::size_t kept_bytes = 0;
  std::vector<Layout> input_layouts;      // empty: plain
  std::vector<Layout> output_layouts;     // empty: plain
  std::vector<std::size_t> opaque_bytes;  // per output; only read for outputs of dtype kOpaque
  std::vector<std::pair<int, int>>
      inplace;              // (output, input) that may share memory if their bytes are equal
  std::string description;  // for `inspect --kernels`, such as "jit:avx512_core"
  // Where the machine lacks what a much faster kernel takes: what, and what to install.
  std::string slow_because;
};

class KernelImpl {
 public:
  virtual ~KernelImpl() = default;
  // "reference", "onednn", "cpu": nodes joined by an opaque value are all of one family.
  virtual std::string_view family() const = 0;
  // REQUIRES for a forward with a present opaque output: its gradient is supported as well.
  virtual Support supports(const OpQuery& query) const = 0;
  virtual std::unique_ptr<Kernel> prepare(const OpQuery& query) const = 0;
};

// A kernel made of one callable that takes (const KernelArgs&).
template <class F>
class FunctionKernel final : public Kernel {
 public:
  explicit FunctionKernel(F function) : function_(std::move(function)) {}
  void run(const KernelArgs& args) const override { function_(args); }

 private:
  F function_;
};

template <class F>
std::unique_ptr<Kernel> make_kernel(F function) {
  return std::make_unique<FunctionKernel<F>>(std::move(function));
}

}  // namespace temper
