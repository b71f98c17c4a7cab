#include "graph/onnx/file_form.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <onnx.pb.h>

#include "graph/onnx/body_tensors.h"
#include "graph/onnx/external_writer.h"
#include "graph/onnx/model_file.h"
#include "graph/onnx/model_writer.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper::graph {
namespace {

constexpr int kExternal = 1;  // TensorProto.DataLocation
constexpr std::uint64_t kAlignment = 64;
constexpr std::uint64_t kMapAlignment = std::uint64_t{1} << 16;  // of Windows; pages are smaller
constexpr std::uint64_t kMappedBytes = std::uint64_t{1} << 20;

std::string aligned_offsets(std::vector<DataEntry>& entries) {
  std::uint64_t end = 0;
  for (DataEntry& entry : entries) {
    const std::uint64_t step = entry.bytes >= kMappedBytes ? kMapAlignment : kAlignment;
    entry.offset = (end + step - 1) / step * step;
    end = entry.offset + entry.bytes;
  }
  return {};
}

StreamedBytes text_bytes(std::string text) {
  return {text.size(), [text](const TakePiece& take) { take(std::as_bytes(std::span(text))); }};
}

// Of a tensor whose bytes are outside of the messages.
StreamedBytes original_bytes(const OnnxModel::Impl& impl, ExternalRange range) {
  return {range.bytes, [&impl, range](const TakePiece& take) {
            const OriginalData file{range.bytes, [&](std::uint64_t skip, std::span<std::byte> out) {
                                      impl.external->read(range, skip, out);
                                    }};
            for_each_piece(file, 0, range.bytes, take);
          }};
}

void clear_data(wire::TensorProto& tensor) {
  tensor.clear_held_at();
  tensor.clear_held_bytes();
  tensor.clear_external_data();
  tensor.clear_data_location();
  tensor.clear_raw_data();
  tensor.clear_float_data();
  tensor.clear_int32_data();
  tensor.clear_int64_data();
  tensor.clear_double_data();
  tensor.clear_uint64_data();
}

class FormWriter {
 public:
  FormWriter(const OnnxModel::Impl& impl, wire::ModelProto proto,
             const std::map<std::string, PlainValue>& values, const FileForm& form,
             const std::string& path)
      : impl_(impl), values_(values), form_(form), path_(path), proto_(std::move(proto)) {}

  void run() {
    for (wire::TensorProto& tensor : *proto_.mutable_graph()->mutable_initializer()) {
      take(tensor);
    }
    bring_inside();
    if (!entries_.empty()) {
      write_data();
    }
    write_model_file(proto_, held_, path_);
    remove_stale_data(folder_of(path_), stem_of_model(path_));
  }

 private:
  struct Source {
    StreamedBytes bytes;
    bool in_message = false;  // and may stay there as it is
  };

  Source source_of(const wire::TensorProto& tensor, const TensorHeader& header,
                   const std::string& what) const {
    const auto found = values_.find(tensor.name());
    if (found != values_.end()) {
      TEMPER_CHECK(found->second.shape == header.shape, ErrorCode::kInvalidArgument,
                   "cannot write ", what, ": its shape is ", found->second.shape,
                   ", but in the file it is ", header.shape);
      return {{static_cast<std::uint64_t>(header.file_bytes),
               [type = header.file_type, value = found->second, what](const TakePiece& take) {
                 encode_pieces(type, value, what, take);
               }}};
    }
    if (header.external || tensor.has_held_at()) {
      return {original_bytes(impl_, data_range(tensor, header, what))};
    }
    if (tensor.has_raw_data()) {
      return {text_bytes(tensor.raw_data()), true};
    }
    return {text_bytes(encode_raw(header.file_type, decode_tensor(tensor, what, nullptr), what)),
            true};
  }

  bool goes_out(const wire::TensorProto& tensor, const TensorHeader& header) const {
    if (form_.kind != FileForm::Kind::kDataFile || header.file_bytes == 0 ||
        (form_.takes && !form_.takes(facts_of_type(header.file_type).dtype))) {
      return false;
    }
    return header.file_bytes >= form_.least_bytes ||
           (form_.small_too && form_.small_too(tensor.name()));
  }

