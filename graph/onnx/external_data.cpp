// Opening data files below the model's folder (or the wider root) and reading ranges of them.
#include "graph/onnx/external_data.h"

#include <charconv>
#include <filesystem>

#include <onnx.pb.h>

#include "runtime/base/error.h"
#include "runtime/platform/folders.h"

namespace temper::graph {
namespace {

constexpr std::size_t kMaxKeptOpen = 64;

std::uint64_t parse_number(const std::string& text, const char* key, const std::string& what) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  TEMPER_CHECK(error == std::errc() && end == text.data() + text.size() && !text.empty(),
               ErrorCode::kInvalidModel, what, ": its external data has the ", key, " '",
               text.substr(0, 40), "', which is not a number");
  return value;
}

void check_range(const ExternalRange& range, std::uint64_t size, const std::string& shown,
                 const std::string& what) {
  TEMPER_CHECK(range.offset <= size && range.bytes <= size - range.offset, ErrorCode::kInvalidModel,
               what, ": its data is ", range.bytes, " bytes at offset ", range.offset, " of '",
               shown, "', but that file has ", size,
               " bytes; it is cut off or belongs to another model");
}

}  // namespace

ExternalRange external_range(const wire::TensorProto& proto, std::uint64_t bytes,
                             const std::string& what) {
  ExternalRange range;
  range.bytes = bytes;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") {
      range.location = entry.value();
    } else if (entry.key() == "offset") {
      range.offset = parse_number(entry.value(), "offset", what);
    } else if (entry.key() == "length") {
      const std::uint64_t length = parse_number(entry.value(), "length", what);
      TEMPER_CHECK(length == bytes, ErrorCode::kInvalidModel, what,
                   ": its external data has the length ", length, ", but its shape and type take ",
                   bytes, " bytes");
    }
  }
  TEMPER_CHECK(!range.location.empty() && range.location.find('\0') == std::string::npos,
               ErrorCode::kInvalidModel, what, ": its data is external, but no file is named");
  return range;
}

ExternalRange held_range(const wire::TensorProto& proto) {
  ExternalRange range;
  range.in_model = true;
  range.offset = proto.held_at();
  range.bytes = proto.held_bytes();
  return range;
}

ExternalFiles::ExternalFiles(const std::string& model_path, const std::string& wider_root)
    : folder_(folder_of(model_path)) {
  root_ = folder_;
  if (wider_root.empty()) {
    return;
  }
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path root = fs::weakly_canonical(wider_root, error);
  const fs::path inside = fs::weakly_canonical(folder_, error).lexically_relative(root);
  TEMPER_CHECK(!error && !inside.empty() && *inside.begin() != "..", ErrorCode::kInvalidArgument,
               "the model '", model_path, "' does not lie below model.external_data_root = '",
               wider_root, "'; name a folder that contains both the model and its data");
  root_ = root.string();
  prefix_ = inside == "." ? "" : inside.string() + "/";
}

std::string ExternalFiles::shown_path(const std::string& location) const {
  return join_path(folder_, location);
}

std::vector<std::string> ExternalFiles::paths() const {
  std::vector<std::string> paths;
  for (const auto& [location, size] : sizes_) {
    paths.push_back(shown_path(location));
  }
  return paths;
}

std::shared_ptr<const FileDescriptor> ExternalFiles::open(const std::string& location) const {
  const auto found = kept_.find(location);
  if (found != kept_.end()) {
    return found->second;
  }
  // With a wider root "../blobs/x" is fine as long as it stays below the root, which the system
  // call sees to.
  TEMPER_CHECK(!location.empty(), ErrorCode::kInvalidModel,
               "a tensor's data is external, but no file is named");
  TEMPER_CHECK(location.front() != '/' && !escapes_root(prefix_ + location),
               ErrorCode::kInvalidModel, "the model keeps tensors in '", location,
               "', which is outside the folder '", root_,
               "'; if you trust it, set model.external_data_root to a folder that contains both");
  try {
    return std::make_shared<const FileDescriptor>(open_beneath(root_, prefix_ + location));
  } catch (const Error& error) {
    fail(ErrorCode::kInvalidModel, "the model keeps tensors in '", location, "': ", error.message(),
         file_status(folder_).exists ? "; the data file must lie beside the model (or below "
                                       "model.external_data_root, for links that leave the folder)"
                                     : "");
  }
}

void ExternalFiles::add(const ExternalRange& range, const std::string& what) {
  auto found = sizes_.find(range.location);
  if (found == sizes_.end()) {
    try {
      const std::shared_ptr<const FileDescriptor> file = open(range.location);
      const auto size =
          static_cast<std::uint64_t>(require_regular_file(*file, shown_path(range.location)));
      found = sizes_.emplace(range.location, size).first;
      if (kept_.size() < kMaxKeptOpen) {
        kept_.emplace(range.location, file);
      }
    } catch (Error& error) {
      error.add_note(concat("needed by ", what));
      throw;
    }
  }
  check_range(range, found->second, shown_path(range.location), what);
  total_ += range.bytes;
}

void ExternalFiles::check_total() const {
  std::uint64_t sizes = 0;
  for (const auto& [location, size] : sizes_) {
    sizes += size;
  }
  const std::uint64_t limit = 2 * sizes + (std::uint64_t{16} << 20);
  TEMPER_CHECK(total_ <= limit, ErrorCode::kInvalidModel, "the model's external tensors take ",
               total_, " bytes together, but their files have only ", sizes,
               ": the same bytes are named over and over");
}

SharedFiles share(ExternalFiles files) {
  return std::make_shared<const ExternalFiles>(std::move(files));
}

void ExternalFiles::keep_model_file(FileDescriptor file, const std::string& path) {
  model_file_ = std::make_shared<const FileDescriptor>(std::move(file));
  model_path_ = path;
}

std::uint64_t ExternalFiles::size(const std::string& location) const {
  const std::shared_ptr<const FileDescriptor> file = open(location);
  return static_cast<std::uint64_t>(require_regular_file(*file, shown_path(location)));
}

std::shared_ptr<const FileDescriptor> ExternalFiles::open(const ExternalRange& range) const {
  return range.in_model ? model_file_ : open(range.location);
}

std::string ExternalFiles::shown_path(const ExternalRange& range) const {
  return range.in_model ? model_path_ : shown_path(range.location);
}

void ExternalFiles::read(const ExternalRange& range, std::uint64_t skip,
                         std::span<std::byte> out) const {
  TEMPER_ASSERT(skip <= range.bytes && out.size() <= range.bytes - skip, "outside a tensor");
  try {
    read_at(*open(range), range.offset + skip, out, shown_path(range));
  } catch (const Error& error) {
    fail(ErrorCode::kInvalidModel, error.message());
  }
}

std::span<const std::byte> ExternalReader::whole(const ExternalRange& range) {
  if (map_ == nullptr || range.in_model != mapped_.in_model || range.location != mapped_.location) {
    map_.reset();
    map_ = std::make_unique<MappedFile>(*files_.open(range), files_.shown_path(range));
    mapped_ = range;
  }
  return map_->bytes();
}

std::span<const std::byte> ExternalReader::bytes(const ExternalRange& range,
                                                 const std::string& what) {
  const std::span<const std::byte> file = whole(range);
  check_range(range, file.size(), files_.shown_path(range), what);
  return file.subspan(range.offset, range.bytes);
}

}  // namespace temper::graph
