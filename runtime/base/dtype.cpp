#include "runtime/base/dtype.h"

#include <array>

namespace temper {
namespace {

struct Row {
  std::string_view name;
  std::size_t bytes;
  std::size_t bits = 8 * bytes;  // in files
};

constexpr std::array<Row, 25> kRows = {
    {{"undefined", 0},  {"f32", 4},    {"f64", 8},        {"f16", 2},    {"bf16", 2},
     {"i8", 1},         {"i16", 2},    {"i32", 4},        {"i64", 8},    {"u8", 1},
     {"u16", 2},        {"u32", 4},    {"u64", 8},        {"bool", 1},   {"opaque", 1},
     {"i4", 1, 4},      {"u4", 1, 4},  {"i2", 1, 2},      {"u2", 1, 2},  {"f8e4m3fn", 1},
     {"f8e4m3fnuz", 1}, {"f8e5m2", 1}, {"f8e5m2fnuz", 1}, {"f8e8m0", 1}, {"f4e2m1", 1, 4}}};

}  // namespace

std::size_t size_of(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].bytes; }

std::size_t file_bits(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].bits; }

std::string_view to_string(DType dtype) { return kRows[static_cast<std::size_t>(dtype)].name; }

DType dtype_from_name(std::string_view name) {
  for (std::size_t i = 1; i < kRows.size(); ++i) {
    if (kRows[i].name == name) {
      return static_cast<DType>(i);
    }
  }
  return DType::kUndefined;
}

bool is_float(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat64 || dtype == DType::kFloat16 ||
         dtype == DType::kBFloat16;
}

bool is_integer(DType dtype) { return dtype >= DType::kInt8 && dtype <= DType::kUInt64; }

bool is_narrow(DType dtype) { return dtype > DType::kOpaque; }

}  // namespace temper
