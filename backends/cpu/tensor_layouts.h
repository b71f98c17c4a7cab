// Layouts that kernels choose: channels last or in blocks, samples in blocks, and the same for
// another shape.
#pragma once

#include "runtime/base/layout.h"
#include "runtime/base/shape.h"

namespace temper::cpu {

// The layout with the axes order, blocks and density of `like`, for another shape of its rank.
Layout same_format(const Shape& shape, const Layout& like);
// Channels (axis 1) in blocks of this size, as nChw16c; in blocks as wide as a vector register;
// last, as nhwc.
Layout channel_blocks(const Shape& shape, std::int64_t block);
Layout channel_blocked(const Shape& shape);
Layout channels_last(const Shape& shape);
// Samples (axis 0) in blocks of 16 that lie side by side.
Layout sample_blocks(const Shape& shape);
bool is_in_sample_blocks(const Shape& shape, const Layout& layout);

// The dimensions of a tensor that is broadcast to `whole` in the order in which a tensor of that
// shape and this layout has them in memory, blocks as dimensions of their own.
Shape in_memory(const Shape& shape, const Shape& whole, const Layout& layout);

}  // namespace temper::cpu
