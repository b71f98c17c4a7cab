// Trained values into a copy of the imported file.
#include "graph/onnx/export.h"

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/body_tensors.h"
#include "graph/onnx/external_writer.h"
#include "graph/onnx/file_tensor.h"
#include "graph/onnx/inference_form.h"
#include "graph/onnx/model_file.h"
#include "graph/onnx/model_writer.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper::graph {
namespace {

class Exporter {
 public:
  Exporter(const OnnxModel::Impl& impl, wire::ModelProto proto,
           const std::map<std::string, PlainValue>& trained, const std::string& path)
      : impl_(impl), trained_(trained), path_(path), proto_(std::move(proto)) {}

  void run() {
    const BodyTensors inner = impl_.flat.bodies.empty() ? BodyTensors{} : find_body_tensors(proto_);
    check_names(inner);
    auto& graph = *proto_.mutable_graph();
    for (auto& tensor : *graph.mutable_initializer()) {
      take(tensor.name(), tensor);
    }
    for (auto& node : *graph.mutable_node()) {
      if (node.op_type() == "Constant" && node.output_size() == 1) {
        take_constant(node.output(0), node);
      }
    }
    for (const auto& [name, tensor] : inner.initializers) {
      take(name, *tensor);
    }
    for (const auto& [name, node] : inner.constants) {
      take_constant(name, *node);
    }
    for (auto& function : *proto_.mutable_functions()) {
      for (auto& node : *function.mutable_node()) {
        note_external(node);
      }
    }
    write_data();
    write_model_file(proto_, held_, path_);
    remove_stale_data(folder_of(path_), stem_of_model(path_));
  }

 private:
  struct External {
    wire::TensorProto* tensor;
    ExternalRange range;
  };

  void check_names(const BodyTensors& inner) const {
    std::set<std::string> known;
    for (const auto& [name, tensor] : inner.initializers) {
      known.insert(name);
    }
    for (const auto& [name, node] : inner.constants) {
      known.insert(name);
    }
    for (const auto& tensor : proto_.graph().initializer()) {
      known.insert(tensor.name());
    }
    for (const auto& node : proto_.graph().node()) {
      if (node.op_type() == "Constant" && node.output_size() == 1) {
        known.insert(node.output(0));
      }
    }
    for (const auto& [name, tensor] : trained_) {
      TEMPER_CHECK(known.contains(name), ErrorCode::kInvalidArgument, "cannot export '", name,
                   "': the model '", impl_.path, "' has no such tensor");
    }
  }

  static void check_shape(const std::string& name, const Shape& in_file, const PlainValue& value) {
    TEMPER_CHECK(in_file == value.shape, ErrorCode::kInvalidArgument, "cannot export '", name,
                 "': its shape is ", value.shape, ", but in the file it is ", in_file);
  }

  // Equal values keep their bytes, also those that a round trip would change (NaN payloads of
  // 16-bit floats).
  bool is_unchanged(const ExternalRange& range, const TensorHeader& header,
                    const PlainValue& value) const {
    if (header.dtype != value.dtype) {
      return false;
    }
    const FileTensor before(impl_.external, range, header);
    std::vector<std::byte> buffer;
    std::int64_t first = 0;
    bool same = true;
    value.for_each_piece([&](std::span<const std::byte> piece) {
      if (!same) {
        return;
      }
      buffer.resize(piece.size());
      before.read(first, buffer);
      same = std::equal(piece.begin(), piece.end(), buffer.begin());
      first += static_cast<std::int64_t>(piece.size() / size_of(value.dtype));
    });
    return same;
  }

  // What a trained tensor is in the file. A value that its type does not hold is refused here,
  // before anything is written.
  static StreamedBytes encoded(const TensorHeader& header, const PlainValue& value,
                               const std::string& what) {
    const StreamedBytes bytes{static_cast<std::uint64_t>(header.file_bytes),
                              [type = header.file_type, value, what](const TakePiece& take) {
                                encode_pieces(type, value, what, take);
                              }};
    if (value.dtype != header.dtype || size_of(value.dtype) != header.file_element_bytes) {
      bytes.for_each_piece([](std::span<const std::byte>) {});
    }
    return bytes;
  }

  OriginalData as_it_was(const ExternalRange& range) const {
    return {range.bytes, [this, range](std::uint64_t skip, std::span<std::byte> out) {
              impl_.external->read(range, skip, out);
            }};
  }

