// Opening, checking and parsing a file; the accessors of OnnxModel.
#include "graph/onnx/model_file.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include <onnx.pb.h>

#include "graph/onnx/left_in_file.h"
#include "graph/onnx/tensor_codec.h"
#include "graph/onnx/wire_scan.h"
#include "runtime/base/error.h"
#include "runtime/platform/files.h"

namespace temper::graph {
namespace {

constexpr std::int64_t kOldestIr = 3;
constexpr std::int64_t kNewestIr = 14;

std::unique_ptr<wire::ModelProto> parse(std::span<const std::byte> file, const std::string& path,
                                        bool& left_in_file) {
  TEMPER_CHECK(!file.empty(), ErrorCode::kInvalidModel, "'", path, "' is empty, not an ONNX file");
  const std::string foreign = foreign_format(file);
  TEMPER_CHECK(foreign.empty(), ErrorCode::kInvalidModel, "'", path, "' is ", foreign,
               ", not an ONNX file");
  TEMPER_CHECK(
      file.size() <= static_cast<std::size_t>(std::numeric_limits<int>::max()),
      ErrorCode::kInvalidModel, "'", path, "' has ", file.size(),
      " bytes, but an ONNX file ends at 2 GiB (larger models keep their tensors in data files)");
  scan_wire(file, path);
  auto proto = std::make_unique<wire::ModelProto>();
  const std::optional<std::string> slim = without_large_data(file);
  left_in_file = slim.has_value();
  TEMPER_CHECK(slim.has_value() ? proto->ParseFromString(*slim)
                                : proto->ParseFromArray(file.data(), static_cast<int>(file.size())),
               ErrorCode::kInvalidModel, "'", path,
               "' is not a valid ONNX file: its structure is damaged");
  TEMPER_CHECK(proto->has_graph() && proto->has_ir_version(), ErrorCode::kInvalidModel, "'", path,
               "' is not an ONNX model: it has no ", proto->has_graph() ? "IR version" : "graph");
  const std::int64_t ir = proto->ir_version();
  TEMPER_CHECK(ir > 0, ErrorCode::kInvalidModel, "'", path, "' names the IR version ", ir);
  TEMPER_CHECK(ir >= kOldestIr && ir <= kNewestIr, ErrorCode::kUnsupported, "'", path,
               "' has IR version ", ir, "; versions ", kOldestIr, " to ", kNewestIr,
               " are supported");
  return proto;
}

// Some exporters write "?" and the like for every dimension they do not name.
bool is_name(const std::string& symbol) {
  return symbol != "None" && std::any_of(symbol.begin(), symbol.end(), [](unsigned char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
         });
}

OnnxValueInfo read_value_info(const wire::ValueInfoProto& proto) {
  OnnxValueInfo info;
  info.name = proto.name();
  if (!proto.has_type() || !proto.type().has_tensor_type()) {
    info.file_type = proto.has_type() ? "a sequence, map, optional or sparse tensor" : "no type";
    return info;
  }
  const auto& type = proto.type().tensor_type();
  info.file_type = onnx_type_name(type.elem_type());
  info.dtype = graph_dtype(type.elem_type());
  info.rank_known = type.has_shape();
  TEMPER_CHECK(type.shape().dim_size() <= kMaxRank, ErrorCode::kUnsupported, "'", proto.name(),
               "' has ", type.shape().dim_size(), " dimensions; at most ", kMaxRank,
               " are supported");
  for (const auto& dim : type.shape().dim()) {
    // Some exporters write -1 for "any".
    info.dims.push_back({dim.has_dim_value() && dim.dim_value() >= 0 ? dim.dim_value() : -1,
                         is_name(dim.dim_param()) ? dim.dim_param() : std::string{}});
  }
  return info;
}

}  // namespace

std::string tensor_label(const std::string& name) {
  return concat("tensor '", name.substr(0, 200), "'");
}

const wire::TensorProto* constant_tensor(const FlatNode& node) {
  if (node.op != "Constant" || !node.domain.empty() || node.outputs.size() != 1) {
    return nullptr;
  }
  const wire::AttributeProto* value = node.find("value");
  return value != nullptr && value->has_t() ? &value->t() : nullptr;
}

OnnxModel::Impl::Impl(const std::string& model_path, const ImportOptions& options)
    : path(model_path) {
  ExternalFiles files(model_path, options.external_data_root);
  std::uint64_t file_bytes = 0;
  {
    FileDescriptor opened = open_file(model_path, file_bytes);
    const MappedFile file(opened, model_path);
    bool left_in_file = false;
    proto = parse(file.bytes(), model_path, left_in_file);
    if (left_in_file) {
      files.keep_model_file(std::move(opened), model_path);
    }
  }
  flat = flatten(*proto, file_bytes);
  // Sizes are settled here, so that building the graph meets no surprise. Types that are not
  // supported are left for build_graph(), which names all of them.
  const auto check = [&](const std::string& name, const wire::TensorProto& tensor) {
    if (!unsupported_reason(tensor).empty()) {
      return;
    }
    const std::string what = tensor_label(name);
    const TensorHeader header = check_tensor(tensor, what);
    if (header.external) {
      files.add(external_range(tensor, static_cast<std::uint64_t>(header.file_bytes), what), what);
    }
  };
  for (const auto& [name, tensor] : flat.initializers) {
    check(name, *tensor);
  }
  std::unordered_set<const wire::TensorProto*> seen;  // a function's constant, once for all calls
  for (const FlatNode& node : flat.nodes) {
    const wire::TensorProto* tensor = constant_tensor(node);
    if (tensor != nullptr && seen.insert(tensor).second) {
      check(node.outputs[0], *tensor);
    }
  }
  files.check_total();
  external = share(std::move(files));
}

OnnxModel::Impl::Impl(const Impl& origin, std::unique_ptr<wire::ModelProto> edited)
    : path(origin.path),
      proto(std::move(edited)),
      flat(flatten(*proto, proto->ByteSizeLong())),
      external(origin.external) {}

OnnxModel::Impl::~Impl() = default;

OnnxModel::OnnxModel(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
OnnxModel::~OnnxModel() = default;
OnnxModel::OnnxModel(OnnxModel&&) noexcept = default;
OnnxModel& OnnxModel::operator=(OnnxModel&&) noexcept = default;

OnnxModel OnnxModel::load(const std::string& path, const ImportOptions& options) {
  try {
    return OnnxModel(std::make_unique<Impl>(path, options));
  } catch (Error& error) {
    error.add_note(concat("while importing ", path));
    throw;
  }
}

const std::string& OnnxModel::path() const { return impl_->path; }

std::int64_t OnnxModel::ir_version() const { return impl_->proto->ir_version(); }

std::int64_t OnnxModel::opset() const {
  for (const auto& [domain, version] : opsets()) {
    if (domain.empty()) {
      return version;
    }
  }
  return 0;
}

std::vector<std::pair<std::string, std::int64_t>> OnnxModel::opsets() const {
  std::vector<std::pair<std::string, std::int64_t>> out;
  for (const auto& import : impl_->proto->opset_import()) {
    out.emplace_back(normal_domain(import.domain()), import.version());
  }
  return out;
}

std::string OnnxModel::producer() const {
  const auto& proto = *impl_->proto;
  return proto.producer_version().empty()
             ? proto.producer_name()
             : concat(proto.producer_name(), " ", proto.producer_version());
}

std::string OnnxModel::graph_name() const { return impl_->proto->graph().name(); }

std::vector<std::pair<std::string, std::string>> OnnxModel::metadata() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& entry : impl_->proto->metadata_props()) {
    out.emplace_back(entry.key(), entry.value());
  }
  return out;
}