  void take(wire::TensorProto& tensor) {
    const std::string what = tensor_label(tensor.name());
    if (!unsupported_reason(tensor).empty()) {
      TEMPER_CHECK(tensor.data_location() != kExternal && !tensor.has_held_at(),
                   ErrorCode::kUnsupported, what, " of type ", onnx_type_name(tensor.data_type()),
                   " cannot be moved to another file: ", unsupported_reason(tensor),
                   " are not supported");
      return;
    }
    const TensorHeader header = check_tensor(tensor, what);
    const DType stored = facts_of_type(header.file_type).dtype;
    const bool out = goes_out(tensor, header);
    // Elements below a byte in a typed list keep their form.
    const bool packed_list =
        is_narrow(stored) && !tensor.has_raw_data() && !header.external && !tensor.has_held_at();
    if (packed_list || (!out && header.file_bytes == 0)) {
      return;
    }
    Source source = source_of(tensor, header, what);
    if (!out && source.in_message) {
      return;
    }
    clear_data(tensor);
    if (out) {
      entries_.push_back({tensor.name(), stored, header.shape, source.bytes.bytes, 0});
      sources_[tensor.name()] = {&tensor, std::move(source.bytes)};
    } else {
      held_[&tensor] = std::move(source.bytes);
    }
  }

  void inline_data(wire::TensorProto& tensor, const std::string& name) {
    if (tensor.data_location() != kExternal) {
      return;
    }
    const std::string what = tensor_label(name);
    const TensorHeader header = check_tensor(tensor, what);
    std::string raw;
    original_bytes(impl_, data_range(tensor, header, what))
        .for_each_piece([&](std::span<const std::byte> piece) {
          raw.append(reinterpret_cast<const char*>(piece.data()), piece.size());
        });
    clear_data(tensor);
    tensor.set_raw_data(std::move(raw));
  }

  void inline_constant(wire::NodeProto& node) {
    for (wire::AttributeProto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t()) {
        inline_data(*attribute.mutable_t(), node.output_size() > 0 ? node.output(0) : node.name());
      }
    }
  }

  // What is not an initializer of the main graph lies inside the message.
  void bring_inside() {
    const BodyTensors inner = impl_.flat.bodies.empty() ? BodyTensors{} : find_body_tensors(proto_);
    for (const auto& [name, tensor] : inner.initializers) {
      inline_data(*tensor, name);
    }
    for (const auto& [name, node] : inner.constants) {
      inline_constant(*node);
    }
    for (wire::NodeProto& node : *proto_.mutable_graph()->mutable_node()) {
      inline_constant(node);
    }
    for (wire::FunctionProto& function : *proto_.mutable_functions()) {
      for (wire::NodeProto& node : *function.mutable_node()) {
        inline_constant(node);
      }
    }
  }

  void write_data() {
    const std::string head = form_.layout ? form_.layout(entries_) : aligned_offsets(entries_);
    DataPatches patches;
    if (!head.empty()) {
      patches[0] = text_bytes(head);
    }
    for (const DataEntry& entry : entries_) {
      patches[entry.offset] = sources_.at(entry.name).second;
    }
    const std::string folder = folder_of(path_);
    std::string name = form_.data_name;
    if (name.empty()) {
      name = write_patched_data({}, patches, folder, stem_of_model(path_));
    } else {
      write_data_file(patches, join_path(folder, name));
    }
    for (const DataEntry& entry : entries_) {
      wire::TensorProto& tensor = *sources_.at(entry.name).first;
      tensor.set_data_location(kExternal);
      const auto add = [&](const char* key, const std::string& value) {
        wire::StringStringEntryProto& made = *tensor.add_external_data();
        made.set_key(key);
        made.set_value(value);
      };
      add("location", name);
      add("offset", concat(entry.offset));
      add("length", concat(entry.bytes));
    }
  }

  const OnnxModel::Impl& impl_;
  const std::map<std::string, PlainValue>& values_;
  const FileForm& form_;
  const std::string& path_;
  wire::ModelProto proto_;
  HeldData held_;
  std::vector<DataEntry> entries_;
  std::map<std::string, std::pair<wire::TensorProto*, StreamedBytes>> sources_;
};

}  // namespace

void write_in_form(const OnnxModel::Impl& origin, wire::ModelProto edited,
                   const std::map<std::string, PlainValue>& values, const FileForm& form,
                   const std::string& path) {
  TEMPER_ASSERT(form.kind != FileForm::Kind::kAsItIs, path);
  try {
    FormWriter(origin, std::move(edited), values, form, path).run();
  } catch (Error& error) {
    error.add_note(concat("while writing ", path));
    throw;
  }
}

PlainValue stored_value(const OnnxModel::Impl& origin, const wire::TensorProto& tensor,
                        const std::string& name) {
  const std::string what = tensor_label(name);
  const TensorHeader header = check_tensor(tensor, what);
  TEMPER_ASSERT(header.external || tensor.has_held_at(), name);
  return {facts_of_type(header.file_type).dtype, header.shape,
          original_bytes(origin, data_range(tensor, header, what)).for_each_piece};
}

}  // namespace temper::graph
