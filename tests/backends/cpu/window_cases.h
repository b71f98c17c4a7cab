// Convolutions and poolings that the library's kernels and our own are tried on.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/backends/cpu/kernel_run.h"

namespace temper::cpu {

struct ConvCase {
  Shape x, w;
  std::vector<std::int64_t> strides, pads, dilations;
  std::int64_t groups = 1;

  Attrs attrs() const {
    return {{"strides", strides},
            {"pads", pads},
            {"dilations", dilations},
            {"group", groups},
            {"kernel_shape", std::vector<std::int64_t>(w.begin() + 2, w.end())}};
  }
  Shape y() const {
    Shape shape{x[0], w[0]};
    for (int axis = 2; axis < x.rank(); ++axis) {
      const auto i = static_cast<std::size_t>(axis - 2);
      const auto n = static_cast<std::size_t>(x.rank() - 2);
      const auto extent = (w[axis] - 1) * dilations[i] + 1;
      shape.push_back((x[axis] + pads[i] + pads[i + n] - extent) / strides[i] + 1);
    }
    return shape;
  }
};

inline std::vector<ConvCase> conv_cases() {
  return {
      {{2, 3, 16, 16}, {16, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{2, 16, 12, 12}, {32, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{2, 6, 12, 12}, {16, 6, 5, 5}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {{2, 5, 9, 9}, {7, 5, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{2, 16, 15, 15}, {32, 16, 3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}},
      {{1, 20, 10, 11}, {18, 20, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
      {{2, 16, 10, 10}, {16, 16, 3, 3}, {1, 1}, {2, 2, 2, 2}, {2, 2}},
      {{2, 32, 9, 9}, {32, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 32},
      {{2, 12, 9, 9}, {12, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 12},
      {{2, 32, 9, 9}, {64, 16, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 2},
      {{2, 12, 9, 9}, {24, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 4},
      {{2, 8, 9, 9}, {8, 8, 2, 4}, {1, 2}, {0, 1, 1, 2}, {1, 1}},
      {{3, 8, 20}, {16, 8, 5}, {2}, {2, 2}, {1}},
      {{1, 4, 6, 7, 8}, {16, 4, 3, 3, 3}, {1, 1, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}},
      {{1, 1, 8, 8}, {8, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
      {{4, 48, 1, 1}, {24, 48, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
  };
}

struct PoolCase {
  Shape x, y;
  std::vector<std::int64_t> kernel, strides, pads;
  std::int64_t ceil_mode = 0;

  Attrs attrs() const {
    return {
        {"kernel_shape", kernel}, {"strides", strides},
        {"pads", pads},           {"dilations", std::vector<std::int64_t>(kernel.size(), 1)},
        {"ceil_mode", ceil_mode}, {"input_shape", std::vector<std::int64_t>(x.begin(), x.end())}};
  }
};

inline std::vector<PoolCase> pool_cases() {
  return {
      {{2, 16, 8, 8}, {2, 16, 4, 4}, {2, 2}, {2, 2}, {0, 0, 0, 0}},
      {{2, 20, 9, 9}, {2, 20, 5, 5}, {3, 3}, {2, 2}, {1, 1, 1, 1}},
      {{1, 6, 28, 28}, {1, 6, 14, 14}, {2, 2}, {2, 2}, {0, 0, 0, 0}},
      {{2, 32, 7, 7}, {2, 32, 4, 4}, {2, 2}, {2, 2}, {0, 0, 0, 0}, 1},
      {{2, 32, 7, 8}, {2, 32, 7, 8}, {3, 3}, {1, 1}, {1, 1, 1, 1}},
      {{3, 11, 9}, {3, 11, 4}, {3}, {2}, {0, 0}},
      {{2, 16, 4, 5, 6}, {2, 16, 2, 3, 3}, {2, 2, 3}, {2, 2, 2}, {0, 1, 0, 0, 0, 1}},
  };
}

}  // namespace temper::cpu
