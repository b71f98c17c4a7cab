// Products of f32 in TF32 (train.tf32), on the emulated device.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "runtime/memory/buffer.h"

namespace temper {
namespace {

// a b of one row and one column each, on the device.
float product(bool tf32, const std::vector<float>& a, const std::vector<float>& b) {
  const auto backend = make_backend(kEmulatedCudaDevice);
  Attrs none;
  OpQuery query;
  query.op = "MatMul";
  query.attrs = &none;
  const auto k = static_cast<std::int64_t>(a.size());
  const auto matrix = [](std::int64_t rows, std::int64_t columns) {
    TensorSpec spec;
    spec.dtype = DType::kFloat32;
    spec.shape = {rows, columns};
    return spec;
  };
  query.inputs = {matrix(1, k), matrix(k, 1)};
  query.outputs = {matrix(1, 1)};
  query.tf32 = tf32;
  const SelectedKernel selected = select_kernel(*backend, query);
  EXPECT_EQ(selected.kernel->description.ends_with(" TF32"), tf32);
  DeviceMemory& memory = backend->memory();
  const auto stream = backend->make_stream();
  const auto on_device = [&](const std::vector<float>& values) {
    auto buffer = Buffer::allocate(values.size() * sizeof(float), "a matrix", memory);
    memory.copy_in(buffer->address(), values.data(), values.size() * sizeof(float), *stream);
    return buffer;
  };
  const auto a_there = on_device(a), b_there = on_device(b), y_there = on_device({0});
  void* inputs[] = {a_there->address(), b_there->address()};
  void* outputs[] = {y_there->address()};
  KernelArgs args;
  args.inputs = inputs;
  args.outputs = outputs;
  args.stream = stream.get();
  selected.kernel->run(args);
  float y = 0;
  memory.copy_out(&y, y_there->address(), sizeof y, *stream);
  stream->wait_all();
  return y;
}

class Tf32 : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_emulated_cuda_backend()) {
      GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
    }
  }
};

// 1 + 2^-10 is the smallest number above 1 that TF32 has, and 1 + 2^-11 lies in the middle.
TEST_F(Tf32, KeepsTenBitsOfEachFactor) {
  const float step = std::ldexp(1.0f, -10), less = std::ldexp(1.0f, -12);
  EXPECT_EQ(product(true, {1 + step}, {1}), 1 + step);
  EXPECT_EQ(product(true, {1 + less}, {1}), 1);
  EXPECT_EQ(product(true, {1}, {1 + less}), 1);
  EXPECT_EQ(product(true, {1 + 3 * less}, {1}), 1 + step);
  EXPECT_EQ(product(true, {-1 - 2 * less}, {1}), -1 - step);  // ties away from zero
  EXPECT_TRUE(std::isinf(product(true, {INFINITY}, {1})));
  EXPECT_TRUE(std::isnan(product(true, {NAN}, {1})));
}

TEST_F(Tf32, IsLeftOutUnlessItIsAskedFor) {
  const float less = std::ldexp(1.0f, -12);
  EXPECT_EQ(product(false, {1 + less, 1}, {1, 1 + less}), 2 + 2 * less);
  EXPECT_EQ(product(true, {1 + less, 1}, {1, 1 + less}), 2);
}

TEST_F(Tf32, IsSaidByTheDevicesThatHaveIt) {
  EXPECT_TRUE(make_backend(kEmulatedCudaDevice)->has_tf32());
  EXPECT_FALSE(make_backend("cpu")->has_tf32());
}

}  // namespace
}  // namespace temper
