#include "runtime/memory/tensor.h"

#include <cstring>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/memory/axis_offsets.h"

namespace temper {
namespace {

template <class S, class D>
void copy_along(const std::vector<AxisOffsets>& axes, std::size_t axis, const S* in, D* out) {
  const AxisOffsets& offsets = axes[axis];
  const std::int64_t* from = offsets.source.data();
  const std::int64_t* to = offsets.target.data();
  const std::size_t count = offsets.source.size();
  if (axis + 1 < axes.size()) {
    for (std::size_t i = 0; i < count; ++i) {
      copy_along(axes, axis + 1, in + from[i], out + to[i]);
    }
    return;
  }
  for (std::size_t i = 0; i < count; ++i) {
    out[to[i]] = convert_element<D>(in[from[i]]);
  }
}

}  // namespace

Tensor::Tensor(DType dtype, const Shape& shape, const Layout& layout, const char* purpose)
    : dtype_(dtype),
      shape_(shape),
      layout_(layout),
      buffer_(Buffer::allocate(static_cast<std::size_t>(storage_bytes(dtype, shape, layout)),
                               purpose)) {}

Tensor::Tensor(DType dtype, const Shape& shape, const Layout& layout,
               std::shared_ptr<Buffer> buffer, std::size_t offset_bytes)
    : dtype_(dtype),
      shape_(shape),
      layout_(layout),
      buffer_(std::move(buffer)),
      offset_(offset_bytes) {
  TEMPER_ASSERT(offset_ + static_cast<std::size_t>(bytes()) <= buffer_->bytes(), "view of ",
                bytes(), " bytes at ", offset_, " in a buffer of ", buffer_->bytes());
}

void Tensor::require_type(DType asked) const {
  TEMPER_ASSERT(asked == dtype_, "tensor is ", dtype_, ", asked as ", asked);
}

Tensor Tensor::reshaped(const Shape& shape) const {
  TEMPER_ASSERT(layout_.plain && shape.element_count() == element_count());
  Tensor other = *this;
  other.shape_ = shape;
  return other;
}

Tensor Tensor::to_plain(DType dtype) const {
  Tensor plain(dtype == DType::kUndefined ? dtype_ : dtype, shape_);
  copy_elements(*this, plain);
  return plain;
}

void copy_elements(const Tensor& source, Tensor& target) {
  TEMPER_ASSERT(source.shape() == target.shape(), source.shape(), " against ", target.shape());
  const Shape& shape = source.shape();
  if (source.dtype() == target.dtype() && source.layout() == target.layout() &&
      !has_padding(shape, source.layout())) {
    std::memcpy(target.data(), source.data(), static_cast<std::size_t>(source.bytes()));
    return;
  }
  if (shape.element_count() == 0) {
    return;
  }
  if (is_narrow(source.dtype()) || is_narrow(target.dtype())) {
    const std::vector<double> values = source.values<double>();
    TEMPER_ASSERT(target.layout().plain && source.layout().plain, "a narrow tensor is plain");
    const Tensor converted = Tensor::from<double>(target.dtype(), shape, values);
    std::memcpy(target.data(), converted.data(), static_cast<std::size_t>(converted.bytes()));
    return;
  }
  const bool plain = source.layout().plain && target.layout().plain;
  const std::vector<AxisOffsets> axes =
      plain ? std::vector<AxisOffsets>{} : offsets_of_axes(shape, source.layout(), target.layout());
  visit_any(source.dtype(), [&]<class S>() {
    visit_any(target.dtype(), [&]<class D>() {
      const S* in = static_cast<const S*>(source.data());
      D* out = static_cast<D*>(target.data());
      if (!plain) {
        copy_along(axes, 0, in, out);
        return;
      }
      const std::int64_t count = shape.element_count();
      for (std::int64_t i = 0; i < count; ++i) {
        out[i] = convert_element<D>(in[i]);
      }
    });
  });
}

bool equal_bits(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || !(a.shape() == b.shape())) {
    return false;
  }
  const Tensor x = a.layout().plain ? a : a.to_plain();
  const Tensor y = b.layout().plain ? b : b.to_plain();
  return std::memcmp(x.data(), y.data(), static_cast<std::size_t>(x.bytes())) == 0;
}

}  // namespace temper
