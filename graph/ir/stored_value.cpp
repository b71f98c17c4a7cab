#include "graph/ir/stored_value.h"

#include <cstring>

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

}  // namespace

SharedValue make_filled_value(DType dtype, double value) {
  return std::make_shared<const FilledValue>(dtype, value);
}

}  // namespace temper::graph
