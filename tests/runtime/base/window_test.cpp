#include "runtime/base/window.h"

#include <gtest/gtest.h>

#include <functional>

#include "runtime/base/error.h"

namespace temper {
namespace {

using Ints = std::vector<std::int64_t>;

Window made(Attrs attrs, const Ints& kernel, const Spatial& input) {
  return normalise_window(attrs, kernel, input);
}

ErrorCode code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorCode::kInternal;
}

TEST(Window, NormalisedAttributesReadBackAsTheSameWindow) {
  Attrs attrs{{"auto_pad", std::string("SAME_UPPER")}, {"strides", Ints{2, 1}}};
  const Window window = normalise_window(attrs, Ints{3, 2}, {1, 5, 6});
  EXPECT_FALSE(attrs.has("auto_pad"));
  EXPECT_EQ(attrs.get_ints("pads"), (Ints{1, 0, 1, 1}));
  EXPECT_EQ(attrs.get_ints("dilations"), (Ints{1, 1}));
  const Window read = read_window(attrs);
  EXPECT_EQ(read.rank, 2);
  EXPECT_EQ(read.kernel, window.kernel);
  EXPECT_EQ(read.pad_begin, window.pad_begin);
  EXPECT_EQ(read.pad_end, window.pad_end);
  EXPECT_EQ(read.stride, (Spatial{1, 2, 1}));
}

TEST(Window, CeilModeAddsAWindowThatHangsOver) {
  const Window window = made({{"strides", Ints{3}}}, {3}, {1, 1, 7});
  EXPECT_EQ(window_output(window, {1, 1, 7}, false), (Spatial{1, 1, 2}));
  EXPECT_EQ(window_output(window, {1, 1, 7}, true), (Spatial{1, 1, 3}));
  EXPECT_EQ(window_output(window, {1, 1, 6}, true), (Spatial{1, 1, 2}));
}

TEST(Window, CeilModeDropsAWindowThatStartsInThePadding) {
  const Window window = made({{"strides", Ints{3}}, {"pads", Ints{1, 1}}}, {3}, {1, 1, 2});
  EXPECT_EQ(window_output(window, {1, 1, 2}, true), (Spatial{1, 1, 1}));
  EXPECT_EQ(window_output(window, {1, 1, 3}, true), (Spatial{1, 1, 2}));
}

TEST(Window, TapsAreThoseInsideTheInput) {
  const auto expect = [](Taps taps, std::int64_t begin, std::int64_t end) {
    EXPECT_EQ(taps.begin, begin);
    EXPECT_EQ(taps.end, end);
  };
  expect(taps_inside(0, 1, 3, 5), 0, 3);
  expect(taps_inside(-2, 1, 3, 5), 2, 3);
  expect(taps_inside(-3, 2, 3, 5), 2, 3);
  expect(taps_inside(3, 1, 3, 5), 0, 2);
  expect(taps_inside(3, 2, 3, 6), 0, 2);
  expect(taps_inside(-1, 2, 2, 1), 1, 1);  // -1 and 1: none
}

TEST(Window, WrongAttributesAreRefused) {
  EXPECT_EQ(code_of([] { made({{"strides", Ints{0}}}, {3}, {1, 1, 7}); }),
            ErrorCode::kInvalidModel);
  EXPECT_EQ(code_of([] { made({{"pads", Ints{-1, 0}}}, {3}, {1, 1, 7}); }),
            ErrorCode::kInvalidModel);
  EXPECT_EQ(code_of([] { made({{"pads", Ints{1}}}, {3}, {1, 1, 7}); }), ErrorCode::kInvalidModel);
  EXPECT_EQ(code_of([] { made({{"auto_pad", std::string("SAME")}}, {3}, {1, 1, 7}); }),
            ErrorCode::kInvalidModel);
  EXPECT_EQ(code_of([] { made({{"dilations", Ints{std::int64_t{1} << 62}}}, {3}, {1, 1, 7}); }),
            ErrorCode::kInvalidModel);
  EXPECT_EQ(code_of([] { window_output(made({}, {8}, {1, 1, 7}), {1, 1, 7}, false); }),
            ErrorCode::kInvalidModel);
  EXPECT_EQ(code_of([] { spatial_dims({1, 2, 3, 4, 5, 6}); }), ErrorCode::kUnsupported);
  EXPECT_EQ(code_of([] { spatial_dims({1, 2}); }), ErrorCode::kInvalidModel);
}

}  // namespace
}  // namespace temper
