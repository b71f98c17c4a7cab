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
#include "tests/graph/onnx/same_tensors.h"
#include "tests/training/test_files.h"
#include "training/analysis/conversion.h"
#include "training/formats/npz.h"
#include "training/formats/safetensors.h"

namespace temper::training {
namespace {

using testing::HasSubstr;

std::string sample(const std::string& name) { return fixture("checkpoints/" + name); }

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

// Square matrices too, which the exporter had turned and named itself: they are the file's own.
TEST(Deployment, WeightsAloneComeBackIntoTheModelAsTheyWere) {
  const TempFolder folder;
  const std::string safe = folder.path("w.safetensors"), out = folder.path("out.onnx");
  deploy_model(sample("net.onnx"), safe, {});
  EXPECT_EQ(convert_checkpoint(safe, sample("net.onnx"), out, {}).trial.at(0).difference, 0);
  expect_same_tensors(sample("net.onnx"), out);
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

TEST(Deployment, DataOfTensorsThatAreGoneAreNotWritten) {
  const TempFolder folder;
  DeploymentOptions out_there, integers;
  out_there.external_data = "net.safetensors";
  integers.conversions.int8_dynamic.emplace();
  const std::string far = folder.path("far.onnx");
  deploy_model(sample("net.onnx"), far, out_there);
  const auto inside = deploy_model(sample("net.onnx"), folder.path("a.onnx"), integers);
  const auto beside = deploy_model(far, folder.path("b.onnx"), integers);
  EXPECT_LT(beside.bytes_after, inside.bytes_after + 1024);  // places and names of the data
}

DeploymentOptions in_precision(DType type) {
  DeploymentOptions options;
  options.conversions.precision.emplace().type = type;
  return options;
}

constexpr std::int32_t kFloat = 1, kFloat16 = 10, kBFloat16 = 16;  // TensorProto.DataType

std::int32_t type_of(const std::string& path, const std::string& tensor) {
  const graph::OnnxModel model = graph::OnnxModel::load(path);
  return graph::ModelEdit(model).header(tensor).file_type;
}

TEST(Deployment, AModelComputesInSixteenBitsBetweenInputsAndOutputsInFloat32) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  const Deployment done = deploy_model(sample("net.onnx"), out, in_precision(DType::kFloat16));
  EXPECT_GT(done.trial.at(0).difference, 0);
  EXPECT_LT(done.trial.at(0).difference, 1e-3 * done.trial.at(0).before);
  EXPECT_EQ(type_of(out, "conv1.weight"), kFloat16);
  EXPECT_EQ(graph::OnnxModel::load(out).inputs().at(0).file_type, "FLOAT");
  EXPECT_EQ(graph::OnnxModel::load(out).outputs().at(0).file_type, "FLOAT");
  expect_error([&] { deploy_model(out, out, in_precision(DType::kFloat16)); },
               ErrorCode::kUnsupported, "FLOAT16 already");

  DeploymentOptions all = in_precision(DType::kFloat16);
  all.conversions.precision->convert_io = true;
  deploy_model(sample("net.onnx"), out, all);
  EXPECT_EQ(graph::OnnxModel::load(out).inputs().at(0).file_type, "FLOAT16");
  EXPECT_EQ(graph::OnnxModel::load(out).outputs().at(0).file_type, "FLOAT16");
}

// Conv takes bfloat16 from opset 22 on; MatMul and Gemm before.
TEST(Deployment, OperatorsThatTheOpsetDoesNotAllowInBfloat16StayInFloat32) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  deploy_model(sample("net.onnx"), out, in_precision(DType::kBFloat16));
  EXPECT_LT(graph::OnnxModel::load(out).opset(), 22);
  EXPECT_EQ(type_of(out, "conv1.weight"), kFloat);
  EXPECT_EQ(type_of(out, "out.weight"), kBFloat16);
  DeploymentOptions newer = in_precision(DType::kBFloat16);
  newer.conversions.opset.emplace().opset = 22;
  deploy_model(sample("net.onnx"), out, newer);
  EXPECT_EQ(type_of(out, "conv1.weight"), kBFloat16);
}

TEST(Deployment, WhatSixteenBitsDoNotHoldStaysInFloat32) {
  const TempFolder folder;
  const std::string large = folder.path("large.onnx"), out = folder.path("out.onnx");
  const graph::OnnxModel model = graph::OnnxModel::load(sample("net.onnx"));
  graph::ModelEdit edit(model);
  const Tensor weight = edit.read("out.weight");
  std::vector<float> values = weight.values<float>();
  for (float& value : values) {
    value *= 3e6f;
  }
  edit.replace_tensor("out.weight", Tensor::from<float>(DType::kFloat32, weight.shape(), values));
  edit.write(large);
  const Deployment done = deploy_model(large, out, in_precision(DType::kFloat16));
  EXPECT_EQ(type_of(out, "out.weight"), kFloat);
  EXPECT_EQ(type_of(out, "conv1.weight"), kFloat16);
  EXPECT_THAT(done.notes, testing::Contains(HasSubstr("16 bits do not hold their values")));
  DeploymentOptions edges = in_precision(DType::kFloat16);
  edges.conversions.precision->convert_io = true;
  expect_error([&] { deploy_model(large, folder.path("no.onnx"), edges); }, ErrorCode::kUnsupported,
               "'y' is at most", "without --convert-io");
  DeploymentOptions strict = in_precision(DType::kFloat16);
  strict.conversions.precision->strict = true;
  expect_error([&] { deploy_model(large, folder.path("no.onnx"), strict); },
               ErrorCode::kUnsupported, "Gemm", "is at most");
  EXPECT_FALSE(std::filesystem::exists(folder.path("no.onnx")));
}

TEST(Deployment, NodesAreKeptByNameOutputOrOperator) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx");
  DeploymentOptions options = in_precision(DType::kFloat16);
  options.conversions.precision->keep = [](std::string_view name) { return name == "Conv"; };
  deploy_model(sample("net.onnx"), out, options);
  EXPECT_EQ(type_of(out, "conv1.weight"), kFloat);
  EXPECT_EQ(type_of(out, "out.weight"), kFloat16);
}

