// Arrays of texts in .npy files: numpy's fixed-length Unicode (U) and bytes (S).
#include <algorithm>
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

// The characters of UTF-8 text.
std::vector<std::uint32_t> characters_of(std::string_view text) {
  std::vector<std::uint32_t> codes;
  for (std::size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const std::size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    std::uint32_t code = length == 1 ? first : first & (0xff >> (length + 1));
    bool valid = (length == 1 || (first >= 0xc2 && first < 0xf5)) && i + length <= text.size();
    for (std::size_t tail = 1; valid && tail < length; ++tail) {
      const auto byte = static_cast<unsigned char>(text[i + tail]);
      valid = (byte & 0xc0) == 0x80;
      code = code << 6 | (byte & 0x3f);
    }
    codes.push_back(valid ? code : kReplacement);
    i += valid ? length : 1;
  }
  return codes;
}

}  // namespace

std::string encode_npy_texts(std::span<const std::string> texts) {
  std::vector<std::vector<std::uint32_t>> all;
  std::size_t longest = 1;
  for (const std::string& text : texts) {
    all.push_back(characters_of(text));
    longest = std::max(longest, all.back().size());
  }
  std::string file = npy_header(concat("<U", longest), {static_cast<std::int64_t>(texts.size())});
  for (std::vector<std::uint32_t>& codes : all) {
    codes.resize(longest, 0);
    file.append(reinterpret_cast<const char*>(codes.data()), longest * sizeof codes[0]);
  }
  return file;
}

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