  // A tensor whose bytes stayed in the model's own file.
  void take_held(const wire::TensorProto& tensor, const PlainValue* value,
                 const std::string& what) {
    const ExternalRange range = held_range(tensor);
    if (value != nullptr) {
      const TensorHeader header = check_tensor(tensor, what);
      check_shape(tensor.name(), header.shape, *value);
      if (!is_unchanged(range, header, *value)) {
        held_[&tensor] = encoded(header, *value, what);
        return;
      }
    }
    held_[&tensor] = {range.bytes, [file = as_it_was(range)](const TakePiece& take) {
                        for_each_piece(file, 0, file.bytes, take);
                      }};
  }

  void take(const std::string& name, wire::TensorProto& tensor) {
    const auto found = trained_.find(name);
    const std::string what = tensor_label(name);
    if (tensor.has_held_at()) {
      take_held(tensor, found == trained_.end() ? nullptr : &found->second, what);
      return;
    }
    if (tensor.data_location() != 1) {
      if (found == trained_.end()) {
        return;
      }
      const Tensor before = decode_tensor(tensor, what, nullptr);
      check_shape(name, before.shape(), found->second);
      const Tensor now = whole_tensor(found->second);
      if (!equal_bits(before, now)) {
        encode_inline(tensor, now, what);
      }
      return;
    }
    // A tensor of an unsupported type still moves to the new file with the others.
    External external{&tensor, location_of(tensor)};
    if (found != trained_.end()) {
      const TensorHeader header = check_tensor(tensor, what);
      external.range = data_range(tensor, header, what);
      check_shape(name, header.shape, found->second);
      if (!is_unchanged(external.range, header, found->second)) {
        changed_[external.range.location].push_back(
            {&tensor, external.range.offset, encoded(header, found->second, what)});
      }
    }
    externals_.push_back(external);
  }

  // Constants of functions are never trained, but their data moves with the rest.
  void note_external(wire::NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.has_t() && attribute.t().data_location() == 1) {
        externals_.push_back({attribute.mutable_t(), location_of(attribute.t())});
      }
    }
  }

  static ExternalRange location_of(const wire::TensorProto& tensor) {
    ExternalRange range;
    for (const auto& entry : tensor.external_data()) {
      if (entry.key() == "location") {
        range.location = entry.value();
      }
    }
    return range;
  }

  void take_constant(const std::string& name, wire::NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.name() == "value" && attribute.has_t()) {
        take(name, *attribute.mutable_t());
        return;
      }
      const auto found = trained_.find(name);
      const bool one = attribute.name() == "value_float";
      if (found == trained_.end() || (!one && attribute.name() != "value_floats")) {
        continue;
      }
      const std::int64_t count = attribute.floats_size();
      check_shape(name, one ? Shape{} : Shape{count}, found->second);
      const std::string raw = encode_raw(1, whole_tensor(found->second), tensor_label(name));
      const auto* values = reinterpret_cast<const char*>(raw.data());
      for (std::int64_t i = 0; i < (one ? 1 : count); ++i) {
        float value = 0;
        std::memcpy(&value, values + i * 4, sizeof value);
        one ? attribute.set_f(value) : attribute.set_floats(static_cast<int>(i), value);
      }
      return;
    }
  }

  static void set_entry(wire::TensorProto& tensor, const char* key, const std::string& value) {
    for (auto& entry : *tensor.mutable_external_data()) {
      if (entry.key() == key) {
        entry.set_value(value);
        return;
      }
    }
    auto* entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }

  // One new file per old one. Tensors that shared bytes and were trained apart can share them no
  // longer: the later one moves to the end of the file.
  void write_data() {
    for (const External& external : externals_) {
      const std::string& old_name = external.range.location;
      if (locations_.contains(old_name)) {
        continue;
      }
      ExternalRange all;
      all.location = old_name;
      all.bytes = impl_.external->size(old_name);
      const Ranges kept = kept_ranges(old_name);
      DataPatches patches;
      std::uint64_t end = all.bytes;
      for (Change& change : changed_[old_name]) {
        const auto same = patches.find(change.offset);
        if (same != patches.end() && same_content(same->second, change.data)) {
          continue;  // tied, and trained to the same values
        }
        if (overlaps(patches, change) || touches(kept, change)) {
          end = (end + 63) / 64 * 64;
          change.offset = end;
          end += change.data.bytes;
          set_entry(*change.tensor, "offset", concat(change.offset));
        }
        patches[change.offset] = change.data;
      }
      locations_[old_name] =
          write_patched_data(as_it_was(all), patches, folder_of(path_), stem_of_model(path_));
    }
    for (const External& external : externals_) {
      set_entry(*external.tensor, "location", locations_.at(external.range.location));
    }
  }

  struct Change {
    wire::TensorProto* tensor;
    std::uint64_t offset;
    StreamedBytes data;
  };

  static bool overlaps(const DataPatches& patches, const Change& change) {
    const auto next = patches.lower_bound(change.offset);
    if (next != patches.end() && next->first < change.offset + change.data.bytes) {
      return true;
    }
    return next != patches.begin() &&
           std::prev(next)->first + std::prev(next)->second.bytes > change.offset;
  }

  using Ranges = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // offset, bytes

  // What the tensors that keep their values read from a file.
  Ranges kept_ranges(const std::string& location) {
    std::set<const wire::TensorProto*> changing;
    for (const Change& change : changed_[location]) {
      changing.insert(change.tensor);
    }
    Ranges kept;
    for (const External& external : externals_) {
      if (external.range.location == location && !changing.contains(external.tensor)) {
        kept.push_back(range_of(*external.tensor));
      }
    }
    return kept;
  }

  static bool touches(const Ranges& ranges, const Change& change) {
    return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) {
      return range.first < change.offset + change.data.bytes &&
             change.offset < range.first + range.second;
    });
  }

  std::pair<std::uint64_t, std::uint64_t> range_of(const wire::TensorProto& tensor) const {
    if (!unsupported_reason(tensor).empty()) {
      return {0, 0};
    }
    const std::string what = tensor_label(tensor.name());
    const TensorHeader header = check_tensor(tensor, what);
    const ExternalRange range =
        external_range(tensor, static_cast<std::uint64_t>(header.file_bytes), what);
    return {range.offset, range.bytes};
  }

  const OnnxModel::Impl& impl_;
  const std::map<std::string, PlainValue>& trained_;
  const std::string& path_;
  wire::ModelProto proto_;
  HeldData held_;
  std::vector<External> externals_;
  std::map<std::string, std::vector<Change>> changed_;  // by the old location
  std::map<std::string, std::string> locations_;        // old -> new
};

}  // namespace

