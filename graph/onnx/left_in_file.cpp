#include "graph/onnx/left_in_file.h"

#include <onnx.pb.h>

#include "graph/onnx/wire_fields.h"

namespace temper::graph {
namespace {

bool is_graph(const WireField& field) {
  return field.is_block && field.number == wire::ModelProto::kGraphFieldNumber;
}
bool is_initializer(const WireField& field) {
  return field.is_block && field.number == wire::GraphProto::kInitializerFieldNumber;
}

void append_block(std::string& out, std::uint64_t number, const std::string& block) {
  out += wire_block_header(number, block.size());
  out += block;
}

void append(std::string& out, WireBytes bytes) {
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// The raw data of a tensor when it is large, and there only once.
WireBytes large_data(WireBytes tensor) {
  WireBytes found;
  int times = 0;
  for_each_wire_field(tensor, [&](const WireField& field) {
    if (field.is_block && field.number == wire::TensorProto::kRawDataFieldNumber) {
      found = field.block;
      ++times;
    }
  });
  return times == 1 && found.size() >= static_cast<std::size_t>(kLeftInFileBytes) ? found
                                                                                  : WireBytes{};
}

std::string slim_graph(WireBytes graph, const std::byte* begin) {
  std::string out;
  for_each_wire_field(graph, [&](const WireField& field) {
    const WireBytes data = is_initializer(field) ? large_data(field.block) : WireBytes{};
    if (data.empty()) {
      append(out, field.bytes);
      return;
    }
    std::string tensor;
    for_each_wire_field(field.block, [&](const WireField& part) {
      if (part.number != wire::TensorProto::kRawDataFieldNumber) {
        append(tensor, part.bytes);
      }
    });
    append_wire_number(tensor, wire::TensorProto::kHeldAtFieldNumber,
                       static_cast<std::uint64_t>(data.data() - begin));
    append_wire_number(tensor, wire::TensorProto::kHeldBytesFieldNumber, data.size());
    append_block(out, field.number, tensor);
  });
  return out;
}

bool has_large_data(WireBytes file) {
  bool any = false;
  for_each_wire_field(file, [&](const WireField& model) {
    if (!is_graph(model)) {
      return;
    }
    for_each_wire_field(model.block, [&](const WireField& field) {
      any = any || (is_initializer(field) && !large_data(field.block).empty());
    });
  });
  return any;
}

}  // namespace

std::optional<std::string> without_large_data(WireBytes file) {
  if (!has_large_data(file)) {
    return std::nullopt;
  }
  std::string out;
  for_each_wire_field(file, [&](const WireField& field) {
    if (is_graph(field)) {
      append_block(out, field.number, slim_graph(field.block, file.data()));
    } else {
      append(out, field.bytes);
    }
  });
  return out;
}

}  // namespace temper::graph
