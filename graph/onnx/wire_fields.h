// Fields of a message in protobuf's wire format, as bytes: for messages that are too large to be
// parsed or built whole. REQUIRES of what is read: scanned (wire_scan.h), or written by protobuf.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace temper::graph {

using WireBytes = std::span<const std::byte>;

struct WireField {
  std::uint64_t number;
  bool is_block;    // a message, a text or bytes
  WireBytes bytes;  // all of it
  WireBytes block;  // what a block holds
};

// In the order of the message.
void for_each_wire_field(WireBytes message, const std::function<void(const WireField&)>& visit);

void append_wire_number(std::string& out, std::uint64_t number, std::uint64_t value);
// What stands before a block of so many bytes.
std::string wire_block_header(std::uint64_t number, std::uint64_t bytes);

}  // namespace temper::graph
