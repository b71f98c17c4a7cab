#include "tests/training/support/renamed_onnx.h"

#include <algorithm>
#include <cstdint>
#include <functional>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

// Field numbers of onnx.proto.
constexpr std::uint64_t kModelGraph = 7;
constexpr std::uint64_t kGraphNode = 1, kGraphInitializer = 5, kGraphInput = 11, kGraphOutput = 12,
                        kGraphValueInfo = 13;
constexpr std::uint64_t kNodeInput = 1, kNodeOutput = 2, kNodeName = 3;
constexpr std::uint64_t kTensorName = 8;
constexpr std::uint64_t kValueInfoName = 1;

std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    TEMPER_ASSERT(!bytes.empty() && shift < 64);
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) {
      return value;
    }
  }
}

void put_varint(std::string& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    bytes += static_cast<char>(value | 0x80);
  }
  bytes += static_cast<char>(value);
}

// The message with the content of its texts and messages as `change(field, content)` has it.
using Change = std::function<std::string(std::uint64_t field, std::string_view content)>;
std::string rewritten(std::string_view message, const Change& change) {
  std::string made;
  while (!message.empty()) {
    const std::uint64_t tag = take_varint(message);
    put_varint(made, tag);
    switch (tag & 7) {
      case 0:
        put_varint(made, take_varint(message));
        break;
      case 2: {
        const std::uint64_t size = take_varint(message);
        const std::string content = change(tag >> 3, message.substr(0, size));
        message.remove_prefix(size);
        put_varint(made, content.size());
        made += content;
        break;
      }
      default: {
        const std::size_t size = (tag & 7) == 1 ? 8 : 4;
        made += message.substr(0, size);
        message.remove_prefix(size);
      }
    }
  }
  return made;
}

// Calls `name(field of the graph, name)` for each value and takes what it says.
using Name = std::function<std::string(std::uint64_t field, const std::string& name)>;
std::string with_values(std::string_view onnx, const Name& name, const Name& node_name) {
  const auto named = [&](std::uint64_t of, std::uint64_t wanted) {
    return [&name, of, wanted](std::uint64_t field, std::string_view content) {
      return field == wanted ? name(of, std::string(content)) : std::string(content);
    };
  };
  return rewritten(onnx, [&](std::uint64_t in_model, std::string_view graph) {
    if (in_model != kModelGraph) {
      return std::string(graph);
    }
    return rewritten(graph, [&](std::uint64_t field, std::string_view content) {
      switch (field) {
        case kGraphInput:
        case kGraphOutput:
        case kGraphValueInfo:
          return rewritten(content, named(field, kValueInfoName));
        case kGraphInitializer:
          return rewritten(content, named(field, kTensorName));
        case kGraphNode:
          return rewritten(content, [&](std::uint64_t part, std::string_view text) {
            return part == kNodeInput || part == kNodeOutput ? name(field, std::string(text))
                   : part == kNodeName                       ? node_name(field, std::string(text))
                                                             : std::string(text);
          });
        default:
          return std::string(content);
      }
    });
  });
}

}  // namespace

std::vector<std::string> value_names(std::string_view onnx) {
  std::vector<std::string> names;
  for (const std::uint64_t wanted : {kGraphInput, kGraphOutput, kGraphInitializer, kGraphNode}) {
    const auto note = [&](std::uint64_t field, const std::string& name) {
      if (field == wanted && !name.empty() &&
          std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(name);
      }
      return name;
    };
    with_values(onnx, note, [](std::uint64_t, const std::string& name) { return name; });
  }
  return names;
}

std::string with_names(std::string_view onnx, const std::map<std::string, std::string>& values,
                       const std::vector<std::string>& nodes) {
  std::size_t next = 0;
  return with_values(
      onnx,
      [&](std::uint64_t field, const std::string& name) {
        const auto found = values.find(name);
        // A shape may be noted of a value that nothing computes.
        TEMPER_ASSERT(found != values.end() || name.empty() || field == kGraphValueInfo, name);
        return found == values.end() ? name : found->second;
      },
      [&](std::uint64_t, const std::string&) { return nodes[next++ % nodes.size()]; });
}

}  // namespace temper::training
