// What the kernels of pooling read of a query: the window, and the layout as their loops see it.
#pragma once

#include <string>

#include "backends/cpu/pool_loops.h"
#include "runtime/backend/kernel.h"

namespace temper::cpu {

// "" or why there is no such window; x and y: the shapes of the forward's input and output.
std::string read_pool_window(const OpQuery& query, const Shape& x, const Shape& y,
                             PoolWindow& window);

// A layout as [outer][spatial...][lanes]: channels in blocks, last, or (plain) one at a
// time, or samples in blocks.
struct PoolLayout {
  Layout layout;
  std::int64_t outer = 1, lanes = 1;
};

// The layout that comes, or channels in blocks where that one is slow or unknown.
PoolLayout choose_pool_layout(const Shape& shape, const Layout& layout);

}  // namespace temper::cpu
