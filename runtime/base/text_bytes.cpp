#include "runtime/base/text_bytes.h"

namespace temper {

std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t k) {
    return k < text.size() ? static_cast<unsigned char>(text[k]) : 0u;
  };
  const auto continues = [&](std::size_t k) { return (byte(k) & 0xc0u) == 0x80u; };
  if (at >= text.size()) {
    return 0;
  }
  const unsigned first = byte(at);
  if (first < 0x80) {
    return 1;
  }
  if (first >= 0xc2 && first <= 0xdf && continues(at + 1)) {
    return 2;
  }
  if (first >= 0xe0 && first <= 0xef && continues(at + 1) && continues(at + 2)) {
    const unsigned code = (first & 15u) << 12 | (byte(at + 1) & 63u) << 6;
    return code >= 0x800 && (code < 0xd800 || code > 0xdfff) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4 && continues(at + 1) && continues(at + 2) &&
      continues(at + 3)) {
    const unsigned code = (first & 7u) << 18 | (byte(at + 1) & 63u) << 12;
    return code >= 0x10000 && code <= 0x10ffff ? 4 : 0;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text, i);
    if (length == 0) {
      return false;
    }
    i += length;
  }
  return true;
}

}  // namespace temper
