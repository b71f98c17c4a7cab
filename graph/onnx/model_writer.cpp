// As protobuf orders them: fields by their number, and those that nobody knows at the end.
#include "graph/onnx/model_writer.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/wire_fields.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"

namespace temper::graph {
namespace {

constexpr int kModelGraph = wire::ModelProto::kGraphFieldNumber;
constexpr int kGraphInitializer = wire::GraphProto::kInitializerFieldNumber;
constexpr int kTensorRawData = wire::TensorProto::kRawDataFieldNumber;

// Where a field `number` belongs in a message that protobuf wrote: behind those below it.
std::size_t place_of(std::string_view message, std::uint64_t number) {
  std::size_t place = 0;
  bool passed = false;
  for_each_wire_field(std::as_bytes(std::span(message)), [&](const WireField& field) {
    passed = passed || field.number >= number;
    place += passed ? 0 : field.bytes.size();
  });
  return place;
}

// A message in two parts, with room for what comes between them.
struct Split {
  std::string message;
  std::size_t at = 0;

  template <class Proto>
  Split(const Proto& proto, std::uint64_t number)
      : message(proto.SerializeAsString()), at(place_of(message, number)) {}
  std::string_view before() const { return std::string_view(message).substr(0, at); }
  std::string_view after() const { return std::string_view(message).substr(at); }
};

std::uint64_t tensor_bytes(const wire::TensorProto& tensor, const StreamedBytes* held) {
  const std::uint64_t own = tensor.ByteSizeLong();
  return held == nullptr
             ? own
             : own + wire_block_header(kTensorRawData, held->bytes).size() + held->bytes;
}

void write_tensor(AtomicFile& file, const wire::TensorProto& tensor, const StreamedBytes* held) {
  file.write(wire_block_header(kGraphInitializer, tensor_bytes(tensor, held)));
  const Split split(tensor, kTensorRawData);
  if (held == nullptr) {
    file.write(split.message);
    return;
  }
  file.write(concat(split.before(), wire_block_header(kTensorRawData, held->bytes)));
  const std::uint64_t begin = file.bytes_written();
  held->for_each_piece([&](std::span<const std::byte> piece) { file.write(piece); });
  TEMPER_ASSERT(file.bytes_written() - begin == held->bytes, "a tensor of another size");
  file.write(split.after());
}

}  // namespace

void write_model_file(wire::ModelProto& model, const HeldData& held, const std::string& path) {
  const auto data_of = [&](const wire::TensorProto& tensor) {
    const auto found = held.find(&tensor);
    return found == held.end() ? nullptr : &found->second;
  };
  google::protobuf::RepeatedPtrField<wire::TensorProto> tensors;
  tensors.Swap(model.mutable_graph()->mutable_initializer());
  std::uint64_t graph_bytes = 0;
  for (wire::TensorProto& tensor : tensors) {
    TEMPER_ASSERT(!tensor.has_held_at() || data_of(tensor) != nullptr, tensor.name());
    tensor.clear_held_at();
    tensor.clear_held_bytes();
    const std::uint64_t own = tensor_bytes(tensor, data_of(tensor));
    graph_bytes += wire_block_header(kGraphInitializer, own).size() + own;
  }
  const std::uint64_t bytes = graph_bytes + model.ByteSizeLong();
  TEMPER_CHECK(bytes <= static_cast<std::uint64_t>(std::numeric_limits<int>::max()),
               ErrorCode::kUnsupported, "'", path, "' would have ", bytes,
               " bytes, but an ONNX file ends at 2 GiB");
  const std::unique_ptr<wire::GraphProto> taken(model.release_graph());
  const Split graph(*taken, kGraphInitializer);
  graph_bytes += graph.message.size();
  const Split whole(model, kModelGraph);
  const std::string graph_header = wire_block_header(kModelGraph, graph_bytes);
  AtomicFile file(path);
  file.reserve(whole.message.size() + graph_header.size() + graph_bytes);
  file.write(concat(whole.before(), graph_header, graph.before()));
  for (const wire::TensorProto& tensor : tensors) {
    write_tensor(file, tensor, data_of(tensor));
  }
  file.write(concat(graph.after(), whole.after()));
  file.commit();
}

}  // namespace temper::graph
