#include "runtime/memory/tensor.h"

#include <array>
#include <cstring>
#include <utility>

#include "runtime/base/error.h"

namespace temper {
namespace {

// Where the elements of an axis lie in source and target, in elements from the first. The axes of
// an element add up: blocks split each axis on its own.
struct AxisOffsets {
  std::vector<std::int64_t> source, target;
};

AxisOffsets offsets_along(const Tensor& source, const Tensor& target, int axis) {
  AxisOffsets offsets;
  std::array<std::int64_t, kMaxRank> index{};
  std::int64_t& at = index[static_cast<std::size_t>(axis)];
  for (at = 0; at < source.shape()[axis]; ++at) {
    offsets.source.push_back(element_offset(source.shape(), source.layout(), index.data()));
    offsets.target.push_back(element_offset(target.shape(), target.layout(), index.data()));
  }
  return offsets;
}

AxisOffsets merged(const AxisOffsets& outer, const AxisOffsets& inner) {
  AxisOffsets offsets;
  for (std::size_t i = 0; i < outer.source.size(); ++i) {
    for (std::size_t j = 0; j < inner.source.size(); ++j) {
      offsets.source.push_back(outer.source[i] + inner.source[j]);
      offsets.target.push_back(outer.target[i] + inner.target[j]);
    }
  }
  return offsets;
}

// Of all axes, outermost first; the last ones as one, so that the inner loop is long and its table
// still small.
std::vector<AxisOffsets> offsets_of_axes(const Tensor& source, const Tensor& target) {
  constexpr std::size_t kMostMerged = 4096;
  std::vector<AxisOffsets> axes = {{{0}, {0}}};
  for (int axis = source.shape().rank() - 1; axis >= 0; --axis) {
    AxisOffsets next = offsets_along(source, target, axis);
    if (axes.size() == 1 && next.source.size() * axes.front().source.size() <= kMostMerged) {
      axes.front() = merged(next, axes.front());
    } else {
      axes.insert(axes.begin(), std::move(next));
    }
  }
  return axes;
}

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
  const bool plain = source.layout().plain && target.layout().plain;
  const std::vector<AxisOffsets> axes =
      plain ? std::vector<AxisOffsets>{} : offsets_of_axes(source, target);
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
