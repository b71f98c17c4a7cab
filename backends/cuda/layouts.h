// Layouts of tensors on the device: plain, or the same elements with the axes in another order and
// no gaps. Convolutions have their channels last, and what stands between them takes and gives
// that.
#pragma once

#include <vector>

#include "runtime/backend/kernel.h"
#include "runtime/base/channels_last.h"

namespace temper::cuda {

// Whether the tensor has them last and plain is another order.
bool is_channels_last(const TensorSpec& tensor);

// Whether a kernel that made it larger would best give channels last: it has them last, or both
// orders are one in this image (as behind a pooling over all of space).
bool goes_on_last(const TensorSpec& tensor);

// The layout a tensor arrives in where it is an order of axes, else plain: what a kernel asks for
// that walks by steps, or element by element.
Layout as_it_comes(const TensorSpec& tensor);

// What a kernel made for this query asks for and gives: the layouts named there.
void set_layouts(Kernel& kernel, const OpQuery& query);

// Elements from one index of each axis to the next.
Shape steps_of(const Shape& shape, const Layout& layout);
// Axes as they lie in memory, outermost first.
std::vector<int> memory_order(const Shape& shape, const Layout& layout);
// The sizes of the axes in that order.
Shape memory_shape(const Shape& shape, const Layout& layout);

}  // namespace temper::cuda
