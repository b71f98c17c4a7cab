// tests/models/expected/conv_queries.txt lists the convolutions of the models that are timed
// against PyTorch and of the samples, as their plans on the CUDA backend ask for them: what
// tests/programs/cudnn_plans.cpp asks cuDNN about. Written when TEMPER_UPDATE_REFERENCE=1 is set.
#include "tests/programs/conv_queries.h"

#include <gtest/gtest.h>
#include <temper_test_paths.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "backends/backends.h"
#include "backends/cuda/cuda_backend.h"
#include "graph/onnx/import.h"
#include "graph/ops/standard_ops.h"
#include "models/architecture.h"
#include "tests/generated_page.h"
#include "tests/models/expected_training.h"
#include "tests/runtime/platform/temporary_folder.h"
#include "training/compile/engine.h"
#include "training/compile/step/parameter_groups.h"
#include "training/losses/loss.h"
#include "training/optimizers/optimizer.h"

namespace temper {
namespace {

using Int = std::int64_t;
using Lines = std::set<std::string>;

constexpr const char* kConvolutions[] = {"Conv", "ConvTranspose", "ConvGradData",
                                         "ConvGradWeights"};

// The gradient of the data to a gradient of the weights: a plan leaves it out in a first layer,
// unless another network is in front.
std::string grad_data_line(const OpQuery& weights) {
  test::ConvQuery data;
  data.op = "ConvGradData";
  data.attrs = *weights.attrs;
  const Shape& x = weights.inputs[0].shape;
  data.attrs.set("input_shape", std::vector<Int>(x.begin(), x.end()));
  TensorSpec w = weights.inputs[0];
  w.shape = Shape(data.attrs.get_ints("weight_shape"));
  data.attrs.erase("weight_shape");
  data.inputs = {w, weights.inputs[1]};
  data.outputs = {weights.inputs[0]};
  return test::line_of(data.query());
}

// A row of another table, which notes what it is asked for where `lines` is not null.
class BorrowedRow final : public KernelImpl {
 public:
  BorrowedRow(const KernelImpl& row, Lines* lines) : row_(row), lines_(lines) {}
  std::string_view family() const override { return row_.family(); }
  Support supports(const OpQuery& query) const override { return row_.supports(query); }
  std::unique_ptr<Kernel> prepare(const OpQuery& query) const override {
    if (lines_ != nullptr) {
      lines_->insert(test::line_of(query));
      if (query.attrs->has("weight_shape")) {
        lines_->insert(grad_data_line(query));
      }
    }
    return row_.prepare(query);
  }

 private:
  const KernelImpl& row_;
  Lines* lines_;
};

// The emulated device, whose convolutions are noted.
class NotingBackend final : public Backend {
 public:
  NotingBackend() : device_(make_backend("cuda-emulated")) {
    for (const std::string& op : device_->kernels().ops()) {
      for (const auto& row : device_->kernels().rows(op)) {
        const bool notes = std::find(std::begin(kConvolutions), std::end(kConvolutions), op) !=
                           std::end(kConvolutions);
        table_.add(op, std::make_unique<BorrowedRow>(*row, notes ? &lines : nullptr));
      }
    }
  }
  std::string_view name() const override { return device_->name(); }
  const KernelTable& kernels() const override { return table_; }
  DeviceMemory& memory() const override { return device_->memory(); }
  std::unique_ptr<Stream> make_stream() const override { return device_->make_stream(); }
  std::string fingerprint() const override { return device_->fingerprint(); }

  Lines lines;

