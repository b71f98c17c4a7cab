// A device as the rest of Temper sees it: a name, its kernel table, its memory and its streams.
// Threading: immutable, shared freely.
#pragma once

#include <string>
#include <string_view>

#include "runtime/backend/kernel_table.h"
#include "runtime/memory/device_memory.h"

namespace temper {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual const KernelTable& kernels() const = 0;
  // Where its kernels find their tensors; lives as long as the backend.
  virtual DeviceMemory& memory() const { return host_memory(); }
  // A stream for its kernels and for copies of its memory. THROWS: kDevice.
  virtual std::unique_ptr<Stream> make_stream() const { return make_host_stream(); }
  // Library versions and instruction set: part of a checkpoint's numerics fingerprint and of
  // `doctor`.
  virtual std::string fingerprint() const = 0;
  // Whether products of f32 can be taken in TF32: 8 bits of exponent and 10 of mantissa.
  virtual bool has_tf32() const { return false; }
  // Whether matrix products and convolutions in this 16-bit type are faster than in f32 here.
  virtual bool is_fast(DType dtype) const {
    static_cast<void>(dtype);
    return false;
  }
};

struct SelectedKernel {
  std::unique_ptr<Kernel> kernel;
  std::string family;
  std::vector<std::string> refusals;  // "family: reason" of the rows before it
};

// The first row of the op's list that supports the query (only rows of `family` if that is not
// empty). THROWS: kUnsupported naming the op with every row's reason.
SelectedKernel select_kernel(const Backend& backend, const OpQuery& query,
                             std::string_view family = {});

}  // namespace temper
