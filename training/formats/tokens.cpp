// Sizes checked, then a view.
#include "training/formats/tokens.h"

#include <bit>
#include <cstring>
#include <utility>

#include "runtime/base/error.h"
#include "training/formats/mapped_buffer.h"
#include "training/formats/npy.h"

namespace temper::training {
namespace {

static_assert(std::endian::native == std::endian::little, "token files are little-endian");

// int32[256]: a magic number, a version, the number of tokens.
constexpr std::size_t kHeaderBytes = 1024;
struct HeaderKind {
  std::int32_t magic;
  std::int32_t version;
  DType dtype;
};
constexpr HeaderKind kHeaders[] = {{20240520, 1, DType::kUInt16}, {20240801, 7, DType::kUInt32}};

std::int32_t header_word(std::span<const std::byte> bytes, std::size_t index) {
  std::int32_t word = 0;
  std::memcpy(&word, bytes.data() + index * sizeof word, sizeof word);
  return word;
}

const HeaderKind* header_of(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes) {
    return nullptr;
  }
  for (const HeaderKind& kind : kHeaders) {
    if (header_word(bytes, 0) == kind.magic && header_word(bytes, 1) == kind.version) {
      return &kind;
    }
  }
  return nullptr;
}

Tensor read_array(const std::string& path, DType dtype) {
  Tensor tokens = read_npy(path);
  TEMPER_CHECK(tokens.shape().rank() == 1 && is_integer(tokens.dtype()), ErrorCode::kUnsupported,
               path, " is ", tokens.dtype(), tokens.shape(),
               "; tokens are whole numbers in one dimension");
  TEMPER_CHECK(dtype == DType::kUndefined || dtype == tokens.dtype(), ErrorCode::kInvalidData, path,
               " is ", tokens.dtype(), ", but data.token_dtype = \"", dtype,
               "\"; leave it out, the file says it");
  TEMPER_CHECK(tokens.shape()[0] > 0, ErrorCode::kInvalidData, path, " has no tokens");
  return tokens;
}

}  // namespace

bool has_token_header(std::span<const std::byte> bytes) { return header_of(bytes) != nullptr; }

Tensor read_tokens(const std::string& path, DType dtype) {
  if (path.ends_with(".npy")) {
    return read_array(path, dtype);
  }
  std::shared_ptr<Buffer> buffer = map_buffer(path);
  const std::span<const std::byte> bytes = bytes_of(*buffer);
  const HeaderKind* header = header_of(bytes);
  if (header != nullptr) {
    TEMPER_CHECK(dtype == DType::kUndefined || dtype == header->dtype, ErrorCode::kInvalidData,
                 path, " says in its header that its tokens are ", header->dtype,
                 ", but data.token_dtype = \"", dtype, "\"; leave it out");
    dtype = header->dtype;
  }
  dtype = dtype == DType::kUndefined ? DType::kUInt16 : dtype;
  const std::size_t offset = header == nullptr ? 0 : kHeaderBytes;
  const std::size_t stored = bytes.size() - offset;
  const std::size_t width = size_of(dtype);
  TEMPER_CHECK(stored > 0 && stored % width == 0, ErrorCode::kInvalidData, path, " has ", stored,
               " bytes of tokens", header == nullptr ? "" : " after its header", "; expected ",
               width, " for each (data.token_dtype = \"", dtype,
               stored % width != 0 ? "\"). Is the file cut off, or of another type?" : "\")");
  const auto count = static_cast<std::int64_t>(stored / width);
  if (header != nullptr) {
    const std::int32_t said = header_word(bytes, 2);
    TEMPER_CHECK(said == count, ErrorCode::kInvalidData, path, " says in its header that it has ",
                 said, " tokens, but has ", count, said > count ? ". Is the file cut off?" : "");
  }
  return Tensor(dtype, Shape{count}, {}, std::move(buffer), offset);
}

}  // namespace temper::training
