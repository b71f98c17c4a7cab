#include "runtime/base/update_layout.h"

#include <gtest/gtest.h>

#include <set>

#include "runtime/base/alignment.h"

namespace temper::test {
namespace {

const Attrs kAdam = {{"count", std::int64_t{3}},
                     {"states", std::vector<std::string>{"exp_avg", "exp_avg_sq"}}};

TEST(UpdateLayout, ReadsANodesAttributes) {
  const UpdateLayout layout = UpdateLayout::of(kAdam);
  EXPECT_EQ(layout.count, 3u);
  EXPECT_EQ(layout.states, 2u);
  EXPECT_EQ(UpdateLayout::of({{"count", std::int64_t{2}}}).states, 0u);
}

TEST(UpdateLayout, EveryInputIsOneThing) {
  const UpdateLayout layout = UpdateLayout::of(kAdam);
  std::multiset<std::size_t> inputs = {UpdateLayout::kOk, UpdateLayout::kRates, UpdateLayout::kStep,
                                       UpdateLayout::kScale, layout.memory()};
  for (std::size_t i = 0; i < 3; ++i) {
    inputs.insert(
        {layout.parameter(i), layout.gradient(i), layout.state(0, i), layout.state(1, i)});
    for (const std::size_t input : {layout.gradient(i), layout.state(1, i)}) {
      EXPECT_EQ(layout.parameter_of_input(input), i);
    }
  }
  std::multiset<std::size_t> expected;
  for (std::size_t i = 0; i <= 4 + 3 * 4; ++i) {
    expected.insert(i);
  }
  EXPECT_EQ(inputs, expected);
}

TEST(UpdateLayout, OutputsAreInTheMemoryOfTheirInputs) {
  const UpdateLayout layout = UpdateLayout::of(kAdam);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(layout.input_of_output(layout.written_parameter(i)), layout.parameter(i));
    for (const std::size_t state : {0u, 1u}) {
      EXPECT_EQ(layout.input_of_output(layout.written_state(state, i)), layout.state(state, i));
    }
  }
  EXPECT_EQ(layout.input_of_output(layout.written_memory()), layout.memory());
}

TEST(UpdateLayout, CopiesOfSomeParametersLieBeforeTheMemory) {
  Attrs attrs = kAdam;
  attrs.set("copy_of", std::vector<std::int64_t>{0, 2});
  const UpdateLayout layout = UpdateLayout::of(attrs);
  EXPECT_EQ(layout.copy(0), layout.state(1, 2) + 1);
  EXPECT_EQ(layout.memory(), layout.copy(0) + 2);
  EXPECT_EQ(layout.parameter_of_input(layout.copy(1)), 2u);
  EXPECT_EQ(layout.parameter_of_input(layout.state(1, 2)), 2u);
  EXPECT_EQ(layout.input_of_output(layout.written_copy(1)), layout.copy(1));
  EXPECT_EQ(layout.input_of_output(layout.written_memory()), layout.memory());
}

TEST(Alignment, RoundsUpToWholeSteps) {
  EXPECT_EQ(aligned_bytes(std::int64_t{0}), 0);
  EXPECT_EQ(aligned_bytes(std::int64_t{1}), 64);
  EXPECT_EQ(aligned_bytes(std::size_t{64}), 64u);
  EXPECT_EQ(aligned_bytes(std::size_t{65}), 128u);
}

}  // namespace
}  // namespace temper::test
