// GGUF, the format of llama.cpp: its tensors by their names there. Blocks of 4 and 8 bits are
// widened to f32. https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/float16.h"
#include "training/formats/checkpoint_file.h"
#include "training/formats/mapped_buffer.h"

namespace temper::training {
namespace {

constexpr std::int64_t kBlock = 32;  // elements of Q4_0 and Q8_0

constexpr std::uint64_t kMostTensors = 1 << 16;
// What a tensor takes in the lists, beside its name, and what a small file may take.
constexpr std::uint64_t kEntryBytes = 720;
constexpr std::uint64_t kLeastMemory = std::uint64_t{1} << 19;

struct GgufType {
  std::uint32_t code;
  std::string_view name;
  DType dtype;  // as read
  std::uint64_t block_bytes;
  std::int64_t block_elements;
};
constexpr std::array<GgufType, 10> kTypes = {{
    {0, "F32", DType::kFloat32, 4, 1},
    {1, "F16", DType::kFloat16, 2, 1},
    {2, "Q4_0", DType::kFloat32, 18, kBlock},
    {8, "Q8_0", DType::kFloat32, 34, kBlock},
    {24, "I8", DType::kInt8, 1, 1},
    {25, "I16", DType::kInt16, 2, 1},
    {26, "I32", DType::kInt32, 4, 1},
    {27, "I64", DType::kInt64, 8, 1},
    {28, "F64", DType::kFloat64, 8, 1},
    {30, "BF16", DType::kBFloat16, 2, 1},
}};

class Reader {
 public:
  Reader(std::shared_ptr<Buffer> buffer, const std::string& path)
      : buffer_(std::move(buffer)), path_(path) {}

  CheckpointFile read() {
    TEMPER_CHECK(left() >= 4 && std::memcmp(buffer_->data(), "GGUF", 4) == 0,
                 ErrorCode::kInvalidModel, path_, " does not begin as GGUF does");
    at_ = 4;
    const std::uint64_t version = number(4);
    TEMPER_CHECK(version == 2 || version == 3, ErrorCode::kUnsupported, path_,
                 " is GGUF of version ", version, "; 2 and 3 are read");
    const std::uint64_t tensors = number(8);
    const std::uint64_t settings = number(8);
    TEMPER_CHECK(tensors <= kMostTensors, ErrorCode::kInvalidModel, path_, " claims ", tensors,
                 " tensors; the most is ", kMostTensors);
    for (std::uint64_t i = 0; i < settings; ++i) {
      read_setting();
    }
    std::vector<Entry> entries;
    std::uint64_t left_for_entries = 4 * buffer_->bytes() + kLeastMemory;
    for (std::uint64_t i = 0; i < tensors; ++i) {
      entries.push_back(read_entry());
      const std::uint64_t takes = kEntryBytes + 4 * entries.back().name.size() + path_.size();
      TEMPER_CHECK(takes <= left_for_entries, ErrorCode::kInvalidModel, path_,
                   " names more tensors than a file of ", buffer_->bytes(), " bytes has a use for");
      left_for_entries -= takes;
    }
    const std::uint64_t begin = (at_ + alignment_ - 1) / alignment_ * alignment_;
    CheckpointFile file;
    file.format = "GGUF";
    std::set<std::string> names;
    for (Entry& entry : entries) {
      TEMPER_CHECK(names.insert(entry.name).second, ErrorCode::kInvalidModel, path_,
                   " has two tensors '", entry.name, "'");
      place(entry, begin);
      file.tensors.push_back(
          {entry.name, entry.type != nullptr ? entry.type->dtype : DType{}, entry.shape,
           [entry, buffer = buffer_, path = path_] { return values(entry, *buffer, path); }});
    }
    return file;
  }

 private:
  struct Entry {
    std::string name;
    const GgufType* type = nullptr;  // null: not read
    std::uint64_t code = 0;
    Shape shape;
    std::uint64_t offset = 0;
  };

  std::uint64_t left() const { return buffer_->bytes() - at_; }

  void need(std::uint64_t bytes) const {
    TEMPER_CHECK(bytes <= left(), ErrorCode::kInvalidModel, path_, " ends inside its header, at ",
                 at_, ". Is it cut off?");
  }

  std::uint64_t number(std::size_t bytes) {
    need(bytes);
    std::uint64_t value = 0;
    for (std::size_t i = bytes; i-- > 0;) {
      value = value << 8 | std::to_integer<std::uint64_t>(buffer_->data()[at_ + i]);
    }
    at_ += bytes;
    return value;
  }

  std::string text() {
    const std::uint64_t size = number(8);
    need(size);
    std::string out(reinterpret_cast<const char*>(buffer_->data()) + at_,
                    static_cast<std::size_t>(size));
    at_ += size;
    return out;
  }

  std::uint64_t bytes_of_value(std::uint64_t type) const {
    constexpr std::array<std::uint64_t, 13> kBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    TEMPER_CHECK(type < kBytes.size(), ErrorCode::kInvalidModel, path_,
                 ": a setting has the unknown type ", type);
    return kBytes[type];
  }

