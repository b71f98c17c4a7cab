#include "graph/onnx/wire_fields.h"

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

enum WireType : std::uint64_t { kNumber = 0, kEightBytes = 1, kBlock = 2, kFourBytes = 5 };

std::uint64_t read_varint(WireBytes& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    TEMPER_ASSERT(!bytes.empty() && shift < 70, "a scanned file ends inside a number");
    const auto byte = std::to_integer<std::uint64_t>(bytes.front());
    bytes = bytes.subspan(1);
    value |= shift < 64 ? (byte & 0x7f) << shift : 0;
    if (byte < 0x80) {
      return value;
    }
  }
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    out += static_cast<char>(value | 0x80);
  }
  out += static_cast<char>(value);
}

}  // namespace

void for_each_wire_field(WireBytes message, const std::function<void(const WireField&)>& visit) {
  while (!message.empty()) {
    WireBytes rest = message;
    const std::uint64_t tag = read_varint(rest);
    WireBytes block;
    switch (tag & 7) {
      case kNumber:
        read_varint(rest);
        break;
      case kEightBytes:
        rest = rest.subspan(8);
        break;
      case kFourBytes:
        rest = rest.subspan(4);
        break;
      default: {
        const std::uint64_t length = read_varint(rest);
        block = rest.first(length);
        rest = rest.subspan(length);
      }
    }
    visit({tag >> 3, (tag & 7) == kBlock, message.first(message.size() - rest.size()), block});
    message = rest;
  }
}

void append_wire_number(std::string& out, std::uint64_t number, std::uint64_t value) {
  append_varint(out, number << 3 | kNumber);
  append_varint(out, value);
}

std::string wire_block_header(std::uint64_t number, std::uint64_t bytes) {
  std::string out;
  append_varint(out, number << 3 | kBlock);
  append_varint(out, bytes);
  return out;
}

}  // namespace temper::graph
