#include "graph/onnx/left_in_file.h"

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

constexpr std::uint64_t kModelGraph = 7;
constexpr std::uint64_t kGraphInitializer = 5;
constexpr std::uint64_t kTensorRawData = 9;
constexpr std::uint64_t kTensorHeldAt = 15000;
constexpr std::uint64_t kTensorHeldBytes = 15001;

using Bytes = std::span<const std::byte>;

std::uint64_t read_varint(Bytes& bytes) {
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

void append_block(std::string& out, std::uint64_t number, const std::string& block) {
  append_varint(out, number << 3 | 2);
  append_varint(out, block.size());
  out += block;
}

void append(std::string& out, Bytes bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Calls f(number, is a block, the field, what the block holds) for each field of a message.
template <class F>
void each_field(Bytes message, const F& f) {
  while (!message.empty()) {
    Bytes rest = message;
    const std::uint64_t tag = read_varint(rest);
    Bytes block;
    switch (tag & 7) {
      case 0:
        read_varint(rest);
        break;
      case 1:
        rest = rest.subspan(8);
        break;
      case 5:
        rest = rest.subspan(4);
        break;
      default: {
        const std::uint64_t length = read_varint(rest);
        block = rest.first(length);
        rest = rest.subspan(length);
      }
    }
    f(tag >> 3, (tag & 7) == 2, message.first(message.size() - rest.size()), block);
    message = rest;
  }
}

// The raw data of a tensor when it is large, and there only once.
Bytes large_data(Bytes tensor) {
  Bytes found;
  int times = 0;
  each_field(tensor, [&](std::uint64_t number, bool is_block, Bytes, Bytes block) {
    if (number == kTensorRawData && is_block) {
      found = block;
      ++times;
    }
  });
  return times == 1 && found.size() >= static_cast<std::size_t>(kLeftInFileBytes) ? found : Bytes{};
}

std::string slim_graph(Bytes graph, const std::byte* begin) {
  std::string out;
  each_field(graph, [&](std::uint64_t number, bool is_block, Bytes field, Bytes block) {
    const Bytes data = number == kGraphInitializer && is_block ? large_data(block) : Bytes{};
    if (data.empty()) {
      append(out, field);
      return;
    }
    std::string tensor;
    each_field(block, [&](std::uint64_t part, bool, Bytes part_field, Bytes) {
      if (part != kTensorRawData) {
        append(tensor, part_field);
      }
    });
    append_varint(tensor, kTensorHeldAt << 3);
    append_varint(tensor, static_cast<std::uint64_t>(data.data() - begin));
    append_varint(tensor, kTensorHeldBytes << 3);
    append_varint(tensor, data.size());
    append_block(out, kGraphInitializer, tensor);
  });
  return out;
}

bool has_large_data(Bytes file) {
  bool any = false;
  each_field(file, [&](std::uint64_t number, bool is_block, Bytes, Bytes graph) {
    if (number != kModelGraph || !is_block) {
      return;
    }
    each_field(graph, [&](std::uint64_t part, bool part_is_block, Bytes, Bytes tensor) {
      any = any || (part == kGraphInitializer && part_is_block && !large_data(tensor).empty());
    });
  });
  return any;
}

}  // namespace

std::optional<std::string> without_large_data(Bytes file) {
  if (!has_large_data(file)) {
    return std::nullopt;
  }
  std::string out;
  each_field(file, [&](std::uint64_t number, bool is_block, Bytes field, Bytes block) {
    if (number == kModelGraph && is_block) {
      append_block(out, kModelGraph, slim_graph(block, file.data()));
    } else {
      append(out, field);
    }
  });
  return out;
}

}  // namespace temper::graph
