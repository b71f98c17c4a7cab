// Exports of one length or picture size take others: what they then give is what PyTorch gives
// there (tools/oracle/dynamic_axes.py).
#include "graph/onnx/surgery/dynamic_axis.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/surgery/prepared.h"
#include "tests/graph/onnx/symbolic_info.h"
#include "training/formats/npz.h"

namespace temper::test {
namespace {

using graph::PrepareOptions;

PrepareOptions along(const std::vector<graph::DynamicAxis>& axes) {
  PrepareOptions options;
  options.dynamic_axes = axes;
  return options;
}

const std::vector<graph::DynamicAxis> kLength = {{"x", 1, "seq"}};
const std::vector<graph::DynamicAxis> kPicture = {{"x", 2, "height"}, {"x", 3, "width"}};

struct Export {
  const char* name;
  std::vector<graph::DynamicAxis> axes;
};

TEST(DynamicAxis, GivesWhatPyTorchGivesAtOtherSizes) {
  const std::vector<Export> exports = {
      {"encoder", kLength},       {"decoder", kLength}, {"masked", kLength},
      {"recurrent", kLength},     {"table", kLength},   {"encoder_plain", kLength},
      {"decoder_plain", kLength}, {"unet", kPicture},   {"pooled", kPicture}};
  for (const Export& one : exports) {
    const std::string file = concat("axes/", one.name);
    const PreparedModel made(surgery_fixture(file + ".onnx"), along(one.axes));
    const training::NpzFile oracle(surgery_fixture(file + ".npz"));
    const std::int64_t longest = oracle.read("x0").shape()[1];
    for (int i = 0; i < 4; ++i) {
      const Tensor x = oracle.read(concat("x", i)), y = oracle.read(concat("y", i));
      if (made.done.notes.at(0).find("up to that") != std::string::npos && x.shape()[1] > longest) {
        continue;
      }
      const Tensor actual = made.outputs(x)[0];
      ASSERT_EQ(actual.shape(), y.shape()) << one.name << " " << i;
      const std::vector<double> a = actual.values<double>(), e = y.values<double>();
      for (std::size_t j = 0; j < a.size(); ++j) {
        ASSERT_NEAR(a[j], e[j], 2e-5 * (1 + std::abs(e[j]))) << one.name << " " << i << " at " << j;
      }
    }
  }
}

// A table of the file's length allows shorter ones; one that is longer, whose rows are cut out or
// counted, as many as it has.
TEST(DynamicAxis, SaysWhereATableEndsAtTheFilesSize) {
  const auto note = [](const char* name) {
    return PreparedModel(surgery_fixture(concat("axes/", name, ".onnx")), along(kLength))
        .done.notes.at(0);
  };
  EXPECT_NE(note("table").find("'seq' in place of 12, up to that"), std::string::npos);
  EXPECT_EQ(note("encoder_plain").find("up to that"), std::string::npos);
  EXPECT_EQ(note("decoder_plain").find("up to that"), std::string::npos);
}

TEST(DynamicAxis, NamesTheDimensionsOfTheFile) {
  const PreparedModel made(surgery_fixture("axes/unet.onnx"), along(kPicture));
  const graph::OnnxModel model = made.load();
  EXPECT_EQ(model.inputs()[0].dims[2].symbol, "height");
  EXPECT_EQ(model.outputs()[0].dims[3].symbol, "width");
  EXPECT_EQ(model.outputs()[0].dims[1].value, 2);
}

TEST(DynamicAxis, TheBatchBecomesDynamicToo) {
  PrepareOptions options = along(kLength);
  options.dynamic_batch = true;
  const PreparedModel made(surgery_fixture("axes/encoder.onnx"), options);
  const training::NpzFile oracle(surgery_fixture("axes/encoder.npz"));
  const std::vector<std::int64_t> once = oracle.read("x2").values<std::int64_t>();
  std::vector<std::int64_t> twice = once;
  twice.insert(twice.end(), once.begin(), once.end());
  const Tensor y = made.outputs(Tensor::from<std::int64_t>(DType::kInt64, {2, 5}, twice))[0];
  const std::vector<double> expected = oracle.read("y2").values<double>();
  ASSERT_EQ(y.element_count(), 2 * static_cast<std::int64_t>(expected.size()));
  for (std::size_t i = 0; i < 2 * expected.size(); ++i) {
    EXPECT_NEAR(y.values<double>()[i], expected[i % expected.size()], 2e-5);
  }
}

// What cannot be done, or of which it cannot be seen what is meant, names its node.
TEST(DynamicAxis, RefusesByTheNameOfTheNode) {
  // A linear layer behind all of a picture; positions of a grid.
  expect_error(ErrorCode::kUnsupported, "takes no other size",
               [&] { PreparedModel(surgery_fixture("pictures.onnx"), along(kPicture)); });
  expect_error(ErrorCode::kUnsupported, "places of a grid",
               [&] { PreparedModel(surgery_fixture("vit.onnx"), along(kPicture)); });
  const TemporaryFolder folder;
  const auto refused = [&](const Message& one, const std::vector<Message>& tensors,
                           const std::vector<std::string>& dims, const std::string& text) {
    ModelParts parts;
    parts.nodes = {one};
    parts.inputs = {symbolic_info("x", {"1", "8", "4"})};
    parts.outputs = {symbolic_info("y", dims)};
    parts.initializers = tensors;
    const std::string path = folder.write("m.onnx", parts.bytes());
    expect_error(ErrorCode::kUnsupported, text, [&] { PreparedModel(path, along(kLength)); });
  };
  refused(node("Reshape", {"x", "to"}, {"y"}, {}, "split"), {ints("to", {1, 2, 4, 4})},
          {"1", "2", "4", "4"}, "Reshape 'split' splits 8 into 2 x 4: which of them grows");
  refused(node("Slice", {"x", "from", "end", "along"}, {"y"}, {}, "most"),
          {ints("from", {0}), ints("end", {7}), ints("along", {1})}, {"1", "7", "4"},
          "Slice 'most' takes 0 to 7 of 8 by number");
  refused(node("Gather", {"x", "last"}, {"y"}, {int_attribute("axis", 1)}, "pick"),
          {ints("last", {7})}, {"1", "1", "4"}, "Gather 'pick' picks element 7 of 8");
  refused(node("MatMul", {"mix", "x"}, {"y"}, {}, "mixer"),
          {floats("mix", {8, 8}, std::vector<float>(64, 1))}, {"1", "8", "4"},
          "MatMul 'mixer' takes no other size");
}

TEST(DynamicAxis, SaysWhatIsWrongWithWhatWasTyped) {
  const std::string from = surgery_fixture("axes/encoder.onnx");
  expect_error(ErrorCode::kInvalidArgument, "no input 'ids'; there are 'x'",
               [&] { PreparedModel(from, along({{"ids", 1, "seq"}})); });
  expect_error(ErrorCode::kInvalidArgument, "has the axes 0 to 1, not 2",
               [&] { PreparedModel(from, along({{"x", 2, "seq"}})); });
  expect_error(ErrorCode::kUnsupported, "is 1 in the file, which is too short",
               [&] { PreparedModel(from, along({{"x", 0, "batch"}})); });
  const PreparedModel made(from, along(kLength));
  expect_error(ErrorCode::kInvalidArgument, "is dynamic already ('seq')",
               [&] { PreparedModel(made.path(), along(kLength)); });
  expect_error(ErrorCode::kInvalidArgument, "give it another name", [&] {
    PreparedModel(surgery_fixture("axes/unet.onnx"), along({{"x", 2, "size"}, {"x", 3, "size"}}));
  });
}

// A mean by a constant is that of the file's length: nobody can see it, so it is said.
TEST(DynamicAxis, TellsOfAFactorThatIsTheSizeItself) {
  const TemporaryFolder folder;
  ModelParts parts;
  parts.nodes = {node("ReduceSum", {"x", "axes"}, {"s"}),
                 node("Div", {"s", "eight"}, {"y"}, {}, "mean")};
  parts.inputs = {symbolic_info("x", {"1", "8", "4"})};
  parts.outputs = {symbolic_info("y", {"1", "1", "4"})};
  parts.initializers = {ints("axes", {1}), floats("eight", {}, {8})};
  const PreparedModel made(folder.write("m.onnx", parts.bytes()), along(kLength));
  ASSERT_EQ(made.done.notes.size(), 2u);
  EXPECT_NE(made.done.notes[1].find("Div 'mean' has the factor 8, and 'seq' is 8"),
            std::string::npos);
}

}  // namespace
}  // namespace temper::test
