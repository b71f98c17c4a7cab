// Arrays of texts in .npy files: numpy's fixed-length Unicode (U) and bytes (S).
#include <cstdint>
#include <cstring>

#include "runtime/base/error.h"
#include "training/formats/npy.h"

namespace temper::training {
namespace {

constexpr std::uint32_t kReplacement = 0xfffd;  // for what is no character

void append_utf8(std::string& text, std::uint32_t code) {
  if (code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
    code = kReplacement;
  }
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (code >> shift & 0x3f)); };
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | code >> 6);
    tail(0);
  } else if (code < 0x10000) {
    text += static_cast<char>(0xe0 | code >> 12);
    tail(6);
    tail(0);
  } else {
    text += static_cast<char>(0xf0 | code >> 18);
    tail(12);
    tail(6);
    tail(0);
  }
}

std::uint32_t character(const NpyHeader& header, const std::byte* at) {
  if (header.character_bytes == 1) {
    return std::to_integer<std::uint32_t>(*at);
  }
  std::uint32_t code = 0;
  std::memcpy(&code, at, sizeof code);
  return header.big_endian ? __builtin_bswap32(code) : code;
}

}  // namespace

std::optional<std::vector<std::string>> decode_npy_texts(std::span<const std::byte> file,
                                                         std::string_view where) {
  const NpyHeader header = parse_npy_header(file, where, true);
  if (header.character_bytes == 0 || header.shape.rank() != 1) {
    return std::nullopt;
  }
  const std::size_t actual = file.size() - header.data_offset;
  const auto count = static_cast<std::size_t>(header.shape[0]);
  // By division: no product overflows. Texts of no characters take no bytes.
  const std::size_t each =
      header.text_length <= actual ? header.text_length * header.character_bytes : actual + 1;
  const bool fits = each == 0 ? actual == 0 : actual % each == 0 && actual / each == count;
  TEMPER_CHECK(fits && count <= kMostTexts, ErrorCode::kInvalidData, where, " has ", actual,
               " bytes of texts; its header says ", count, " of ", header.text_length,
               " characters");
  std::vector<std::string> texts(count);
  const std::byte* at = file.data() + header.data_offset;
  for (std::string& text : texts) {
    std::size_t end = 0;  // zeros behind the last character are padding
    for (std::size_t i = 0; i < header.text_length; ++i) {
      end = character(header, at + i * header.character_bytes) != 0 ? i + 1 : end;
    }
    for (std::size_t i = 0; i < end; ++i) {
      append_utf8(text, character(header, at + i * header.character_bytes));
    }
    at += header.text_length * header.character_bytes;
  }
  return texts;
}

}  // namespace temper::training
