// Memory that a buffer owns, and memory that it only shows.
#include "runtime/memory/buffer.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "runtime/base/error.h"

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

// Pages of a mapping that have memory; -1 where the system does not say.
std::int64_t resident_pages(std::byte* begin, std::size_t bytes) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident(bytes / page);
  if (::mincore(begin, bytes / page * page, resident.data()) != 0) {
    return -1;
  }
  return std::count_if(resident.begin(), resident.end(), [](int flags) { return flags % 2 == 1; });
}

TEST(Buffer, OfManyBytesIsZeroAndTakesMemoryWhenItIsTouched) {
  constexpr std::size_t kBytes = (std::size_t{5} << 20) + 7;
  for (int round = 0; round < 3; ++round) {  // what was freed comes back as zeros
    const auto buffer = Buffer::allocate(kBytes, "a test");
    auto* bytes = buffer->data();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(bytes) % kBufferAlignment, 0u);
    EXPECT_LE(resident_pages(bytes, kBytes), 0);
    EXPECT_TRUE(std::all_of(bytes, bytes + kBytes, [](std::byte b) { return b == std::byte{}; }));
    std::fill_n(bytes, kBytes, std::byte{0xa5});
    EXPECT_EQ(bytes[kBytes - 1], std::byte{0xa5});
  }
}

TEST(Buffer, ThatNoMachineHasIsAnError) {
  EXPECT_THROW(Buffer::allocate(std::size_t{1} << 60, "a test"), Error);
  EXPECT_THROW(Buffer::allocate(SIZE_MAX - 8, "a test"), Error);
}

}  // namespace
}  // namespace temper::test
