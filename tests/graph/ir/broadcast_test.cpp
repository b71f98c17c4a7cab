#include "graph/ir/broadcast.h"

#include <gtest/gtest.h>

#include "tests/graph/onnx/expect_error.h"

namespace temper::test {
namespace {

using graph::broadcast;
using graph::broadcast_axes;
using Axes = std::vector<std::int64_t>;

TEST(Broadcast, AlignsShapesAtTheirEnds) {
  EXPECT_EQ(broadcast({2, 1, 4}, {3, 1}), (Shape{2, 3, 4}));
  EXPECT_EQ(broadcast({}, {2}), (Shape{2}));
  EXPECT_EQ(broadcast({}, {}), Shape{});
}

TEST(Broadcast, AnAxisOfOneTakesTheOthersAlsoWhereThatIsEmpty) {
  EXPECT_EQ(broadcast({1, 3}, {0, 3}), (Shape{0, 3}));
  EXPECT_EQ(broadcast({0}, {1}), (Shape{0}));
}

TEST(Broadcast, RefusesOtherSizes) {
  expect_error(ErrorCode::kInvalidModel, "do not broadcast", [] { broadcast({2, 3}, {2, 4}); });
  expect_error(ErrorCode::kInvalidModel, "do not broadcast", [] { broadcast({0}, {2}); });
}

TEST(Broadcast, NamesTheAxesThatWereRepeated) {
  EXPECT_EQ(broadcast_axes({3}, {2, 3}), (Axes{0}));
  EXPECT_EQ(broadcast_axes({1, 3}, {2, 3}), (Axes{0}));
  EXPECT_EQ(broadcast_axes({1, 1}, {5, 2, 1}), (Axes{0, 1}));
  EXPECT_EQ(broadcast_axes({2, 3}, {2, 3}), Axes{});
}

}  // namespace
}  // namespace temper::test
