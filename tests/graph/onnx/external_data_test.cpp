// Tensors in data files: only from below the model's folder, only regular files, only what is
// there; and written back.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "graph/onnx/export.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "tests/graph/onnx/expect_error.h"
#include "tests/graph/onnx/wire_writer.h"

namespace temper::test {
namespace {

namespace fs = std::filesystem;
using graph::Graph;
using graph::ImportOptions;
using graph::OnnxModel;

// y = (x w) v; w is 4 floats at the data file's start, v 4 floats behind a gap of 8 bytes.
std::string model_bytes(const std::string& location, std::int64_t w_offset = 0,
                        std::int64_t v_offset = 24) {
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "w"}, {"h"}), node("MatMul", {"h", "v"}, {"y"})};
  parts.initializers = {external_tensor("w", {2, 2}, location, w_offset, 16),
                        external_tensor("v", {2, 2}, location, v_offset, 16)};
  return parts.bytes();
}

std::string data_bytes(const std::vector<float>& w = {1, 2, 3, 4},
                       const std::vector<float>& v = {5, 6, 7, 8}) {
  return Message::raw(w) + "gap_gap_" + Message::raw(v);
}

std::vector<float> read(const Graph& graph, const std::string& name) {
  return graph.variable(graph.find_variable(name)).initial.values<float>();
}

Graph load(const std::string& path, const ImportOptions& options = {}) {
  return OnnxModel::load(path, options).build_graph(graph::standard_ops());
}

TEST(ExternalData, ReadsTensorsBesideTheModel) {
  const TemporaryFolder folder;
  folder.write("weights/m.data", data_bytes());
  const Graph graph = load(folder.write("m.onnx", model_bytes("weights/m.data")));
  EXPECT_EQ(read(graph, "w"), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(read(graph, "v"), (std::vector<float>{5, 6, 7, 8}));
}

TEST(ExternalData, FollowsALinkThatStaysInside) {
  const TemporaryFolder folder;
  folder.write("blobs/real", data_bytes());
  fs::create_symlink("blobs/real", folder.path("m.data"));
  EXPECT_EQ(read(load(folder.write("m.onnx", model_bytes("m.data"))), "w"),
            (std::vector<float>{1, 2, 3, 4}));
}

TEST(ExternalData, RefusesEveryWayOutOfTheFolder) {
  const TemporaryFolder folder;
  const std::string secret = folder.write("secret", data_bytes());
  fs::create_directories(folder.path("model"));
  fs::create_symlink("../secret", folder.path("model/link"));
  fs::create_symlink(secret, folder.path("model/absolute"));
  fs::create_symlink("..", folder.path("model/up"));
  const auto refused = [&](const std::string& location) {
    const std::string path = folder.write("model/m.onnx", model_bytes(location));
    expect_error(ErrorCode::kInvalidModel, "model.external_data_root",
                 [&] { OnnxModel::load(path); });
  };
  refused("../secret");
  refused(secret);
  refused("a/../../secret");
  refused("link");
  refused("absolute");
  refused("up/secret");
}

TEST(ExternalData, TakesAWiderRoot) {
  const TemporaryFolder folder;
  folder.write("cache/blobs/abc", data_bytes());
  const std::string path = folder.write("cache/snapshots/1/m.onnx", model_bytes("m.data"));
  fs::create_symlink("../../blobs/abc", folder.path("cache/snapshots/1/m.data"));
  expect_error(ErrorCode::kInvalidModel, "external_data_root", [&] { load(path); });
  EXPECT_EQ(read(load(path, {folder.path("cache")}), "v"), (std::vector<float>{5, 6, 7, 8}));
  expect_error(ErrorCode::kInvalidArgument, "does not lie below",
               [&] { load(path, {folder.path("cache/blobs")}); });
}

TEST(ExternalData, RefusesWhatIsNoRegularFile) {
  const TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
  fs::create_directories(folder.path("sub"));
  const auto refused = [&](const std::string& location, const std::string& part) {
    const std::string path = folder.write("m.onnx", model_bytes(location));
    expect_error(ErrorCode::kInvalidModel, part, [&] { OnnxModel::load(path); });
  };
  refused("pipe", "pipe");
  refused("sub", "folder");
  refused("missing.data", "missing.data");
  refused("", "no file is named");
}

TEST(ExternalData, RefusesRangesThatAreNotThere) {
  const TemporaryFolder folder;
  folder.write("m.data", data_bytes());
  const auto refused = [&](const std::string& bytes, const std::string& part) {
    const std::string path = folder.write("m.onnx", bytes);
    expect_error(ErrorCode::kInvalidModel, part, [&] { OnnxModel::load(path); });
  };
  refused(model_bytes("m.data", 0, 25), "but that file has 40 bytes");
  refused(model_bytes("m.data", 0, INT64_MAX), "but that file has 40 bytes");
  refused(model_bytes("m.data", -1), "not a number");
  ModelParts parts;
  parts.nodes = {node("MatMul", {"x", "w"}, {"y"})};
  parts.initializers = {external_tensor("w", {2, 2}, "m.data", 0, 20)};
  refused(parts.bytes(), "the length 20, but its shape and type take 16 bytes");
}

TEST(ExternalData, RefusesOneRangeNamedOverAndOver) {
  const TemporaryFolder folder;
  folder.write("m.data", std::string(1 << 20, '\0'));
  ModelParts parts;
  parts.nodes = {node("Relu", {"x"}, {"y"})};
  for (int i = 0; i < 100; ++i) {
    parts.initializers.push_back(
        external_tensor("t" + std::to_string(i), {1 << 18}, "m.data", 0, 1 << 20));
  }
  const std::string path = folder.write("m.onnx", parts.bytes());
  expect_error(ErrorCode::kInvalidModel, "over and over", [&] { OnnxModel::load(path); });
}

Tensor matrix(const std::vector<float>& values) {
  return Tensor::from<float>(DType::kFloat32, {2, 2}, values);
}

// The only data file of a stem.
std::vector<std::string> data_files(const TemporaryFolder& folder, const std::string& stem) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator(folder.path(""))) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(stem + "-") && name.ends_with(".onnx.data")) {
      found.push_back(name);
    }
  }
  return found;
}

