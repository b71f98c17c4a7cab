#include "runtime/memory/plain_pieces.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "runtime/memory/axis_offsets.h"

namespace temper {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{1} << 20;  // stays in a cache

// Calls row(where it begins) for each row of the innermost of `axes`, in order.
template <class F>
void each_row(const std::vector<AxisOffsets>& axes, std::size_t axis, std::int64_t base,
              const F& row) {
  if (axis + 1 == axes.size()) {
    row(base);
    return;
  }
  for (const std::int64_t offset : axes[axis].source) {
    each_row(axes, axis + 1, base + offset, row);
  }
}

// Elements of so many bytes, whatever they mean.
template <class Bits>
void pieces_of(const Tensor& tensor, const TakePiece& take) {
  const std::vector<AxisOffsets> axes = offsets_of_axes(tensor.shape(), tensor.layout(), {});
  const auto* in = static_cast<const Bits*>(tensor.data());
  const std::vector<std::int64_t>& inner = axes.back().source;
  std::vector<Bits> piece;
  piece.reserve(kPieceBytes / sizeof(Bits) + inner.size());
  const auto give = [&] {
    take(std::as_bytes(std::span(piece)));
    piece.clear();
  };
  each_row(axes, 0, 0, [&](std::int64_t base) {
    const std::size_t begin = piece.size();
    piece.resize(begin + inner.size());
    for (std::size_t i = 0; i < inner.size(); ++i) {
      piece[begin + i] = in[base + inner[i]];
    }
    if (piece.size() * sizeof(Bits) >= kPieceBytes) {
      give();
    }
  });
  give();
}

template <class Bits>
void fill(Tensor& target, const GivePiece& give) {
  const std::vector<AxisOffsets> axes = offsets_of_axes(target.shape(), target.layout(), {});
  auto* out = static_cast<Bits*>(target.data());
  const std::vector<std::int64_t>& inner = axes.back().source;
  const std::size_t rows = std::max<std::size_t>(1, kPieceBytes / sizeof(Bits) / inner.size());
  auto left = static_cast<std::size_t>(target.element_count());
  std::vector<Bits> piece;
  std::size_t at = 0;
  each_row(axes, 0, 0, [&](std::int64_t base) {
    if (at == piece.size()) {
      piece.resize(std::min(left, rows * inner.size()));
      give(std::as_writable_bytes(std::span(piece)));
      left -= piece.size();
      at = 0;
    }
    for (std::size_t i = 0; i < inner.size(); ++i) {
      out[base + inner[i]] = piece[at + i];
    }
    at += inner.size();
  });
}

// Calls f.operator()<Bits>() for elements as wide as the tensor's.
template <class F>
void visit_width(const Tensor& tensor, const F& f) {
  switch (size_of(tensor.dtype())) {
    case 1:
      return f.template operator()<std::uint8_t>();
    case 2:
      return f.template operator()<std::uint16_t>();
    case 4:
      return f.template operator()<std::uint32_t>();
    default:
      return f.template operator()<std::uint64_t>();
  }
}

// Calls f with the memory of a plain tensor, a piece at a time.
template <class Byte, class F>
void each_part(std::span<Byte> bytes, const F& f) {
  while (!bytes.empty()) {
    f(bytes.first(std::min(kPieceBytes, bytes.size())));
    bytes = bytes.subspan(std::min(kPieceBytes, bytes.size()));
  }
}

}  // namespace

PlainValue plain_value(const Tensor& tensor) {
  return {tensor.dtype(), tensor.shape(),
          [tensor](const TakePiece& take) { for_each_plain_piece(tensor, take); }};
}

std::int64_t plain_bytes(const Tensor& tensor) {
  return storage_bytes(tensor.dtype(), tensor.shape(), {});
}

void for_each_plain_piece(const Tensor& tensor, const TakePiece& take) {
  if (tensor.element_count() == 0) {
    return;
  }
  if (tensor.layout().plain) {
    each_part(std::span(static_cast<const std::byte*>(tensor.data()),
                        static_cast<std::size_t>(tensor.bytes())),
              take);
    return;
  }
  visit_width(tensor, [&]<class Bits>() { pieces_of<Bits>(tensor, take); });
}

void fill_from_plain_pieces(Tensor& target, const GivePiece& give) {
  if (target.element_count() == 0) {
    return;
  }
  if (target.layout().plain) {
    each_part(
        std::span(static_cast<std::byte*>(target.data()), static_cast<std::size_t>(target.bytes())),
        give);
    return;
  }
  if (has_padding(target.shape(), target.layout())) {
    std::memset(target.data(), 0, static_cast<std::size_t>(target.bytes()));
  }
  visit_width(target, [&]<class Bits>() { fill<Bits>(target, give); });
}

}  // namespace temper
