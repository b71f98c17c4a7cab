// Memory that a buffer owns, and memory that it only shows.
#include "runtime/memory/buffer.h"

#include <gtest/gtest.h>

#include <array>

namespace temper::test {
namespace {

TEST(Buffer, OfSomebodyElsesMemoryDoesNotFreeIt) {
  std::array<std::byte, 8> memory{};  // on the stack: freeing it would end the process
  const auto buffer = Buffer::wrap(memory.data(), memory.size(), nullptr);
  EXPECT_EQ(buffer->data(), memory.data());
  EXPECT_EQ(buffer->bytes(), memory.size());
}

TEST(Buffer, KeepsTheOwnerOfItsMemoryAlive) {
  auto owner = std::make_shared<int>(7);
  auto buffer = Buffer::wrap(owner.get(), sizeof(int), owner);
  EXPECT_EQ(owner.use_count(), 2);
  buffer.reset();
  EXPECT_EQ(owner.use_count(), 1);
}

}  // namespace
}  // namespace temper::test
