// safetensors: the reader does the checks of the reference implementation in its order.
#include "training/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <set>
#include <span>
#include <utility>

#include "runtime/memory/plain_pieces.h"
#include "runtime/platform/files.h"
#include "training/formats/json.h"
#include "training/formats/mapped_buffer.h"
#include "training/formats/sha256.h"

namespace temper::training {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;
// What an entry of the header takes, and what a small file may take.
constexpr std::uint64_t kEntryBytes = 600;
constexpr std::uint64_t kLeastMemory = std::uint64_t{1} << 19;
constexpr std::string_view kMetadata = "__metadata__";

struct TypeName {
  std::string_view name;
  DType dtype;
};
constexpr std::array<TypeName, 13> kTypes = {{{"F64", DType::kFloat64},
                                              {"F32", DType::kFloat32},
                                              {"F16", DType::kFloat16},
                                              {"BF16", DType::kBFloat16},
                                              {"I64", DType::kInt64},
                                              {"I32", DType::kInt32},
                                              {"I16", DType::kInt16},
                                              {"I8", DType::kInt8},
                                              {"U64", DType::kUInt64},
                                              {"U32", DType::kUInt32},
                                              {"U16", DType::kUInt16},
                                              {"U8", DType::kUInt8},
                                              {"BOOL", DType::kBool}}};

struct Entry {
  std::string name;
  DType dtype = DType::kUndefined;
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

class Reader {
 public:
  Reader(std::shared_ptr<Buffer> buffer, std::string_view where, ErrorCode code)
      : buffer_(std::move(buffer)), where_(where), code_(code) {}

  SafetensorsFile read() {
    const std::uint64_t size = buffer_->bytes();
    TEMPER_CHECK(size >= 8, code_, where_, " has ", size,
                 " bytes; a safetensors file has at least 8");
    std::uint64_t length = 0;
    for (std::size_t i = 8; i-- > 0;) {
      length = length << 8 | std::to_integer<std::uint64_t>(buffer_->data()[i]);
    }
    TEMPER_CHECK(length <= kMaxHeaderBytes, code_, where_, ": the header claims ", length,
                 " bytes; the most is ", kMaxHeaderBytes, ". Is this a safetensors file?");
    TEMPER_CHECK(length <= size - 8, code_, where_, ": the header should have ", length,
                 " bytes, the file ends after ", size - 8, ". Is it cut off?");
    const std::string_view text(reinterpret_cast<const char*>(buffer_->data()) + 8,
                                static_cast<std::size_t>(length));
    TEMPER_CHECK(text.starts_with('{'), code_, where_, ": the header does not begin with '{'");
    SafetensorsFile file;
    std::vector<Entry> entries;
    std::uint64_t left = 4 * size + kLeastMemory;
    parse_json_members(text, concat(where_, ", header"), code_, [&](const JsonMember& member) {
      const std::uint64_t takes = kEntryBytes + 3 * member.key.size();
      TEMPER_CHECK(takes <= left, code_, where_, ": the header names more tensors than a file of ",
                   size, " bytes has a use for");
      left -= takes;
      if (member.key == kMetadata) {
        read_metadata(member.value, file);
      } else {
        entries.push_back(read_entry(member));
      }
    });
    check_offsets(entries, size - 8 - length);
    for (const Entry& entry : entries) {
      file.tensors.emplace_back(entry.name,
                                view(entry, static_cast<std::size_t>(8 + length + entry.begin)));
    }
    return file;
  }

 private:
  void read_metadata(const JsonValue& value, SafetensorsFile& file) {
    TEMPER_CHECK(value.is_object(), code_, where_, ": __metadata__ is no object");
    for (const JsonMember& member : value.as_object(kMetadata)) {
      TEMPER_CHECK(member.value.is_string(), code_, where_, ": __metadata__ '", member.key,
                   "' is no string");
      file.metadata.emplace(member.key, member.value.as_string(member.key));
    }
  }

  std::uint64_t read_size(const JsonValue& value, const std::string& name, const char* what) {
    TEMPER_CHECK(value.is_integer() && value.as_int(what) >= 0, code_, where_, ", tensor '", name,
                 "': ", what, " must be a whole number, 0 or more");
    return static_cast<std::uint64_t>(value.as_int(what));
  }

