// Values of a variable that are read when they are wanted, not kept in memory: from a file, or all
// the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>

#include "runtime/base/dtype.h"

namespace temper::graph {

// Threading: may be read by several threads at the same time.
class StoredValue {
 public:
  virtual ~StoredValue() = default;
  // The elements from `first` on, in logical order and in the variable's dtype, as many as fill
  // `out`. THROWS: kIo, kInvalidModel when the file has changed and ends too early.
  virtual void read(std::int64_t first, std::span<std::byte> out) const = 0;

  // Whether one of the first `count` elements is NaN; all callers give the variable's own dtype and
  // count. COST: all are read the first time. THROWS: as read().
  bool holds_nan(DType dtype, std::int64_t count) const;

 private:
  mutable std::once_flag looked_;
  mutable bool holds_nan_ = false;
};

// Copies of a graph share what its variables begin with.
using SharedValue = std::shared_ptr<const StoredValue>;

// Elements of a float type that all are `value`: an accumulator's, as large as its parameter.
SharedValue make_filled_value(DType dtype, double value);

}  // namespace temper::graph
