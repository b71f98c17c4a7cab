// One loop over tags with an explicit stack; the table says which fields are messages and which are
// lists of numbers.
#include "graph/onnx/wire_scan.h"

#include <array>
#include <cstdint>
#include <cstring>

#include <onnx.pb.h>

#include "runtime/base/error.h"

namespace temper::graph {
namespace {

enum class Kind : std::uint8_t {
  kNone,  // not a message
  kModel,
  kGraph,
  kNode,
  kAttribute,
  kFunction,
  kValueInfo,
  kTensor,
  kSparse,
  kType,
  kTypeTensor,
  kTypeOfType,
  kTypeMap,
  kShape,
  kTraining,
  kAnnotation,
  kDevices,
  kSharding,
  kShardedDim,
  kLeaf,
};

struct FieldRule {
  Kind parent;
  std::uint32_t number;
  Kind child;           // kNone: a list of numbers
  std::uint32_t bytes;  // memory per number; 0: fixed width, as many bytes as in the file
};

constexpr FieldRule kRules[] = {
    {Kind::kModel, 7, Kind::kGraph, 0},         {Kind::kModel, 8, Kind::kLeaf, 0},
    {Kind::kModel, 14, Kind::kLeaf, 0},         {Kind::kModel, 20, Kind::kTraining, 0},
    {Kind::kModel, 25, Kind::kFunction, 0},     {Kind::kModel, 26, Kind::kLeaf, 0},
    {Kind::kGraph, 1, Kind::kNode, 0},          {Kind::kGraph, 5, Kind::kTensor, 0},
    {Kind::kGraph, 11, Kind::kValueInfo, 0},    {Kind::kGraph, 12, Kind::kValueInfo, 0},
    {Kind::kGraph, 13, Kind::kValueInfo, 0},    {Kind::kGraph, 14, Kind::kAnnotation, 0},
    {Kind::kGraph, 15, Kind::kSparse, 0},       {Kind::kGraph, 16, Kind::kLeaf, 0},
    {Kind::kNode, 5, Kind::kAttribute, 0},      {Kind::kNode, 9, Kind::kLeaf, 0},
    {Kind::kNode, 10, Kind::kDevices, 0},       {Kind::kAttribute, 5, Kind::kTensor, 0},
    {Kind::kAttribute, 6, Kind::kGraph, 0},     {Kind::kAttribute, 7, Kind::kNone, 0},
    {Kind::kAttribute, 8, Kind::kNone, 8},      {Kind::kAttribute, 10, Kind::kTensor, 0},
    {Kind::kAttribute, 11, Kind::kGraph, 0},    {Kind::kAttribute, 14, Kind::kType, 0},
    {Kind::kAttribute, 15, Kind::kType, 0},     {Kind::kAttribute, 22, Kind::kSparse, 0},
    {Kind::kAttribute, 23, Kind::kSparse, 0},   {Kind::kFunction, 7, Kind::kNode, 0},
    {Kind::kFunction, 9, Kind::kLeaf, 0},       {Kind::kFunction, 11, Kind::kAttribute, 0},
    {Kind::kFunction, 12, Kind::kValueInfo, 0}, {Kind::kFunction, 14, Kind::kLeaf, 0},
    {Kind::kValueInfo, 2, Kind::kType, 0},      {Kind::kValueInfo, 4, Kind::kLeaf, 0},
    {Kind::kTensor, 1, Kind::kNone, 8},         {Kind::kTensor, 3, Kind::kLeaf, 0},
    {Kind::kTensor, 4, Kind::kNone, 0},         {Kind::kTensor, 5, Kind::kNone, 4},
    {Kind::kTensor, 7, Kind::kNone, 8},         {Kind::kTensor, 10, Kind::kNone, 0},
    {Kind::kTensor, 11, Kind::kNone, 8},        {Kind::kTensor, 13, Kind::kLeaf, 0},
    {Kind::kTensor, 16, Kind::kLeaf, 0},        {Kind::kSparse, 1, Kind::kTensor, 0},
    {Kind::kSparse, 2, Kind::kTensor, 0},       {Kind::kSparse, 3, Kind::kNone, 8},
    {Kind::kType, 1, Kind::kTypeTensor, 0},     {Kind::kType, 4, Kind::kTypeOfType, 0},
    {Kind::kType, 5, Kind::kTypeMap, 0},        {Kind::kType, 7, Kind::kLeaf, 0},
    {Kind::kType, 8, Kind::kTypeTensor, 0},     {Kind::kType, 9, Kind::kTypeOfType, 0},
    {Kind::kTypeOfType, 1, Kind::kType, 0},     {Kind::kTypeMap, 2, Kind::kType, 0},
    {Kind::kTypeTensor, 2, Kind::kShape, 0},    {Kind::kShape, 1, Kind::kLeaf, 0},
    {Kind::kTraining, 1, Kind::kGraph, 0},      {Kind::kTraining, 2, Kind::kGraph, 0},
    {Kind::kTraining, 3, Kind::kLeaf, 0},       {Kind::kTraining, 4, Kind::kLeaf, 0},
    {Kind::kAnnotation, 2, Kind::kLeaf, 0},     {Kind::kDevices, 2, Kind::kSharding, 0},
    {Kind::kSharding, 2, Kind::kNone, 8},       {Kind::kSharding, 3, Kind::kLeaf, 0},
    {Kind::kSharding, 4, Kind::kShardedDim, 0}, {Kind::kShardedDim, 2, Kind::kLeaf, 0},
};

// protobuf parses 100 levels; a subgraph takes 3.
constexpr std::size_t kMaxDepth = 96;
constexpr std::uint64_t kStringCost = 48;

std::uint64_t cost_of(Kind kind) {
  switch (kind) {
    case Kind::kNode:
      return 224;
    case Kind::kTensor:
    case Kind::kAttribute:
    case Kind::kGraph:
    case Kind::kFunction:
      return 296;
    default:
      return 112;
  }
}

const FieldRule* find_rule(Kind parent, std::uint32_t number) {
  for (const FieldRule& rule : kRules) {
    if (rule.parent == parent && rule.number == number) {
      return &rule;
    }
  }
  return nullptr;
}

class Scanner {
 public:
  Scanner(std::span<const std::byte> file, const std::string& path)
      : begin_(reinterpret_cast<const std::uint8_t*>(file.data())),
        at_(begin_),
        path_(path),
        budget_((std::uint64_t{64} << 20) + 4 * file.size()) {
    stack_[0] = {begin_ + file.size(), Kind::kModel};
  }

