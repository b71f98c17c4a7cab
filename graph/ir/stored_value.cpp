#include "graph/ir/stored_value.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "runtime/base/dtype_visit.h"
#include "runtime/memory/finite_values.h"

namespace temper::graph {
namespace {

class FilledValue final : public StoredValue {
 public:
  FilledValue(DType dtype, double value) : dtype_(dtype), value_(value) {}

  void read(std::int64_t, std::span<std::byte> out) const override {
    visit_float(dtype_, [&]<class T>() {
      const T element = static_cast<T>(value_);
      for (std::size_t at = 0; at < out.size(); at += sizeof(T)) {
        std::memcpy(out.data() + at, &element, sizeof element);
      }
    });
  }

 private:
  DType dtype_;
  double value_;
};

bool any_nan_in(const StoredValue& values, DType dtype, std::int64_t count) {
  constexpr std::int64_t kPiece = 1 << 16;  // elements read at a time
  std::vector<std::byte> piece;
  for (std::int64_t first = 0; first < count; first += kPiece) {
    const std::int64_t next = std::min(count - first, kPiece);
    piece.resize(static_cast<std::size_t>(next) * size_of(dtype));
    values.read(first, piece);
    if (any_nan(dtype, piece.data(), next)) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool StoredValue::holds_nan(DType dtype, std::int64_t count) const {
  std::call_once(looked_, [&] { holds_nan_ = any_nan_in(*this, dtype, count); });
  return holds_nan_;
}

SharedValue make_filled_value(DType dtype, double value) {
  return std::make_shared<const FilledValue>(dtype, value);
}

}  // namespace temper::graph