 private:
  std::unique_ptr<Backend> device_;
  KernelTable table_;
};

struct PlannedModel {
  const char* name;  // of an architecture, or of a file below models/ or tests/models/expected
  Int batch;
  Attrs options = {};
  const char* loss = "mse";
  const char* expected = "";  // of a file of tests/models/expected: what its weights are made by
};

Lines lines_of(const PlannedModel& model) {
  const TemporaryFolder folder;
  std::string path = folder.path() + "/model.onnx";
  if (*model.expected != '\0') {
    path = place_model(read_expected(model.expected), model.name, folder.path());
  } else if (std::string(model.name).ends_with(".onnx")) {
    path = std::string(TEMPER_SOURCE_DIR) + "/models/" + model.name;
  } else {
    models::write_model(models::make_model(models::find_architecture(model.name), model.options, 0),
                        path);
  }
  training::CompileSettings settings;
  const training::Loss& loss = training::find_loss(model.loss);
  settings.losses.emplace_back().loss = {
      loss.name, training::complete_parameters("loss", loss.name, loss.parameters, {})};
  const training::Optimizer& sgd = training::find_optimizer("sgd");
  settings.optimizer = {sgd.name,
                        training::complete_parameters("optimizer", sgd.name, sgd.parameters, {})};
  training::EngineOptions options;
  const NotingBackend device;
  const auto reference = make_backend("reference");
  training::Engine engine(graph::OnnxModel::load(path).build_graph(graph::standard_ops()), settings,
                          device, *reference, options);
  for (const auto kind : {training::GraphKind::kTrain, training::GraphKind::kEvaluate}) {
    training::GraphRequest request;
    request.kind = kind;
    request.batch = model.batch;
    request.symbols = {{"sequence", 64}};
    engine.plan(request);
  }
  return device.lines;
}

std::vector<PlannedModel> planned_models() {
  const auto pictures = [](Int size) { return Attrs{{"image-size", size}}; };
  return {
      {.name = "lenet.onnx", .batch = 64, .loss = "cross_entropy", .expected = "lenet"},
      {.name = "cifar_cnn.onnx", .batch = 64, .loss = "cross_entropy", .expected = "cifar_cnn"},
      {.name = "resnet18", .batch = 32, .options = pictures(64), .loss = "cross_entropy"},
      {.name = "resnet50", .batch = 8, .loss = "cross_entropy"},
      {.name = "mobilenet_v2", .batch = 8, .loss = "cross_entropy"},
      {.name = "vit",
       .batch = 32,
       .options = {{"image-size", Int{32}}, {"patch", Int{4}}},
       .loss = "cross_entropy"},
      {.name = "unet", .batch = 4, .options = pictures(128), .loss = "bce_with_logits"},
      {.name = "dcgan_generator", .batch = 64, .options = pictures(16)},
      {.name = "dcgan_discriminator",
       .batch = 64,
       .options = pictures(16),
       .loss = "bce_with_logits"},
      {.name = "tcn", .batch = 32},
      {.name = "autoencoder", .batch = 32},
      {.name = "digits/digits.onnx", .batch = 32, .loss = "cross_entropy"},
      {.name = "cifar/cifar.onnx", .batch = 32, .loss = "cross_entropy"},
      {.name = "digits_gan/generator.onnx", .batch = 64},
      {.name = "digits_gan/discriminator.onnx", .batch = 64, .loss = "bce_with_logits"},
  };
}

TEST(ConvQueriesPage, IsWrittenFromThePlansOfModels) {
  if (!has_emulated_cuda_backend()) {
    GTEST_SKIP() << "this build has no emulated device (TEMPER_DEVICE_EMULATED)";
  }
  std::string page =
      "# The convolutions of models, each once, with the first model that has it. Written by\n"
      "# TEMPER_UPDATE_REFERENCE=1 build/test_models --gtest_filter='ConvQueriesPage*'\n";
  Lines seen;
  for (const PlannedModel& model : planned_models()) {
    SCOPED_TRACE(model.name);
    page += "\n# " + std::string(model.name) + ", batch " + std::to_string(model.batch) + "\n";
    for (const std::string& line : lines_of(model)) {
      if (seen.insert(line).second) {
        page += line + "\n";
      }
    }
  }
  test::expect_page(TEMPER_SOURCE_DIR, "tests/models/expected/conv_queries.txt", page);
}

// What cuDNN answers is asked where cuDNN is (tools/test_cudnn.sh); that all of them were asked is
// seen here.
TEST(ConvQueriesPage, HasAnAnswerForEachOfItsConvolutions) {
  std::ifstream answers(std::string(TEMPER_SOURCE_DIR) + "/docs/cudnn_plans.md");
  std::ostringstream page;
  page << answers.rdbuf();
  std::ifstream queries(std::string(TEMPER_SOURCE_DIR) + "/tests/models/expected/conv_queries.txt");
  int count = 0;
  for (std::string line; std::getline(queries, line);) {
    if (!line.empty() && line[0] != '#') {
      ++count;
      EXPECT_NE(page.str().find("`" + line + "`"), std::string::npos)
          << line << "\nis not on docs/cudnn_plans.md: tools/test_cudnn.sh write";
    }
  }
  EXPECT_GT(count, 0);
}

}  // namespace
}  // namespace temper