  void run() {
    while (true) {
      while (at_ == stack_[depth_].end) {
        if (depth_ == 0) {
          return;
        }
        --depth_;
      }
      read_field();
    }
  }

 private:
  struct Frame {
    const std::uint8_t* end;
    Kind kind;
  };

  template <class... Parts>
  [[noreturn]] void damaged(const Parts&... parts) const {
    fail(ErrorCode::kInvalidModel, "'", path_, "' is not a valid ONNX file: ", parts..., " (byte ",
         static_cast<std::int64_t>(at_ - begin_), ")");
  }

  void spend(std::uint64_t bytes) {
    spent_ += bytes;
    if (spent_ > budget_) {
      damaged("reading it would take more than ", budget_ >> 20,
              " MiB of memory, far more than its size justifies");
    }
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
      if (at_ == stack_[depth_].end) {
        damaged("it ends inside a number; the file is cut off or damaged");
      }
      const std::uint8_t byte = *at_++;
      value |= shift < 64 ? static_cast<std::uint64_t>(byte & 0x7f) << shift : 0;
      if (byte < 0x80) {
        return value;
      }
    }
    damaged("a number has more than 10 bytes");
  }

  void skip(std::uint64_t bytes) {
    const auto left = static_cast<std::uint64_t>(stack_[depth_].end - at_);
    if (bytes > left) {
      damaged("a field of ", bytes, " bytes stands where ", left,
              " are left; the file is cut off or damaged");
    }
    at_ += bytes;
  }

  void read_field() {
    const std::uint64_t tag = varint();
    const std::uint64_t number = tag >> 3;
    if (number == 0 || tag > UINT32_MAX) {
      damaged("there is no field number ", number);
    }
    // Fields of ours (onnx.proto): they say where bytes are and come from nowhere else.
    if (stack_[depth_].kind == Kind::kTensor &&
        (number == wire::TensorProto::kHeldAtFieldNumber ||
         number == wire::TensorProto::kHeldBytesFieldNumber)) {
      damaged("a tensor has the field ", number, ", which ONNX does not define");
    }
    const FieldRule* rule = find_rule(stack_[depth_].kind, static_cast<std::uint32_t>(number));
    switch (tag & 7) {
      case 0:
        varint();
        spend(16);
        return;
      case 1:
        skip(8);
        spend(16);
        return;
      case 5:
        skip(4);
        spend(16);
        return;
      case 2:
        read_block(rule);
        return;
      default:
        damaged("a field has the wire type ", tag & 7, ", which ONNX does not use");
    }
  }

  void read_block(const FieldRule* rule) {
    const std::uint64_t length = varint();
    const std::uint8_t* start = at_;
    skip(length);
    if (rule == nullptr) {
      spend(kStringCost + length);
      return;
    }
    if (rule->child == Kind::kNone) {
      std::uint64_t numbers = 0;
      for (const std::uint8_t* byte = start; rule->bytes != 0 && byte != at_; ++byte) {
        numbers += *byte < 0x80 ? 1 : 0;
      }
      spend(rule->bytes == 0 ? length : numbers * rule->bytes);
      return;
    }
    if (depth_ + 1 == kMaxDepth) {
      damaged("messages are nested more than ", kMaxDepth, " deep");
    }
    spend(cost_of(rule->child));
    stack_[++depth_] = {at_, rule->child};
    at_ = start;
  }

  const std::uint8_t* begin_;
  const std::uint8_t* at_;
  const std::string& path_;
  std::uint64_t budget_;
  std::uint64_t spent_ = 0;
  std::size_t depth_ = 0;
  std::array<Frame, kMaxDepth> stack_;
};

}  // namespace

void scan_wire(std::span<const std::byte> file, const std::string& path) {
  Scanner(file, path).run();
}

const char* foreign_format(std::span<const std::byte> file) {
  struct Mark {
    const char* bytes;
    std::size_t size;
    const char* what;
  };
  static constexpr Mark kMarks[] = {
      {"\x89PNG", 4, "a PNG picture"},
      {"\xff\xd8\xff", 3, "a JPEG picture"},
      {"PK\x03\x04", 4, "a zip archive (a PyTorch .pt file is one)"},
      {"\x89HDF", 4, "an HDF5 file"},
      {"\x93NUMPY", 6, "a NumPy array"},
      {"\x80\x02", 2, "a Python pickle"},
      {"GGUF", 4, "a GGUF file"},
      {"version https://git-lfs", 23, "a Git LFS pointer (run `git lfs pull`)"},
      {"<!DOCTYPE", 9, "an HTML page"},
      {"<html", 5, "an HTML page"},
      {"\x7f"
       "ELF",
       4, "a program"},
      {"\x1f\x8b", 2, "a gzip archive"},
  };
  for (const Mark& mark : kMarks) {
    if (file.size() >= mark.size && std::memcmp(file.data(), mark.bytes, mark.size) == 0) {
      return mark.what;
    }
  }
  return "";
}

}  // namespace temper::graph
