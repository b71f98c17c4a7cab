// Convolutions whose weight is the same in every run (attribute `settled_weight`), so that it may
// be brought into a form that costs more than one convolution gains:
// - 3 by 3 by Winograd's F(4x4, 3x3): a quarter of the multiplications, rounded differently;
// - on pictures of few elements, of which most windows see the padding, one product with the matrix
//   from all inputs of a sample to all outputs.
#pragma once

#include <string_view>

#include "runtime/backend/kernel_table.h"

namespace temper::cpu {

// Rows of the convolution `op`, before those that take any weight.
void add_settled_conv_rows(std::string_view op, KernelTable& table);

}  // namespace temper::cpu
