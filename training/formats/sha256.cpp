// SHA-256 as FIPS 180-4 writes it.
#include "training/formats/sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>
#include <vector>

#include "runtime/platform/files.h"
#include "training/formats/sha256_blocks.h"

namespace temper::training {
namespace {

void one_block(std::uint32_t* state, const std::uint8_t* data) {
  std::array<std::uint32_t, 64> w;
  for (std::size_t i = 0; i < 16; ++i) {
    w[i] = static_cast<std::uint32_t>(data[4 * i]) << 24 |
           static_cast<std::uint32_t>(data[4 * i + 1]) << 16 |
           static_cast<std::uint32_t>(data[4 * i + 2]) << 8 |
           static_cast<std::uint32_t>(data[4 * i + 3]);
  }
  for (std::size_t i = 16; i < 64; ++i) {
    const std::uint32_t s0 = std::rotr(w[i - 15], 7) ^ std::rotr(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const std::uint32_t s1 = std::rotr(w[i - 2], 17) ^ std::rotr(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  std::array<std::uint32_t, 8> before;
  std::copy_n(state, 8, before.begin());
  auto [a, b, c, d, e, f, g, h] = before;
  for (std::size_t i = 0; i < 64; ++i) {
    const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kSha256Round[i] + w[i];
    const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const std::array<std::uint32_t, 8> add = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) {
    state[i] += add[i];
  }
}

}  // namespace

void sha256_blocks_portable(std::uint32_t* state, const std::uint8_t* data, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    one_block(state, data + 64 * i);
  }
}

void Sha256::blocks(const std::uint8_t* data, std::size_t count) {
  static const bool kFast = has_sha_instructions();
  (kFast ? sha256_blocks_x86 : sha256_blocks_portable)(state_.data(), data, count);
}

void Sha256::update(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
  std::size_t left = bytes.size();
  total_bytes_ += left;
  while (left > 0) {
    if (pending_bytes_ == 0 && left >= 64) {
      blocks(data, left / 64);
      data += left / 64 * 64;
      left %= 64;
      continue;
    }
    const std::size_t take = std::min(left, 64 - pending_bytes_);
    std::memcpy(pending_.data() + pending_bytes_, data, take);
    pending_bytes_ += take;
    data += take;
    left -= take;
    if (pending_bytes_ == 64) {
      blocks(pending_.data(), 1);
      pending_bytes_ = 0;
    }
  }
}

void Sha256::update(std::string_view text) {
  update(std::as_bytes(std::span<const char>(text.data(), text.size())));
}

void Sha256::update(const FileDescriptor& file, std::uint64_t begin, std::uint64_t end,
                    const std::string& path) {
  constexpr std::uint64_t kPieceBytes = std::uint64_t{1} << 20;
  std::vector<std::byte> buffer(std::min(end - begin, kPieceBytes));
  while (begin < end) {
    const std::span<std::byte> piece(buffer.data(), std::min(end - begin, kPieceBytes));
    read_at(file, begin, piece, path);
    update(piece);
    begin += piece.size();
  }
}

std::string Sha256::finish() {
  const std::uint64_t bits = total_bytes_ * 8;
  pending_[pending_bytes_++] = 0x80;
  if (pending_bytes_ > 56) {
    std::memset(pending_.data() + pending_bytes_, 0, 64 - pending_bytes_);
    blocks(pending_.data(), 1);
    pending_bytes_ = 0;
  }
  std::memset(pending_.data() + pending_bytes_, 0, 56 - pending_bytes_);
  for (std::size_t i = 0; i < 8; ++i) {
    pending_[56 + i] = static_cast<std::uint8_t>(bits >> (56 - 8 * i));
  }
  blocks(pending_.data(), 1);
  std::string hex;
  for (const std::uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) {
      hex += "0123456789abcdef"[(word >> shift) & 15u];
    }
  }
  return hex;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string sha256_of_file(const std::string& path) {
  std::uint64_t bytes = 0;
  const FileDescriptor file = open_file(path, bytes);
  Sha256 hash;
  hash.update(file, 0, bytes, path);
  return hash.finish();
}

}  // namespace temper::training
