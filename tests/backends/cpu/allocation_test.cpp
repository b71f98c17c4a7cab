// A prepared kernel's run() allocates nothing outside the library, whose own allocations are
// counted apart.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "backends/cpu/library_calls.h"
#include "tests/backends/cpu/kernel_run.h"

namespace {

thread_local bool counting = false;
thread_local int ours = 0;

void* counted_or_null(std::size_t bytes) noexcept {
  if (counting && !temper::cpu::in_library_call()) {
    ++ours;
  }
  return std::malloc(bytes == 0 ? 1 : bytes);
}

void* counted(std::size_t bytes) {
  void* p = counted_or_null(bytes);
  if (p == nullptr) {
    throw std::bad_alloc();
  }
  return p;
}

}  // namespace

void* operator new(std::size_t bytes) { return counted(bytes); }
void* operator new[](std::size_t bytes) { return counted(bytes); }
// std::stable_sort asks by these.
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return counted_or_null(bytes);
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }

namespace temper::cpu {
namespace {

struct Runnable {
  SelectedKernel selected;
  std::vector<Tensor> tensors;
  std::vector<void*> in, out;
  std::shared_ptr<Buffer> workspace;
  std::unique_ptr<KernelState> state;

  Runnable(std::string_view op, const Attrs& attrs, const std::vector<Tensor>& inputs,
           const std::vector<Value>& outputs) {
    const OpQuery query = make_query(op, attrs, inputs, outputs, {});
    selected = select_kernel(cpu_backend(), query);
    const Kernel& kernel = *selected.kernel;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      tensors.emplace_back(inputs[i].dtype(), inputs[i].shape(),
                           kernel.input_layouts.empty() ? Layout{} : kernel.input_layouts[i]);
      in.push_back(tensors.back().data());
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      tensors.emplace_back(outputs[i].dtype, outputs[i].shape,
                           kernel.output_layouts.empty() ? Layout{} : kernel.output_layouts[i]);
      out.push_back(tensors.back().data());
    }
    workspace = Buffer::allocate(kernel.workspace_bytes + 1);
    state = selected.kernel->bind(args());
    selected.kernel->run(args());
  }
  KernelArgs args() const {
    return {in.data(), out.data(), workspace->data(), nullptr, state.get()};
  }

  int allocations() {
    const KernelArgs arguments = args();
    ours = 0;
    counting = true;
    selected.kernel->run(arguments);
    counting = false;
    return ours;
  }
};

TEST(CpuAllocations, RunAllocatesNothingOfItsOwn) {
  const Tensor image = random_tensor(Shape{2, 16, 12, 12}, 1),
               w = random_tensor(Shape{32, 16, 3, 3}, 2);
  const Tensor a = random_tensor(Shape{64, 300}, 3), b = random_tensor(Shape{300, 500}, 4);
  const Tensor labels(DType::kInt64, Shape{64});
  const Attrs conv{{"pads", std::vector<std::int64_t>{1, 1, 1, 1}},
                   {"kernel_shape", std::vector<std::int64_t>{3, 3}}};
  const Attrs rows{{"axes", std::vector<std::int64_t>{0}}};
  const Value matrix{.shape = a.shape()};
  EXPECT_EQ(Runnable("Conv", conv, {image, w}, {{.shape = Shape{2, 32, 12, 12}}}).allocations(), 0);
  EXPECT_EQ(Runnable("Gemm", {}, {a, b}, {{.shape = Shape{64, 500}}}).allocations(), 0);
  EXPECT_EQ(Runnable("Softmax", {{"axis", std::int64_t{1}}}, {a}, {matrix}).allocations(), 0);
  EXPECT_EQ(Runnable("Relu", {}, {a}, {matrix}).allocations(), 0);
  EXPECT_EQ(Runnable("Add", {}, {a, random_tensor(Shape{300}, 5)}, {matrix}).allocations(), 0);
  EXPECT_EQ(Runnable("GlobalNorm", {}, {a, b}, {{.shape = Shape{}}}).allocations(), 0);
  EXPECT_EQ(Runnable("ReduceSum", rows, {b}, {{.shape = Shape{500}}}).allocations(), 0);
  EXPECT_EQ(Runnable("CrossEntropy", {}, {a, labels}, {{.shape = Shape{}}, matrix}).allocations(),
            0);
}

TEST(CpuAllocations, TheCounterSeesAnAllocationOfOurs) {
  ours = 0;
  counting = true;
  const auto kernel = make_kernel([](const KernelArgs&) {});
  counting = false;
  EXPECT_EQ(ours, 1);
}

TEST(CpuAllocations, LibraryCallsAreCountedAndMarked) {
  const Tensor a = random_tensor(Shape{64, 300}, 3), b = random_tensor(Shape{300, 500}, 4);
  Runnable gemm("Gemm", {}, {a, b}, {{.shape = Shape{64, 500}}});
  const auto before = library_call_count();
  gemm.allocations();
  const bool has_library = cpu_backend().fingerprint().starts_with("onednn");
  EXPECT_EQ(library_call_count(), before + (has_library ? 1 : 0));
  EXPECT_FALSE(in_library_call());
  const LibraryCall call;
  EXPECT_TRUE(in_library_call());
}

}  // namespace
}  // namespace temper::cpu