  Entry read_entry(const JsonMember& member) {
    Entry entry;
    entry.name = member.key;
    const JsonValue* dtype = member.value.find("dtype");
    const JsonValue* shape = member.value.find("shape");
    const JsonValue* offsets = member.value.find("data_offsets");
    TEMPER_CHECK(dtype != nullptr && dtype->is_string() && shape != nullptr && shape->is_array() &&
                     offsets != nullptr && offsets->is_array() &&
                     offsets->as_array("").size() == 2 && member.value.as_object("").size() == 3,
                 code_, where_, ", tensor '", entry.name,
                 "': expected exactly dtype, shape and data_offsets [begin, end]");
    const std::string& type = dtype->as_string("dtype");
    const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                    [&](const TypeName& row) { return row.name == type; });
    TEMPER_CHECK(found != kTypes.end(), ErrorCode::kUnsupported, where_, ", tensor '", entry.name,
                 "' has dtype '", type, "', which Temper does not read");
    entry.dtype = found->dtype;
    for (const JsonValue& dim : shape->as_array("shape")) {
      TEMPER_CHECK(entry.shape.rank() < kMaxRank, ErrorCode::kUnsupported, where_, ", tensor '",
                   entry.name, "' has more than ", kMaxRank, " dimensions");
      entry.shape.push_back(static_cast<std::int64_t>(read_size(dim, entry.name, "a dimension")));
    }
    entry.begin = read_size(offsets->as_array("")[0], entry.name, "data_offsets[0]");
    entry.end = read_size(offsets->as_array("")[1], entry.name, "data_offsets[1]");
    return entry;
  }

  void check_offsets(std::vector<Entry>& entries, std::uint64_t data_bytes) {
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end < b.end;
    });
    std::uint64_t position = 0;
    for (const Entry& entry : entries) {
      TEMPER_CHECK(entry.begin == position && entry.end >= entry.begin, code_, where_, ", tensor '",
                   entry.name, "': bytes [", entry.begin, ", ", entry.end, ") do not begin at ",
                   position, ", where the tensor before it ends");
      position = entry.end;
      // Zero dimensions are left out of the product, so that the shape as a whole cannot overflow.
      std::uint64_t bytes = size_of(entry.dtype);
      bool empty = false;
      bool overflow = false;
      for (const std::int64_t dim : entry.shape) {
        empty = empty || dim == 0;
        overflow =
            overflow ||
            (dim > 0 && (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dim), &bytes) ||
                         bytes >= (std::uint64_t{1} << 61)));
      }
      TEMPER_CHECK(!overflow, code_, where_, ", tensor '", entry.name, "': the shape ", entry.shape,
                   " has more elements than memory can hold");
      bytes = empty ? 0 : bytes;
      TEMPER_CHECK(bytes == entry.end - entry.begin, code_, where_, ", tensor '", entry.name,
                   "': ", entry.dtype, entry.shape, " takes ", bytes, " bytes, data_offsets give ",
                   entry.end - entry.begin);
    }
    TEMPER_CHECK(position == data_bytes, code_, where_, ": the tensors end at byte ", position,
                 ", the data at ", data_bytes,
                 position > data_bytes ? ". Is the file cut off?" : "");
  }

  Tensor view(const Entry& entry, std::size_t offset) {
    const std::byte* data = buffer_->data() + offset;
    const auto bytes = static_cast<std::size_t>(entry.end - entry.begin);
    if (entry.dtype == DType::kBool) {
      TEMPER_CHECK(std::all_of(data, data + bytes, [](std::byte b) { return b <= std::byte{1}; }),
                   code_, where_, ", tensor '", entry.name, "': a BOOL is neither 0 nor 1");
    }
    if (std::bit_cast<std::uintptr_t>(data) % size_of(entry.dtype) == 0) {
      return Tensor(entry.dtype, entry.shape, {}, buffer_, offset);
    }
    Tensor copy(entry.dtype, entry.shape, {}, "a tensor of a safetensors file");
    std::memcpy(copy.data(), data, bytes);
    return copy;
  }

  std::shared_ptr<Buffer> buffer_;
  std::string_view where_;
  ErrorCode code_;
};

// The JSON header of tensors that are already in file order, padded so that the data is aligned.
std::string header_text(const std::string& path,
                        const std::vector<std::pair<std::string, PlainValue>>& sorted,
                        const std::map<std::string, std::string>& metadata) {
  std::string text = "{";
  if (!metadata.empty()) {
    text += "\"__metadata__\": {";
    for (const auto& [key, value] : metadata) {
      text += text.ends_with('{') ? "" : ", ";
      append_json_string(text, key);
      text += ": ";
      append_json_string(text, value);
    }
    text += '}';
  }
  std::int64_t position = 0;
  std::set<std::string_view> seen;
  for (const auto& [name, value] : sorted) {
    TEMPER_CHECK(name != kMetadata && seen.insert(name).second, ErrorCode::kInvalidArgument, path,
                 ": the tensor name '", name, "' is reserved or used twice");
    const auto type =
        std::find_if(kTypes.begin(), kTypes.end(),
                     [dtype = value.dtype](const TypeName& row) { return row.dtype == dtype; });
    TEMPER_CHECK(type != kTypes.end(), ErrorCode::kUnsupported, path, ": tensor '", name,
                 "' of dtype ", value.dtype, " has no safetensors form");
    text += text.size() == 1 ? "" : ", ";
    append_json_string(text, name);
    text += concat(": {\"dtype\": \"", type->name, "\", \"shape\": [", join(value.shape, ", "),
                   "], \"data_offsets\": [", position, ", ", position + value.bytes(), "]}");
    position += value.bytes();
  }
  text += '}';
  text.append((64 - (8 + text.size()) % 64) % 64, ' ');
  return text;
}

}  // namespace