Tensor whole_tensor(const PlainValue& value) {
  Tensor tensor(value.dtype, value.shape, {}, "a tensor to export");
  auto* to = static_cast<std::byte*>(tensor.data());
  value.for_each_piece([&](std::span<const std::byte> piece) {
    std::memcpy(to, piece.data(), piece.size());
    to += piece.size();
  });
  return tensor;
}

void set_metadata(wire::ModelProto& proto, const ExportedMetadata& metadata) {
  if (metadata.prefix.empty()) {
    return;
  }
  auto& kept = *proto.mutable_metadata_props();
  for (int i = kept.size(); i-- > 0;) {
    if (kept.Get(i).key().starts_with(metadata.prefix)) {
      kept.DeleteSubrange(i, 1);
    }
  }
  for (const auto& [key, value] : metadata.entries) {
    auto* entry = kept.Add();
    entry->set_key(key);
    entry->set_value(value);
  }
}

void write_edited(const OnnxModel::Impl& origin, wire::ModelProto edited,
                  const std::map<std::string, PlainValue>& values, const std::string& path) {
  try {
    Exporter(origin, std::move(edited), values, path).run();
  } catch (Error& error) {
    error.add_note(concat("while exporting to ", path));
    throw;
  }
}

void export_model(const OnnxModel& model, const std::map<std::string, PlainValue>& trained,
                  const std::string& path, const ExportedMetadata& metadata) {
  wire::ModelProto proto = *model.impl().proto;
  to_inference_form(proto);
  set_metadata(proto, metadata);
  write_edited(model.impl(), std::move(proto), trained, path);
}

void export_model(const OnnxModel& model, const std::map<std::string, Tensor>& trained,
                  const std::string& path) {
  std::map<std::string, PlainValue> values;
  for (const auto& [name, tensor] : trained) {
    values.emplace(name, plain_value(tensor));
  }
  export_model(model, values, path);
}

// The messages without the large tensors, a copy of them to change and that as text, and a piece of
// a tensor as it was, as it is and as it is written.
std::int64_t export_bytes(const OnnxModel& model) {
  constexpr std::int64_t kPieces = std::int64_t{3} << 20;
  return kPieces + 3 * static_cast<std::int64_t>(model.impl().proto->ByteSizeLong());
}

}  // namespace temper::graph
