// The border to a device's memory, and that the host is stopped at it.
#include "runtime/memory/device_memory.h"

#include <gtest/gtest.h>

#include "backends/backends.h"
#include "runtime/base/error.h"
#include "runtime/memory/tensor.h"
#include "tests/guarded_backend.h"

namespace temper {
namespace {

TEST(DeviceMemory, OfTheHostIsTheDefault) {
  const Tensor tensor(DType::kFloat32, Shape{3});
  EXPECT_TRUE(tensor.buffer()->is_host());
  EXPECT_EQ(tensor.buffer()->data(), tensor.buffer()->address());
  EXPECT_TRUE(host_memory().is_host());
}

TEST(DeviceMemory, OfADeviceIsNotReadByTheHost) {
  const auto backend = test::make_guarded_backend(make_backend("reference"));
  Tensor tensor(DType::kFloat32, Shape{3}, {}, Buffer::allocate(12, "a test", backend->memory()));
  const auto is_refused = [](const auto& f) {
    try {
      f();
    } catch (const Error& error) {
      return error.code() == ErrorCode::kInternal;
    }
    return false;
  };
  EXPECT_TRUE(is_refused([&] { tensor.data(); }));
  EXPECT_TRUE(is_refused([&] { tensor.span<float>(); }));
  EXPECT_TRUE(is_refused([&] { tensor.values<float>(); }));
  EXPECT_TRUE(is_refused([&] { tensor.to_plain(); }));
  EXPECT_NE(tensor.address(), nullptr);
}

TEST(DeviceMemoryDeathTest, EndsAProgramThatReachesForIt) {
  const auto backend = test::make_guarded_backend(make_backend("reference"));
  const auto buffer = Buffer::allocate(64, "a test", backend->memory());
  const volatile std::byte* address = buffer->address();
  EXPECT_DEATH(static_cast<void>(*address), "");
}

TEST(DeviceMemory, CopiesInTheOrderTheyWereAskedFor) {
  const auto backend = test::make_guarded_backend(make_backend("reference"));
  DeviceMemory& memory = backend->memory();
  const auto stream = backend->make_stream();
  const auto a = Buffer::allocate(8, "a", memory), b = Buffer::allocate(8, "b", memory);
  std::int64_t value = 41, first = -1, second = -1, third = -1;
  memory.copy_in(a->address(), &value, sizeof value, *stream);
  value = 43;  // the copy has begun
  memory.copy_out(&first, a->address(), sizeof first, *stream);
  const Stream::Mark after_first = stream->mark();
  memory.copy_within(b->address(), a->address(), 8, *stream);
  memory.zero(a->address(), 8, *stream);
  memory.copy_out(&second, a->address(), 8, *stream);
  memory.copy_out(&third, b->address(), 8, *stream);
  EXPECT_EQ(first, -1);  // later
  stream->wait(after_first);
  EXPECT_EQ(first, 41);
  EXPECT_EQ(second, -1);
  stream->wait_all();
  EXPECT_EQ(second, 0);
  EXPECT_EQ(third, 41);
}

}  // namespace
}  // namespace temper
