// Models in another form of file: the same values and outputs, by Temper and by safetensors
// readers.
#include "training/analysis/deployment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "graph/onnx/surgery/model_edit.h"
#include "runtime/platform/files.h"
#include "tests/training/test_files.h"
#include "training/formats/npz.h"
#include "training/formats/safetensors.h"

namespace temper::training {
namespace {

using testing::HasSubstr;

std::string sample(const std::string& name) { return fixture("checkpoints/" + name); }

std::map<std::string, Tensor> tensors_of(const std::string& path) {
  const graph::OnnxModel model = graph::OnnxModel::load(path);
  graph::ModelEdit edit(model);
  std::map<std::string, Tensor> tensors;
  for (const std::string& name : edit.initializers()) {
    tensors[name] = edit.read(name);
  }
  return tensors;
}

void expect_same_tensors(const std::string& a, const std::string& b) {
  const auto expected = tensors_of(a), actual = tensors_of(b);
  ASSERT_EQ(expected.size(), actual.size());
  for (const auto& [name, tensor] : expected) {
    ASSERT_TRUE(actual.contains(name)) << name;
    EXPECT_TRUE(equal_bits(tensor, actual.at(name))) << name;
  }
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(Deployment, WeightsGoToAFileBesideTheModelAndBack) {
  const TempFolder folder;
  DeploymentOptions out_there;
  out_there.external_data = "net.bin";
  const std::string far = folder.path("far.onnx");
  const Deployment done = deploy_model(sample("net.onnx"), far, out_there);
  EXPECT_EQ(done.trial.at(0).difference, 0);
  EXPECT_THAT(names_in(folder.path("")), testing::ElementsAre("far.onnx", "net.bin"));
  EXPECT_THAT(done.files, testing::ElementsAre(far, folder.path("net.bin")));
  expect_same_tensors(sample("net.onnx"), far);

  DeploymentOptions inside;
  inside.inline_data = true;
  const std::string near = folder.path("near.onnx");
  EXPECT_EQ(deploy_model(far, near, inside).files.size(), 1u);
  expect_same_tensors(sample("net.onnx"), near);
}

TEST(Deployment, ADataFileMayBeSafetensorsWithEveryWeightInIt) {
  const TempFolder folder;
  DeploymentOptions options;
  options.external_data = "net.safetensors";
  const std::string out = folder.path("out.onnx");
  deploy_model(sample("net.onnx"), out, options);
  expect_same_tensors(sample("net.onnx"), out);
  const SafetensorsFile file = read_safetensors(folder.path("net.safetensors"));
  const auto expected = tensors_of(out);
  for (const char* name : {"conv1.weight", "fc.bias", "ln.weight"}) {
    ASSERT_NE(file.find(name), nullptr) << name;
    EXPECT_TRUE(equal_bits(*file.find(name), expected.at(name))) << name;
  }
}

TEST(Deployment, WeightsAloneGoToSafetensorsOrNpz) {
  const TempFolder folder;
  const auto expected = tensors_of(sample("net.onnx"));
  const std::string safe = folder.path("w.safetensors"), npz = folder.path("w.npz");
  EXPECT_EQ(deploy_model(sample("net.onnx"), safe, {}).files, std::vector<std::string>{safe});
  deploy_model(sample("net.onnx"), npz, {});
  const SafetensorsFile file = read_safetensors(safe);
  const NpzFile arrays(npz);
  EXPECT_EQ(file.tensors.size(), arrays.names().size());
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_TRUE(equal_bits(tensor, expected.at(name))) << name;
    EXPECT_TRUE(equal_bits(arrays.read(name), expected.at(name))) << name;
  }
  EXPECT_NE(file.find("out.bias"), nullptr);
}

TEST(Deployment, DataLieWhereEachTensorCanBeMapped) {
  const TempFolder folder;
  graph::FileForm form;
  form.kind = graph::FileForm::Kind::kDataFile;
  form.data_name = "big.bin";
  const std::string big = folder.path("big.onnx"), out = folder.path("out.onnx");
  const graph::OnnxModel model = graph::OnnxModel::load(sample("net.onnx"));
  {
    graph::ModelEdit edit(model);
    const std::int64_t wide = 300'001;
    for (const char* name : {"first", "second"}) {
      std::vector<float> values(static_cast<std::size_t>(wide));
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(i % 1000);
      }
      edit.add_tensor(name, Tensor::from<float>(DType::kFloat32, Shape{wide}, values), 1);
    }
    edit.write(big);
  }
  const graph::OnnxModel read = graph::OnnxModel::load(big);
  graph::ModelEdit(read).write(out, form);
  expect_same_tensors(big, out);
  const std::string text = read_text_file(out, 1 << 20);
  EXPECT_THAT(text, HasSubstr("big.bin"));
  // The second begins at a multiple of 64 KiB behind the first.
  const std::uint64_t size = std::filesystem::file_size(folder.path("big.bin"));
  EXPECT_EQ((size - 300'001 * 4) % 65'536, 0u);
}

TEST(Deployment, AFileOfTheModelItselfIsNotOverwrittenByAnother) {
  const TempFolder folder;
  DeploymentOptions options;
  options.external_data = "net.bin";
  deploy_model(sample("net.onnx"), folder.path("a.onnx"), options);
  const auto refused = [&](const std::string& data, const char* because) {
    options.external_data = data;
    expect_error([&] { deploy_model(folder.path("a.onnx"), folder.path("b.onnx"), options); },
                 ErrorCode::kInvalidArgument, because);
  };
  refused("net.bin", "would lose it");
  refused("b.onnx", "the model's own name");
  refused("sub/net.bin", "without a folder");
  EXPECT_THAT(names_in(folder.path("")), testing::ElementsAre("a.onnx", "net.bin"));
  // In its own place it may.
  options.external_data = "net.bin";
  deploy_model(folder.path("a.onnx"), folder.path("a.onnx"), options);
  expect_same_tensors(sample("net.onnx"), folder.path("a.onnx"));
}

}  // namespace
}  // namespace temper::training
