// SHA-256 against the examples of FIPS 180-4 (NIST's cryptographic standards pages), by each of the
// two inner loops.
#include "training/formats/sha256.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <vector>

#include "tests/training/test_files.h"
#include "training/formats/sha256_blocks.h"

namespace temper::training {
namespace {

std::string digest(std::string_view text, std::size_t step) {
  Sha256 hash;
  for (std::size_t i = 0; i < text.size(); i += step) {
    hash.update(text.substr(i, step));
  }
  return hash.finish();
}

TEST(Sha256, HasTheDigestsOfTheStandard) {
  const std::vector<std::pair<std::string, std::string>> examples = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {std::string(1'000'000, 'a'),
       "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"}};
  for (const auto& [text, expected] : examples) {
    for (const std::size_t step : {1, 3, 64, 1000, 1'000'000}) {
      EXPECT_EQ(digest(text, step), expected) << text.size() << " bytes, " << step << " at once";
    }
  }
}

TEST(Sha256, IsTheSameByTheProcessorsInstructions) {
  if (!has_sha_instructions()) {
    GTEST_SKIP() << "this processor has no SHA instructions";
  }
  std::vector<std::uint8_t> data(64 * 257);
  std::uint32_t number = 1;
  for (std::uint8_t& byte : data) {
    number = number * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(number >> 24);
  }
  for (const std::size_t count : {0, 1, 2, 257}) {
    std::array<std::uint32_t, 8> one = {1, 2, 3, 4, 5, 6, 7, 8};
    std::array<std::uint32_t, 8> two = one;
    sha256_blocks_portable(one.data(), data.data(), count);
    sha256_blocks_x86(two.data(), data.data(), count);
    EXPECT_EQ(one, two) << count << " blocks";
  }
}

}  // namespace
}  // namespace temper::training
