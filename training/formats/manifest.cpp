// Every number is checked before it is multiplied, every size before it is read.
#include "training/formats/manifest.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"
#include "training/formats/mapped_buffer.h"

namespace temper::training {
namespace {

static_assert(std::endian::native == std::endian::little, "raw arrays are little-endian");

constexpr std::uint64_t kMostManifestBytes = std::uint64_t{1} << 24;

struct TypeName {
  const char* name;
  DType dtype;
};
// Temper's names and NumPy's.
constexpr TypeName kTypes[] = {
    {"f16", DType::kFloat16},     {"float16", DType::kFloat16}, {"bf16", DType::kBFloat16},
    {"f32", DType::kFloat32},     {"float32", DType::kFloat32}, {"f64", DType::kFloat64},
    {"float64", DType::kFloat64}, {"i8", DType::kInt8},         {"int8", DType::kInt8},
    {"i16", DType::kInt16},       {"int16", DType::kInt16},     {"i32", DType::kInt32},
    {"int32", DType::kInt32},     {"i64", DType::kInt64},       {"int64", DType::kInt64},
    {"u8", DType::kUInt8},        {"uint8", DType::kUInt8},     {"u16", DType::kUInt16},
    {"uint16", DType::kUInt16},   {"u32", DType::kUInt32},      {"uint32", DType::kUInt32},
    {"u64", DType::kUInt64},      {"uint64", DType::kUInt64},
};

DType type_named(const std::string& name, const std::string& where) {
  for (const TypeName& type : kTypes) {
    if (name == type.name) {
      return type.dtype;
    }
  }
  fail(ErrorCode::kUnsupported, where, ": dtype is '", name,
       "'; it may be f16, bf16, f32, f64, i8 to i64, u8 to u64, or NumPy's names (float32, uint8)");
}

// a * b + c, or a failure when that is more than 64 bits hold.
std::uint64_t checked_sum(std::uint64_t a, std::uint64_t b, std::uint64_t c,
                          const std::string& where) {
  std::uint64_t product = 0;
  std::uint64_t sum = 0;
  TEMPER_CHECK(!__builtin_mul_overflow(a, b, &product) && !__builtin_add_overflow(product, c, &sum),
               ErrorCode::kInvalidData, where, " asks for more bytes than a file can have");
  return sum;
}

void refuse_other_keys(const JsonValue& json, const std::vector<std::string>& known,
                       const std::string& where) {
  for (const JsonMember& member : json.as_object(where)) {
    TEMPER_CHECK(std::find(known.begin(), known.end(), member.key) != known.end(),
                 ErrorCode::kInvalidData, where, ": unknown key '", member.key, "' (known are ",
                 join(known, ", "), ")");
  }
}

const JsonValue& required(const JsonValue& json, const char* key, const std::string& where) {
  const JsonValue* value = json.find(key);
  TEMPER_CHECK(value != nullptr, ErrorCode::kInvalidData, where, ": the key '", key,
               "' is missing");
  return *value;
}

std::uint64_t not_negative(const JsonValue& value, const std::string& what) {
  const std::int64_t number = value.as_int(what);
  TEMPER_CHECK(number >= 0, ErrorCode::kInvalidData, what, " is ", number,
               "; it must be 0 or more");
  return static_cast<std::uint64_t>(number);
}

}  // namespace

Manifest::Manifest(const std::string& path) : path_(path) {
  const JsonValue json = parse_json(read_text_file(path, kMostManifestBytes), path);
  TEMPER_CHECK(
      json.is_object() && json.find("fields") != nullptr, ErrorCode::kInvalidData, path,
      " is no manifest of raw arrays {\"rows\": N, \"fields\": [...]}; records are read of "
      ".jsonl files and JSON arrays (data.format = \"jsonl\")");
  refuse_other_keys(json, {"rows", "fields", "classes"}, path);
  rows_ = required(json, "rows", path).as_int(path + ": rows");
  TEMPER_CHECK(rows_ > 0, ErrorCode::kInvalidData, path, ": rows is ", rows_,
               "; it must be 1 or more");
  for (const JsonValue& field : json.at("fields").as_array(path + ": fields")) {
    Field parsed = parse_field(field, concat(path, ", field ", fields_.size() + 1));
    for (const Field& other : fields_) {
      TEMPER_CHECK(other.name != parsed.name, ErrorCode::kInvalidData, path, ": the field '",
                   parsed.name, "' is there twice");
    }
    fields_.push_back(std::move(parsed));
  }
  if (const JsonValue* classes = json.find("classes")) {
    for (const JsonValue& name : classes->as_array(path + ": classes")) {
      classes_.push_back(name.as_string(path + ": a class"));
    }
  }
}

Manifest::Field Manifest::parse_field(const JsonValue& json, const std::string& at) const {
  Field field;
  const std::string name = required(json, "name", at).as_string(at + ": name");
  const std::string where = concat(path_, ", field '", name, "'");
  refuse_other_keys(json, {"name", "dtype", "shape", "file", "offset", "stride", "target"}, where);
  const JsonValue* target = json.find("target");
  const bool is_target = target != nullptr && target->as_bool(where + ": target");
  field.name = is_target && name != "target" ? "target:" + name : name;
  field.dtype = type_named(required(json, "dtype", where).as_string(where + ": dtype"), where);
  field.file = required(json, "file", where).as_string(where + ": file");
  field.shape = Shape{rows_};
  std::uint64_t elements = 1;
  const JsonValue* dims = json.find("shape");
  for (const JsonValue& dim :
       dims == nullptr ? JsonValue::Array{} : dims->as_array(where + ": shape")) {
    const std::int64_t size = dim.as_int(where + ": shape");
    TEMPER_CHECK(size > 0 && field.shape.rank() + 1 < kMaxRank, ErrorCode::kInvalidData, where,
                 ": shape has the dimension ", size, " as number ", field.shape.rank(), "; up to ",
                 kMaxRank - 2, " positive ones are read");
    elements = checked_sum(elements, static_cast<std::uint64_t>(size), 0, where);
    field.shape.push_back(size);
  }
  field.row_bytes = checked_sum(elements, size_of(field.dtype), 0, where);
  const JsonValue* offset = json.find("offset");
  field.offset = offset == nullptr ? 0 : not_negative(*offset, where + ": offset");
  const JsonValue* stride = json.find("stride");
  field.stride = stride == nullptr ? field.row_bytes : not_negative(*stride, where + ": stride");
  TEMPER_CHECK(field.stride >= field.row_bytes, ErrorCode::kInvalidData, where, ": stride is ",
               field.stride, " bytes, but a row has ", field.row_bytes);
  return field;
}

std::vector<std::string> Manifest::names() const {
  std::vector<std::string> names;
  for (const Field& field : fields_) {
    names.push_back(field.name);
  }
  return names;
}

std::vector<std::string> Manifest::files() const {
  std::vector<std::string> files = {path_};
  for (const Field& field : fields_) {
    const std::string file = join_path(folder_of(path_), field.file);
    if (std::find(files.begin(), files.end(), file) == files.end()) {
      files.push_back(file);
    }
  }
  return files;
}

Tensor Manifest::read(const std::string& name) const {
  const auto found = std::find_if(fields_.begin(), fields_.end(),
                                  [&](const Field& field) { return field.name == name; });
  TEMPER_ASSERT(found != fields_.end(), name);
  const Field& field = *found;
  const std::string where = concat(path_, ", field '", name, "'");
  const std::string folder = folder_of(path_);
  const std::string file = join_path(folder, field.file);
  std::shared_ptr<Buffer> mapped = map_buffer_beneath(folder, field.file);
  const auto others = static_cast<std::uint64_t>(rows_ - 1);
  const std::uint64_t end = checked_sum(
      others, field.stride, checked_sum(field.offset, 1, field.row_bytes, where), where);
  TEMPER_CHECK(
      end <= mapped->bytes(), ErrorCode::kInvalidData, where, ": ", file, " has ", mapped->bytes(),
      " bytes; ", rows_, " rows of ", field.row_bytes, " bytes from byte ", field.offset,
      field.stride == field.row_bytes ? std::string()
                                      : concat(", each ", field.stride, " after the one before,"),
      " need ", end, ". Is the file cut off?");
  const std::byte* data = mapped->data() + field.offset;
  const bool aligned = std::bit_cast<std::uintptr_t>(data) % size_of(field.dtype) == 0;
  if (field.stride == field.row_bytes && aligned) {
    return Tensor(field.dtype, field.shape, {}, std::move(mapped), field.offset);
  }
  Tensor copy(field.dtype, field.shape, {}, "an array of a raw data file");
  auto* to = static_cast<std::byte*>(copy.data());
  for (std::int64_t row = 0; row < rows_; ++row) {
    std::memcpy(to, data, field.row_bytes);
    to += field.row_bytes;
    data += row + 1 < rows_ ? field.stride : 0;
  }
  return copy;
}

}  // namespace temper::training
