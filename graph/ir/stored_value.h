// Values of a variable that lie in a file: read when they are wanted, not kept in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace temper::graph {

// Threading: may be read by several threads at the same time.
class StoredValue {
 public:
  virtual ~StoredValue() = default;
  // The elements from `first` on, in logical order and in the variable's dtype, as many as fill
  // `out`. THROWS: kIo, kInvalidModel when the file has changed and ends too early.
  virtual void read(std::int64_t first, std::span<std::byte> out) const = 0;
};

// Copies of a graph share what its variables begin with.
using SharedValue = std::shared_ptr<const StoredValue>;

}  // namespace temper::graph
