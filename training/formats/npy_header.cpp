// The header of .npy files: magic, version, length, and a Python dictionary with exactly the keys
// descr, fortran_order and shape. It is read by a small parser of its own: nothing is evaluated.
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>

#include "runtime/base/error.h"
#include "training/formats/npy.h"

namespace temper::training {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// Walks the dictionary's text.
class DictParser {
 public:
  DictParser(std::string_view text, std::string_view where, bool texts)
      : text_(text), where_(where), texts_(texts) {}

  void parse(NpyHeader& header) {
    bool seen_descr = false;
    bool seen_order = false;
    bool seen_shape = false;
    expect('{');
    while (peek() != '}') {
      const std::string_view key = quoted();
      expect(':');
      bool* seen = key == "descr"           ? &seen_descr
                   : key == "fortran_order" ? &seen_order
                   : key == "shape"         ? &seen_shape
                                            : nullptr;
      TEMPER_CHECK(seen != nullptr, ErrorCode::kInvalidData, where_,
                   ": the .npy header has an unknown key '", key, "'");
      TEMPER_CHECK(!*seen, ErrorCode::kInvalidData, where_, ": the .npy header has the key '", key,
                   "' twice");
      *seen = true;
      if (seen == &seen_descr) {
        parse_descr(header);
      } else if (seen == &seen_order) {
        header.fortran_order = parse_bool();
      } else {
        parse_shape(header);
      }
      if (peek() != '}') {
        expect(',');
      }
    }
    expect('}');
    skip_space();
    TEMPER_CHECK(position_ == text_.size(), ErrorCode::kInvalidData, where_,
                 ": text after the .npy header's dictionary");
    TEMPER_CHECK(seen_descr && seen_order && seen_shape, ErrorCode::kInvalidData, where_,
                 ": the .npy header lacks ",
                 !seen_descr ? "descr" : (!seen_order ? "fortran_order" : "shape"));
  }