TEST(ExternalData, IsWrittenUnderANameOfItsContentWithTheGapKept) {
  const TemporaryFolder folder;
  folder.write("m.data", data_bytes());
  const OnnxModel model = OnnxModel::load(folder.write("m.onnx", model_bytes("m.data")));
  graph::export_model(model, {{"v", matrix({9, 9, 9, 9})}}, folder.path("best.onnx"));
  const std::vector<std::string> names = data_files(folder, "best");
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(folder.read(names[0]), data_bytes({1, 2, 3, 4}, {9, 9, 9, 9}));
  EXPECT_EQ(folder.read("best.onnx"), model_bytes(names[0]));  // the location is all that differs
  EXPECT_EQ(folder.read("m.data"), data_bytes());
  EXPECT_EQ(read(load(folder.path("best.onnx")), "v"), (std::vector<float>{9, 9, 9, 9}));
}

TEST(ExternalData, OfAnEarlierExportIsRemovedUnlessAnotherModelNamesIt) {
  const TemporaryFolder folder;
  folder.write("m.data", data_bytes());
  const OnnxModel model = OnnxModel::load(folder.write("m.onnx", model_bytes("m.data")));
  graph::export_model(model, {{"v", matrix({1, 1, 1, 1})}}, folder.path("best.onnx"));
  graph::export_model(model, {{"v", matrix({2, 2, 2, 2})}}, folder.path("best.onnx"));
  ASSERT_EQ(data_files(folder, "best").size(), 1u);
  fs::copy_file(folder.path("best.onnx"), folder.path("keep.onnx"));
  graph::export_model(model, {{"v", matrix({3, 3, 3, 3})}}, folder.path("best.onnx"));
  EXPECT_EQ(data_files(folder, "best").size(), 2u);
  EXPECT_EQ(read(load(folder.path("keep.onnx")), "v"), (std::vector<float>{2, 2, 2, 2}));
  EXPECT_EQ(read(load(folder.path("best.onnx")), "v"), (std::vector<float>{3, 3, 3, 3}));
  EXPECT_TRUE(fs::exists(folder.path("m.data")));
}

TEST(ExternalData, IsFoundWhenItWasRenamedSinceTheImport) {
  const TemporaryFolder folder;
  folder.write("m.data", data_bytes());
  const OnnxModel model = OnnxModel::load(folder.write("m.onnx", model_bytes("m.data")));
  fs::rename(folder.path("m.data"), folder.path("elsewhere"));
  graph::export_model(model, std::map<std::string, Tensor>{}, folder.path("best.onnx"));
  EXPECT_EQ(read(load(folder.path("best.onnx")), "w"), (std::vector<float>{1, 2, 3, 4}));
}

TEST(ExternalData, SharedByTensorsThatWereTrainedApartIsSplit) {
  const TemporaryFolder folder;
  folder.write("m.data", data_bytes());
  const OnnxModel model = OnnxModel::load(folder.write("m.onnx", model_bytes("m.data", 0, 0)));
  const auto exported = [&](const std::map<std::string, Tensor>& trained) {
    graph::export_model(model, trained, folder.path("best.onnx"));
    const Graph graph = load(folder.path("best.onnx"));
    return std::pair(read(graph, "w"), read(graph, "v"));
  };
  using Pair = std::pair<std::vector<float>, std::vector<float>>;
  EXPECT_EQ(exported({{"w", matrix({9, 9, 9, 9})}, {"v", matrix({8, 8, 8, 8})}}),
            (Pair{{9, 9, 9, 9}, {8, 8, 8, 8}}));
  EXPECT_EQ(exported({{"v", matrix({8, 8, 8, 8})}}), (Pair{{1, 2, 3, 4}, {8, 8, 8, 8}}));
  EXPECT_EQ(exported({{"w", matrix({7, 7, 7, 7})}, {"v", matrix({7, 7, 7, 7})}}),
            (Pair{{7, 7, 7, 7}, {7, 7, 7, 7}}));
}

}  // namespace
}  // namespace temper::test