const Tensor* SafetensorsFile::find(std::string_view name) const {
  for (const auto& [tensor_name, tensor] : tensors) {
    if (tensor_name == name) {
      return &tensor;
    }
  }
  return nullptr;
}

SafetensorsFile decode_safetensors(std::shared_ptr<Buffer> buffer, std::string_view where,
                                   ErrorCode code) {
  return Reader(std::move(buffer), where, code).read();
}

void SafetensorsFile::read(const Tensor& tensor, std::uint64_t skip,
                           std::span<std::byte> out) const {
  const auto* data = static_cast<const std::byte*>(tensor.data()) + skip;
  if (file.is_open() && tensor.buffer() == mapped) {
    read_at(file, static_cast<std::uint64_t>(data - mapped->data()), out, path);
  } else if (!out.empty()) {
    std::memcpy(out.data(), data, out.size());
  }
}

PlainValue plain_value(const SafetensorsFile& file, const Tensor& tensor) {
  return {tensor.dtype(), tensor.shape(), [&file, tensor](const TakePiece& take) {
            constexpr std::int64_t kPieceBytes = std::int64_t{1} << 20;
            std::vector<std::byte> buffer(
                static_cast<std::size_t>(std::min(tensor.bytes(), kPieceBytes)));
            for (std::int64_t at = 0; at < tensor.bytes(); at += kPieceBytes) {
              const std::span<std::byte> piece(
                  buffer.data(),
                  static_cast<std::size_t>(std::min(tensor.bytes() - at, kPieceBytes)));
              file.read(tensor, static_cast<std::uint64_t>(at), piece);
              take(piece);
            }
          }};
}

SafetensorsFile read_safetensors(const std::string& path, ErrorCode code) {
  std::uint64_t bytes = 0;
  FileDescriptor file = open_file(path, bytes);
  const std::shared_ptr<Buffer> mapped = map_buffer(file, path);
  SafetensorsFile read = decode_safetensors(mapped, path, code);
  read.path = path;
  read.file = std::move(file);
  read.mapped = mapped;
  return read;
}

std::string write_safetensors(const std::string& path,
                              const std::vector<std::pair<std::string, Tensor>>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, PlainValue>> values;
  for (const auto& [name, tensor] : tensors) {
    values.emplace_back(name, plain_value(tensor));
  }
  return write_safetensors(path, values, metadata);
}

bool has_safetensors_type(DType dtype) {
  return std::any_of(kTypes.begin(), kTypes.end(),
                     [&](const TypeName& row) { return row.dtype == dtype; });
}

std::string safetensors_beginning(const std::string& path,
                                  std::vector<std::pair<std::string, PlainValue>>& tensors,
                                  const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    const std::size_t wide_a = size_of(a.second.dtype);
    const std::size_t wide_b = size_of(b.second.dtype);
    return wide_a != wide_b ? wide_a > wide_b : a.first < b.first;
  });
  const std::string text = header_text(path, tensors, metadata);
  std::string beginning;
  for (std::size_t i = 0; i < 8; ++i) {
    beginning += static_cast<char>(text.size() >> (8 * i));
  }
  return beginning + text;
}

std::string write_safetensors(const std::string& path,
                              const std::vector<std::pair<std::string, PlainValue>>& tensors,
                              const std::map<std::string, std::string>& metadata) {
  std::vector<std::pair<std::string, PlainValue>> sorted = tensors;
  const std::string beginning = safetensors_beginning(path, sorted, metadata);
  std::uint64_t bytes = beginning.size();
  for (const auto& [name, value] : sorted) {
    bytes += static_cast<std::uint64_t>(value.bytes());
  }
  AtomicFile file(path);
  file.reserve(bytes);
  Sha256 hash;
  const auto write = [&](std::span<const std::byte> part) {
    hash.update(part);
    file.write(part);
  };
  write(std::as_bytes(std::span(beginning)));
  for (const auto& [name, value] : sorted) {
    value.for_each_piece(write);
  }
  file.commit();
  return hash.finish();
}

}  // namespace temper::training