std::vector<OnnxValueInfo> OnnxModel::inputs() const {
  std::unordered_set<std::string> stored;
  for (const auto& tensor : impl_->proto->graph().initializer()) {
    stored.insert(tensor.name());
  }
  for (const auto& sparse : impl_->proto->graph().sparse_initializer()) {
    stored.insert(sparse.values().name());
  }
  std::vector<OnnxValueInfo> out;
  for (const auto& input : impl_->proto->graph().input()) {
    if (!stored.contains(input.name())) {
      out.push_back(read_value_info(input));
    }
  }
  return out;
}

std::vector<OnnxValueInfo> OnnxModel::outputs() const {
  std::vector<OnnxValueInfo> out;
  for (const auto& output : impl_->proto->graph().output()) {
    out.push_back(read_value_info(output));
  }
  return out;
}

BatchInfo OnnxModel::batch() const {
  BatchInfo batch;
  for (const OnnxValueInfo& input : inputs()) {
    if (!input.rank_known || input.dims.empty()) {
      continue;
    }
    const Dim& first = input.dims[0];
    if (first.value < 0) {
      // One symbolic input is enough: a number beside it is no batch.
      batch = {BatchInfo::Kind::kSymbolic, -1, first.symbol};
      return batch;
    }
    if (batch.kind == BatchInfo::Kind::kNone) {
      batch = {BatchInfo::Kind::kFixed, first.value, {}};
    } else if (batch.value != first.value) {
      return {};
    }
  }
  return batch;
}

std::vector<std::pair<std::string, std::int64_t>> OnnxModel::op_counts() const {
  std::map<std::string, std::int64_t> counts;
  for (const FlatNode& node : impl_->flat.nodes) {
    if (node.body >= 0) {
      continue;
    }
    ++counts[node.domain.empty() ? node.op : node.domain + "::" + node.op];
  }
  return {counts.begin(), counts.end()};
}

std::vector<std::string> OnnxModel::files() const {
  std::vector<std::string> paths = impl_->external->paths();
  paths.insert(paths.begin(), impl_->path);
  return paths;
}

}  // namespace temper::graph