TEST(Deployment, AModelInAnOlderOrNewerOpsetGivesTheSame) {
  const TempFolder folder;
  const std::string out = folder.path("out.onnx"), back = folder.path("back.onnx");
  for (const std::int64_t opset : {7, 9, 11, 13, 17, 23, 28}) {
    DeploymentOptions options;
    options.conversions.opset.emplace().opset = opset;
    const Deployment done = deploy_model(sample("net.onnx"), out, options);
    EXPECT_LE(done.trial.at(0).difference, 1e-6 * done.trial.at(0).before) << opset;
    EXPECT_EQ(graph::OnnxModel::load(out).opset(), opset);
    options.conversions.opset->opset = 18;
    deploy_model(out, back, options);
  }
  EXPECT_LE(graph::OnnxModel::load(out).ir_version(), 14);
}

TEST(Deployment, AnOpsetThatCannotHoldTheModelIsRefusedWithAllReasons) {
  const TempFolder folder;
  const std::string narrow = folder.path("narrow.onnx"), out = folder.path("out.onnx");
  deploy_model(sample("net.onnx"), narrow, in_precision(DType::kBFloat16));
  DeploymentOptions options;
  options.conversions.opset.emplace().opset = 12;
  expect_error([&] { deploy_model(narrow, out, options); }, ErrorCode::kUnsupported,
               "'out.weight' is BFLOAT16", "'out.bias' is BFLOAT16");
  EXPECT_FALSE(std::filesystem::exists(out));
  options.conversions.opset->opset = 29;
  expect_error([&] { deploy_model(sample("net.onnx"), out, options); }, ErrorCode::kInvalidArgument,
               "7 to 28");
}

}  // namespace
}  // namespace temper::training
