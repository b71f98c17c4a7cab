#include "backends/cpu/random_loops.h"

#include "backends/cpu/instruction_sets.h"

namespace temper::cpu {
namespace {

constexpr int kBlocks = kPhiloxWords / 4;  // side by side in vectors

// The blocks `first`, .. : philox4x32_10() of philox.h on kBlocks counters at once.
[[gnu::always_inline]] inline void philox_group(const PhiloxStream& stream, std::uint64_t first,
                                                std::uint32_t* words) {
  std::uint32_t c[4][kBlocks];
  for (int j = 0; j < kBlocks; ++j) {
    const std::uint64_t number = first + static_cast<std::uint64_t>(j);
    c[0][j] = static_cast<std::uint32_t>(number);
    c[1][j] = static_cast<std::uint32_t>(number >> 32);
    c[2][j] = stream.high()[0];
    c[3][j] = stream.high()[1];
  }
  std::uint32_t key0 = stream.key()[0], key1 = stream.key()[1];
  for (int round = 0; round < 10; ++round) {
    for (int j = 0; j < kBlocks; ++j) {
      const std::uint64_t a = std::uint64_t{0xD2511F53u} * c[0][j];
      const std::uint64_t b = std::uint64_t{0xCD9E8D57u} * c[2][j];
      c[0][j] = static_cast<std::uint32_t>(b >> 32) ^ c[1][j] ^ key0;
      c[1][j] = static_cast<std::uint32_t>(b);
      c[2][j] = static_cast<std::uint32_t>(a >> 32) ^ c[3][j] ^ key1;
      c[3][j] = static_cast<std::uint32_t>(a);
    }
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  for (int j = 0; j < kBlocks; ++j) {
    for (int k = 0; k < 4; ++k) {
      words[4 * j + k] = c[k][j];
    }
  }
}

}  // namespace

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void philox_words(const PhiloxStream& stream, std::uint64_t first, std::int64_t blocks,
                  std::uint32_t* words) {
  for (std::int64_t done = 0; done < blocks; done += kBlocks) {
    philox_group(stream, first + static_cast<std::uint64_t>(done), words + 4 * done);
  }
}

TEMPER_CLONES("arch=x86-64-v4", "arch=x86-64-v3", "default")
void drop(const std::uint32_t* words, std::uint32_t bound, const float* x, float scale, float* y,
          bool* mask, std::int64_t n) {
  if (y != nullptr) {
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      y[i] = (words[i] >> 8) >= bound ? x[i] * scale : 0.0f;
    }
  }
  if (mask != nullptr) {
    auto* bytes = reinterpret_cast<unsigned char*>(mask);
    for (std::int64_t i = 0; i < n; ++i) {
      bytes[i] = (words[i] >> 8) >= bound ? 1 : 0;
    }
  }
}

}  // namespace temper::cpu
