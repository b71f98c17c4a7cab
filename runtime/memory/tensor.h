// A dtype, a shape, a physical layout and a view of shared memory. Copying a Tensor shares the
// memory. Threading: like a pointer; who writes must be alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "runtime/base/dtype.h"
#include "runtime/base/dtype_visit.h"
#include "runtime/base/layout.h"
#include "runtime/base/narrow_types.h"
#include "runtime/base/shape.h"
#include "runtime/memory/buffer.h"

namespace temper {

class Tensor {
 public:
  Tensor() = default;  // no tensor: dtype kUndefined, no memory
  // New zeroed memory. THROWS: kOutOfMemory, kInvalidModel (size overflow).
  Tensor(DType dtype, const Shape& shape, const Layout& layout = {},
         const char* purpose = "a tensor");
  // A view of `buffer` from `offset_bytes`. THROWS: kInternal when it does not fit.
  Tensor(DType dtype, const Shape& shape, const Layout& layout, std::shared_ptr<Buffer> buffer,
         std::size_t offset_bytes = 0);

  // A plain tensor with these values, converted to `dtype`.
  template <class T>
  static Tensor from(DType dtype, const Shape& shape, std::span<const T> values);
  template <class T>
  static Tensor scalar(DType dtype, T value) {
    return from<T>(dtype, Shape{}, std::span<const T>(&value, 1));
  }

  bool defined() const { return buffer_ != nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  const Layout& layout() const { return layout_; }
  std::int64_t element_count() const { return shape_.element_count(); }
  // Storage bytes, padding included.
  std::int64_t bytes() const { return storage_bytes(dtype_, shape_, layout_); }
  const std::shared_ptr<Buffer>& buffer() const { return buffer_; }

  // THROWS: kInternal for memory of a device: there is a VariableStore or an Executor to ask.
  void* data() { return buffer_ == nullptr ? nullptr : buffer_->data() + offset_; }
  const void* data() const { return buffer_ == nullptr ? nullptr : buffer_->data() + offset_; }

  // For kernels and copies of the buffer's device only.
  std::byte* address() const { return buffer_ == nullptr ? nullptr : buffer_->address() + offset_; }

  // Typed access to storage order. THROWS: kInternal when T is not the dtype.
  template <class T>
  std::span<T> span();
  template <class T>
  std::span<const T> span() const;

  // The same memory under another shape. REQUIRES: plain layout, equal element count.
  Tensor reshaped(const Shape& shape) const;
  // A deep copy in plain layout, of another dtype if asked (kUndefined keeps it).
  Tensor to_plain(DType dtype = DType::kUndefined) const;
  // Elements in logical order as T (converted).
  template <class T>
  std::vector<T> values() const;

 private:
  void require_type(DType asked) const;

  DType dtype_ = DType::kUndefined;
  Shape shape_;
  Layout layout_;
  std::shared_ptr<Buffer> buffer_;
  std::size_t offset_ = 0;
};

// Copies the logical elements of `source` into `target` (equal shapes; any layouts and dtypes).
// Padding of the target is left as it is. COST: element by element unless both are plain.
void copy_elements(const Tensor& source, Tensor& target);

// True when shapes, dtypes and all bytes of the logical elements are equal.
bool equal_bits(const Tensor& a, const Tensor& b);

template <class T>
Tensor Tensor::from(DType dtype, const Shape& shape, std::span<const T> values) {
  Tensor tensor(dtype, shape);
  TEMPER_ASSERT(static_cast<std::int64_t>(values.size()) == tensor.element_count());
  if (is_narrow(dtype)) {
    auto* codes = static_cast<std::uint8_t*>(tensor.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      codes[i] = narrow_code(dtype, convert_element<double>(static_cast<T>(values[i])));
    }
    return tensor;
  }
  visit_any(dtype, [&]<class D>() {
    D* out = static_cast<D*>(tensor.data());
    for (std::size_t i = 0; i < values.size(); ++i) {
      out[i] = convert_element<D>(static_cast<T>(values[i]));
    }
  });
  return tensor;
}

template <class T>
std::span<T> Tensor::span() {
  require_type(kDTypeOf<T>);
  return {static_cast<T*>(data()), static_cast<std::size_t>(storage_elements(shape_, layout_))};
}

template <class T>
std::span<const T> Tensor::span() const {
  require_type(kDTypeOf<T>);
  return {static_cast<const T*>(data()),
          static_cast<std::size_t>(storage_elements(shape_, layout_))};
}

template <class T>
std::vector<T> Tensor::values() const {
  const Tensor plain = layout_.plain ? *this : to_plain();
  std::vector<T> out(static_cast<std::size_t>(element_count()));
  if (is_narrow(dtype_)) {
    const auto* codes = static_cast<const std::uint8_t*>(plain.data());
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = convert_element<T>(narrow_values(dtype_)[codes[i]]);
    }
    return out;
  }
  visit_any(dtype_, [&]<class D>() {
    const D* in = static_cast<const D*>(plain.data());
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = convert_element<T>(in[i]);
    }
  });
  return out;
}

}  // namespace temper