 private:
  void skip_space() {
    while (position_ < text_.size() && (text_[position_] == ' ' || text_[position_] == '\n')) {
      ++position_;
    }
  }
  char peek() {
    skip_space();
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  void expect(char wanted) {
    const char found = peek();
    TEMPER_CHECK(position_ < text_.size() && found == wanted, ErrorCode::kInvalidData, where_,
                 ": bad .npy header at byte ", position_, ", expected '", wanted, "'");
    ++position_;
  }
  std::string_view quoted() {
    const char quote = peek();
    TEMPER_CHECK(quote == '\'' || quote == '"', ErrorCode::kInvalidData, where_,
                 ": bad .npy header at byte ", position_, ", expected a quoted string");
    const std::size_t end = text_.find(quote, position_ + 1);
    TEMPER_CHECK(end != std::string_view::npos, ErrorCode::kInvalidData, where_,
                 ": the .npy header has a string without an end");
    const std::string_view value = text_.substr(position_ + 1, end - position_ - 1);
    position_ = end + 1;
    return value;
  }
  bool parse_bool() {
    skip_space();
    for (const std::string_view word : {"True", "False"}) {
      if (text_.substr(position_, word.size()) == word) {
        position_ += word.size();
        return word == "True";
      }
    }
    fail(ErrorCode::kInvalidData, where_, ": fortran_order in the .npy header is no bool");
  }

  void parse_descr(NpyHeader& header) {
    TEMPER_CHECK(peek() != '[', ErrorCode::kUnsupported, where_,
                 " holds records (a structured array); save each field as an array of its own");
    const std::string_view descr = quoted();
    const char order = descr.empty() ? '\0' : descr.front();
    const bool has_order = order == '<' || order == '>' || order == '|' || order == '=';
    TEMPER_CHECK(has_order && descr.size() >= 2, ErrorCode::kInvalidData, where_,
                 ": the .npy header's descr '", descr, "' is no NumPy type");
    if (texts_ && parse_text_type(descr, header)) {
      return;
    }
    struct Row {
      std::string_view code;
      DType dtype;
    };
    constexpr Row kRows[] = {
        {"f4", DType::kFloat32}, {"f8", DType::kFloat64}, {"f2", DType::kFloat16},
        {"i1", DType::kInt8},    {"i2", DType::kInt16},   {"i4", DType::kInt32},
        {"i8", DType::kInt64},   {"u1", DType::kUInt8},   {"u2", DType::kUInt16},
        {"u4", DType::kUInt32},  {"u8", DType::kUInt64},  {"b1", DType::kBool},
    };
    for (const Row& row : kRows) {
      if (descr.substr(1) == row.code) {
        header.dtype = row.dtype;
        header.big_endian = order == '>' && size_of(row.dtype) > 1;
        return;
      }
    }
    fail(ErrorCode::kUnsupported, where_, " has NumPy type '", descr,
         "'; expected floats of 16, 32 or 64 bits, integers or bool. In Python: "
         "array.astype('float32')");
  }

  // "<U12": twelve characters of four bytes; "|S12": of one.
  static bool parse_text_type(std::string_view descr, NpyHeader& header) {
    const char kind = descr[1];
    const auto result =
        std::from_chars(descr.data() + 2, descr.data() + descr.size(), header.text_length);
    if ((kind != 'U' && kind != 'S') || result.ec != std::errc() ||
        result.ptr != descr.data() + descr.size()) {
      return false;
    }
    header.character_bytes = kind == 'U' ? 4 : 1;
    header.big_endian = descr.front() == '>';
    return true;
  }

  void parse_shape(NpyHeader& header) {
    expect('(');
    std::int64_t product = 1;
    while (peek() != ')') {
      std::int64_t dim = 0;
      const char* begin = text_.data() + position_;
      const auto result = std::from_chars(begin, text_.data() + text_.size(), dim);
      TEMPER_CHECK(result.ec == std::errc() && dim >= 0, ErrorCode::kInvalidData, where_,
                   ": bad dimension in the .npy header at byte ", position_);
      position_ += static_cast<std::size_t>(result.ptr - begin);
      if (position_ < text_.size() && text_[position_] == 'L') {
        ++position_;  // written by Python 2
      }
      TEMPER_CHECK(header.shape.rank() < kMaxRank, ErrorCode::kUnsupported, where_,
                   " has more than ", kMaxRank, " dimensions");
      const bool overflow = dim > 0 && __builtin_mul_overflow(product, dim, &product);
      TEMPER_CHECK(!overflow && product < (std::int64_t{1} << 58), ErrorCode::kInvalidData, where_,
                   ": the .npy header's shape has more elements than memory can hold");
      header.shape.push_back(dim);
      if (peek() != ')') {
        expect(',');
      }
    }
    expect(')');
  }

  std::string_view text_;
  std::string_view where_;
  bool texts_;
  std::size_t position_ = 0;
};

}  // namespace

NpyHeader parse_npy_header(std::span<const std::byte> bytes, std::string_view where, bool texts) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  TEMPER_CHECK(text.size() >= 10, ErrorCode::kInvalidData, where, " has ", text.size(),
               " bytes; a .npy file has at least 10");
  TEMPER_CHECK(text.substr(0, kMagic.size()) == kMagic, ErrorCode::kInvalidData, where,
               " is no .npy file: it does not begin with \\x93NUMPY");
  const auto byte = [&](std::size_t i) {
    return static_cast<std::size_t>(static_cast<unsigned char>(text[i]));
  };
  const std::size_t version = byte(6);
  TEMPER_CHECK(version >= 1 && version <= 3, ErrorCode::kUnsupported, where, " is .npy version ",
               version, "; known are 1, 2 and 3");
  const std::size_t start = version == 1 ? 10 : 12;
  TEMPER_CHECK(text.size() >= start, ErrorCode::kInvalidData, where, " ends in its .npy header");
  std::size_t length = byte(8) | byte(9) << 8;
  if (version > 1) {
    length |= byte(10) << 16 | byte(11) << 24;
  }
  TEMPER_CHECK(length <= text.size() - start, ErrorCode::kInvalidData, where,
               ": the .npy header should have ", length, " bytes, the file ends after ",
               text.size() - start);
  NpyHeader header;
  DictParser(text.substr(start, length), where, texts).parse(header);
  header.data_offset = start + length;
  return header;
}

std::string npy_header(DType dtype, const Shape& shape) {
  const auto code = [&]() -> std::string_view {
    switch (dtype) {
      case DType::kFloat32:
        return "<f4";
      case DType::kFloat64:
        return "<f8";
      case DType::kFloat16:
        return "<f2";
      case DType::kInt8:
        return "|i1";
      case DType::kInt16:
        return "<i2";
      case DType::kInt32:
        return "<i4";
      case DType::kInt64:
        return "<i8";
      case DType::kUInt8:
        return "|u1";
      case DType::kUInt16:
        return "<u2";
      case DType::kUInt32:
        return "<u4";
      case DType::kUInt64:
        return "<u8";
      case DType::kBool:
        return "|b1";
      default:
        fail(ErrorCode::kUnsupported, "NumPy has no type for ", dtype,
             "; convert to f32 before writing");
    }
  }();
  return npy_header(code, shape);
}

std::string npy_header(std::string_view code, const Shape& shape) {
  std::string dict = concat("{'descr': '", code, "', 'fortran_order': False, 'shape': (",
                            join(shape, ", "), shape.rank() == 1 ? ",), }" : "), }");
  const std::size_t used = 10 + dict.size() + 1;
  dict.append((64 - used % 64) % 64, ' ');
  dict += '\n';
  std::string out(kMagic);
  out += '\x01';
  out += '\0';
  out += static_cast<char>(dict.size() & 0xff);
  out += static_cast<char>(dict.size() >> 8);
  return out + dict;
}

}  // namespace temper::training