  void read_setting() {
    constexpr std::uint64_t kText = 8, kArray = 9, kUInt32 = 4;
    const std::string key = text();
    const std::uint64_t type = number(4);
    if (type == kText) {
      skip_text();
    } else if (type == kArray) {
      const std::uint64_t inner = number(4);
      const std::uint64_t count = number(8);
      TEMPER_CHECK(inner != kArray, ErrorCode::kUnsupported, path_, ": setting '", key,
                   "' is a list of lists");
      for (std::uint64_t i = 0; inner == kText && i < count; ++i) {
        skip_text();
      }
      const std::uint64_t each = bytes_of_value(inner);
      TEMPER_CHECK(each == 0 || count <= left() / each, ErrorCode::kInvalidModel, path_,
                   ": setting '", key, "' ends behind the file");
      at_ += each * (each == 0 ? 0 : count);
    } else {
      const std::uint64_t value = number(static_cast<std::size_t>(bytes_of_value(type)));
      if (key == "general.alignment" && type == kUInt32) {
        TEMPER_CHECK(value > 0 && value <= (1u << 20) && value % 8 == 0, ErrorCode::kInvalidModel,
                     path_, ": general.alignment is ", value);
        alignment_ = value;
      }
    }
  }

  void skip_text() {
    const std::uint64_t size = number(8);
    need(size);
    at_ += size;
  }

  Entry read_entry() {
    Entry entry;
    entry.name = text();
    const std::uint64_t rank = number(4);
    TEMPER_CHECK(rank <= 4, ErrorCode::kInvalidModel, path_, ", tensor '", entry.name, "' has ",
                 rank, " dimensions; GGUF has 4 at most");
    std::array<std::int64_t, 4> dims{};
    for (std::size_t i = 0; i < rank; ++i) {
      dims[i] = static_cast<std::int64_t>(number(8));
      TEMPER_CHECK(dims[i] >= 0, ErrorCode::kInvalidModel, path_, ", tensor '", entry.name,
                   "' has a negative dimension");
    }
    for (std::size_t i = rank; i-- > 0;) {  // the fastest stands first
      entry.shape.push_back(dims[i]);
    }
    entry.code = number(4);
    entry.offset = number(8);
    const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                    [&](const GgufType& row) { return row.code == entry.code; });
    entry.type = found == kTypes.end() ? nullptr : &*found;
    return entry;
  }

  // Checks that the tensor lies in the file, and makes its offset one from the file's start.
  void place(Entry& entry, std::uint64_t begin) const {
    const std::int64_t elements = entry.shape.element_count();
    if (entry.type == nullptr) {
      return;
    }
    const std::int64_t row = entry.shape.rank() == 0 ? 1 : entry.shape[entry.shape.rank() - 1];
    TEMPER_CHECK(row % entry.type->block_elements == 0, ErrorCode::kInvalidModel, path_,
                 ", tensor '", entry.name, "': rows of ", row, " elements are no whole blocks of ",
                 entry.type->name);
    const auto blocks = static_cast<std::uint64_t>(elements / entry.type->block_elements);
    const std::uint64_t size = buffer_->bytes();
    TEMPER_CHECK(begin <= size && entry.offset <= size - begin &&
                     blocks <= (size - begin - entry.offset) / entry.type->block_bytes,
                 ErrorCode::kInvalidModel, path_, ", tensor '", entry.name, "' ", entry.type->name,
                 entry.shape, " ends behind the file. Is it cut off?");
    entry.offset += begin;
  }

  static Tensor values(const Entry& entry, const Buffer& buffer, const std::string& path) {
    TEMPER_CHECK(entry.type != nullptr, ErrorCode::kUnsupported, path, ", tensor '", entry.name,
                 "' is of GGUF type ", entry.code,
                 "; F32, F16, BF16, F64, Q8_0, Q4_0 and integers are read");
    Tensor made(entry.type->dtype, entry.shape, {}, "a tensor of a GGUF file");
    const std::byte* from = buffer.data() + entry.offset;
    if (entry.type->block_elements == 1) {
      std::memcpy(made.data(), from, static_cast<std::size_t>(made.bytes()));
      return made;
    }
    const std::span<float> out = made.span<float>();
    for (std::size_t first = 0; first < out.size(); first += kBlock) {
      widen_block(from, *entry.type, out.subspan(first, kBlock));
      from += entry.type->block_bytes;
    }
    return made;
  }

  // A scale in f16, then whole numbers: of Q4_0 the low halves of the bytes come first, less 8.
  static void widen_block(const std::byte* block, const GgufType& type, std::span<float> out) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, block, sizeof(bits));
    const float scale = Float16::to_float(bits);
    const bool is_four = type.block_bytes < kBlock;
    constexpr std::size_t kHalf = kBlock / 2;
    for (std::size_t i = 0; i < kBlock; ++i) {
      const auto byte = std::to_integer<unsigned>(block[2 + (is_four ? i % kHalf : i)]);
      const int whole = is_four ? static_cast<int>(i < kHalf ? byte & 15 : byte >> 4) - 8
                                : static_cast<int>(static_cast<std::int8_t>(byte));
      out[i] = scale * static_cast<float>(whole);
    }
  }

  std::shared_ptr<Buffer> buffer_;
  const std::string& path_;
  std::uint64_t at_ = 0;
  std::uint64_t alignment_ = 32;
};

}  // namespace

CheckpointFile read_gguf(const std::string& path) { return Reader(map_buffer(path), path).read(); }

}  // namespace temper::training
