#include "graph/ir/stored_value.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "runtime/base/dtype_visit.h"

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

constexpr std::int64_t kPiece = 1 << 16;  // elements read at a time

template <class T>
bool any_nan(const StoredValue& values, std::int64_t count) {
  std::vector<T> piece(static_cast<std::size_t>(std::min(count, kPiece)));
  for (std::int64_t first = 0; first < count; first += kPiece) {
    piece.resize(static_cast<std::size_t>(std::min(count - first, kPiece)));
    values.read(first, std::as_writable_bytes(std::span(piece)));
    if (std::any_of(piece.begin(), piece.end(), [](T x) { return std::isnan(x); })) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool StoredValue::holds_nan(DType dtype, std::int64_t count) const {
  std::call_once(looked_, [&] {
    holds_nan_ = visit_float(dtype, [&]<class T>() { return any_nan<T>(*this, count); });
  });
  return holds_nan_;
}

SharedValue make_filled_value(DType dtype, double value) {
  return std::make_shared<const FilledValue>(dtype, value);
}

}  // namespace temper::graph
