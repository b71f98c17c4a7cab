// Tensors whose channels lie innermost: [batch, spatial.., channels] in memory of what is
// [batch, channels, spatial..].
#pragma once

#include "runtime/base/layout.h"

namespace temper {

// Plain where that is the same order: rank 2, one channel or one position.
Layout channels_last(const Shape& shape);
// Its steps, also where plain is the same order.
Shape channels_last_steps(const Shape& shape);

}  // namespace temper
