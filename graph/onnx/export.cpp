// Trained values into a copy of the imported file.
#include "graph/onnx/export.h"

#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <limits>
#include <set>
#include <vector>

#include <onnx.pb.h>

#include "graph/onnx/external_writer.h"
#include "graph/onnx/inference_form.h"
#include "graph/onnx/model_file.h"
#include "graph/onnx/tensor_codec.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper::graph {
namespace {

constexpr int kBlockBytes = 1 << 20;

// protobuf's writer in front of an AtomicFile; a failed write is rethrown after protobuf has
// returned.
class FileStream final : public google::protobuf::io::CopyingOutputStream {
 public:
  explicit FileStream(AtomicFile& file) : file_(file) {}
  bool Write(const void* buffer, int size) override {
    try {
      file_.write(std::span(static_cast<const std::byte*>(buffer), static_cast<std::size_t>(size)));
      return true;
    } catch (...) {
      failure_ = std::current_exception();
      return false;
    }
  }
  void rethrow() const {
    if (failure_) {
      std::rethrow_exception(failure_);
    }
  }

 private:
  AtomicFile& file_;
  std::exception_ptr failure_;
};

std::string stem_of(const std::string& path) {
  const std::string name = file_name_of(path);
  return name.ends_with(".onnx") && name.size() > 5 ? name.substr(0, name.size() - 5) : name;
}

class Exporter {
 public:
  Exporter(const OnnxModel::Impl& impl, const std::map<std::string, Tensor>& trained,
           const std::string& path)
      : impl_(impl), trained_(trained), path_(path), proto_(*impl.proto), reader_(impl.external) {}

  void run() {
    to_inference_form(proto_);
    check_names();
    auto& graph = *proto_.mutable_graph();
    for (auto& tensor : *graph.mutable_initializer()) {
      take(tensor.name(), tensor);
    }
    for (auto& node : *graph.mutable_node()) {
      if (node.op_type() == "Constant" && node.output_size() == 1) {
        take_constant(node);
      }
    }
    for (auto& function : *proto_.mutable_functions()) {
      for (auto& node : *function.mutable_node()) {
        note_external(node);
      }
    }
    write_data();
    write_model();
    remove_stale_data(folder_of(path_), stem_of(path_));
  }

 private:
  struct External {
    wire::TensorProto* tensor;
    ExternalRange range;
  };

  void check_names() const {
    std::set<std::string> known;
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

  static void check_shape(const std::string& name, const Shape& in_file, const Tensor& value) {
    TEMPER_CHECK(in_file == value.shape(), ErrorCode::kInvalidArgument, "cannot export '", name,
                 "': its shape is ", value.shape(), ", but in the file it is ", in_file);
  }

  void take(const std::string& name, wire::TensorProto& tensor) {
    const auto found = trained_.find(name);
    if (tensor.data_location() != 1) {
      if (found == trained_.end()) {
        return;
      }
      const std::string what = tensor_label(name);
      const Tensor before = decode_tensor(tensor, what, nullptr);
      check_shape(name, before.shape(), found->second);
      // Equal values keep their bytes, also those that a round trip would change (NaN payloads of
      // 16-bit floats).
      if (!equal_bits(before, found->second)) {
        encode_inline(tensor, found->second, what);
      }
      return;
    }
    // A tensor of an unsupported type still moves to the new file with the others.
    External external{&tensor, location_of(tensor)};
    if (found != trained_.end()) {
      const std::string what = tensor_label(name);
      const TensorHeader header = check_tensor(tensor, what);
      external.range = external_range(tensor, static_cast<std::uint64_t>(header.file_bytes), what);
      check_shape(name, header.shape, found->second);
      const Tensor before = decode_tensor(tensor, what, &reader_);
      if (!equal_bits(before, found->second)) {
        changed_[external.range.location].push_back(
            {&tensor, external.range.offset, encode_raw(header.file_type, found->second, what)});
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

  void take_constant(wire::NodeProto& node) {
    for (auto& attribute : *node.mutable_attribute()) {
      if (attribute.name() == "value" && attribute.has_t()) {
        take(node.output(0), *attribute.mutable_t());
        return;
      }
      const auto found = trained_.find(node.output(0));
      const bool one = attribute.name() == "value_float";
      if (found == trained_.end() || (!one && attribute.name() != "value_floats")) {
        continue;
      }
      const std::int64_t count = attribute.floats_size();
      check_shape(node.output(0), one ? Shape{} : Shape{count}, found->second);
      const std::string raw = encode_raw(1, found->second, tensor_label(node.output(0)));
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
      const std::span<const std::byte> original = reader_.whole(old_name);
      const Ranges kept = kept_ranges(old_name);
      DataPatches patches;
      std::uint64_t end = original.size();
      for (Change& change : changed_[old_name]) {
        const auto same = patches.find(change.offset);
        if (same != patches.end() && same->second == change.bytes) {
          continue;  // tied, and trained to the same values
        }
        if (overlaps(patches, change.offset, change.bytes) || touches(kept, change)) {
          end = (end + 63) / 64 * 64;
          change.offset = end;
          end += change.bytes.size();
          set_entry(*change.tensor, "offset", concat(change.offset));
        }
        patches[change.offset] = std::move(change.bytes);
      }
      locations_[old_name] =
          write_patched_data(original, patches, folder_of(path_), stem_of(path_));
    }
    for (const External& external : externals_) {
      set_entry(*external.tensor, "location", locations_.at(external.range.location));
    }
  }

  static bool overlaps(const DataPatches& patches, std::uint64_t offset, const std::string& bytes) {
    const auto next = patches.lower_bound(offset);
    if (next != patches.end() && next->first < offset + bytes.size()) {
      return true;
    }
    return next != patches.begin() &&
           std::prev(next)->first + std::prev(next)->second.size() > offset;
  }

  struct Change {
    wire::TensorProto* tensor;
    std::uint64_t offset;
    std::string bytes;
  };

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
      return range.first < change.offset + change.bytes.size() &&
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

  void write_model() {
    const std::size_t size = proto_.ByteSizeLong();
    TEMPER_CHECK(size <= static_cast<std::size_t>(std::numeric_limits<int>::max()),
                 ErrorCode::kUnsupported, "'", path_, "' would have ", size,
                 " bytes, but an ONNX file ends at 2 GiB");
    AtomicFile file(path_);
    file.reserve(size);
    FileStream stream(file);
    bool written = false;
    {
      google::protobuf::io::CopyingOutputStreamAdaptor adaptor(&stream, kBlockBytes);
      written = proto_.SerializeToZeroCopyStream(&adaptor) && adaptor.Flush();
    }
    stream.rethrow();
    TEMPER_CHECK(written, ErrorCode::kInternal, "protobuf could not write '", path_, "'");
    file.commit();
  }

  const OnnxModel::Impl& impl_;
  const std::map<std::string, Tensor>& trained_;
  const std::string& path_;
  wire::ModelProto proto_;
  ExternalReader reader_;
  std::vector<External> externals_;
  std::map<std::string, std::vector<Change>> changed_;  // by the old location
  std::map<std::string, std::string> locations_;        // old -> new
};

}  // namespace

void export_model(const OnnxModel& model, const std::map<std::string, Tensor>& trained,
                  const std::string& path) {
  try {
    Exporter(model.impl(), trained, path).run();
  } catch (Error& error) {
    error.add_note(concat("while exporting to ", path));
    throw;
  }
}

}  // namespace temper::graph
