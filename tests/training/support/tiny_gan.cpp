#include "tests/training/support/tiny_gan.h"

#include <fstream>

#include "tests/graph/onnx/wire_writer.h"
#include "tests/training/support/tiny_run.h"
#include "tests/training/test_files.h"

namespace temper::training {
namespace {

using temper::test::floats;
using temper::test::int_attribute;
using temper::test::ModelParts;
using temper::test::node;
using temper::test::value_info;

constexpr std::int64_t kNoise = 3;
constexpr std::int64_t kHidden = 8;

void add_layer(ModelParts& parts, const char* name, const std::string& from, const std::string& to,
               std::int64_t in, std::int64_t out, std::uint64_t seed) {
  const std::string weight = concat(name, ".weight");
  const std::string bias = concat(name, ".bias");
  parts.initializers.push_back(floats(weight, {out, in}, tiny_values(out * in, seed)));
  parts.initializers.push_back(floats(bias, {out}, tiny_values(out, seed + 1)));
  parts.nodes.push_back(
      node("Gemm", {from, weight, bias}, {to}, {int_attribute("transB", 1)}, name));
}

void add_batchnorm(ModelParts& parts, const std::string& from, const std::string& to) {
  for (const auto& [name, value] : {std::pair{"bn.weight", 1.0f}, std::pair{"bn.bias", 0.0f},
                                    std::pair{"bn.mean", 0.0f}, std::pair{"bn.var", 1.0f}}) {
    parts.initializers.push_back(
        floats(name, {kHidden}, std::vector<float>(static_cast<std::size_t>(kHidden), value)));
  }
  parts.nodes.push_back(node(
      "BatchNormalization", {from, "bn.weight", "bn.bias", "bn.mean", "bn.var"}, {to}, {}, "norm"));
}

class Watcher : public RunObserver {
 public:
  Watcher(GanRecord& record, std::int64_t stop_after) : record_(record), stop_after_(stop_after) {}

  void stepped(const RunProgress& progress) override {
    record_.losses.push_back(progress.loss);
    if (progress.step == stop_after_) {
      trainer->request_stop();
    }
  }
  void message(std::string_view text) override { record_.messages.emplace_back(text); }
  DrawnPicture sampled(std::int64_t, const Tensor& samples, std::int64_t) override {
    record_.samples.push_back(samples.values<double>());
    return {};
  }
  AdversarialTrainer* trainer = nullptr;

 private:
  GanRecord& record_;
  std::int64_t stop_after_;
};

}  // namespace

void write_tiny_generator(const std::string& path) {
  ModelParts parts;
  parts.inputs = {value_info("z", {-1, kNoise})};
  parts.outputs = {value_info("x", {-1, kTinyInputs})};
  add_layer(parts, "first", "z", "h", kNoise, kHidden, 11);
  add_batchnorm(parts, "h", "normal");
  parts.nodes.push_back(node("Relu", {"normal"}, {"a"}, {}, "relu"));
  add_layer(parts, "second", "a", "x", kHidden, kTinyInputs, 13);
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

void write_tiny_discriminator(const std::string& path, bool batchnorm) {
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, kTinyInputs})};
  parts.outputs = {value_info("score", {-1, 1})};
  add_layer(parts, "first", "x", "h", kTinyInputs, kHidden, 15);
  const char* last = "h";
  if (batchnorm) {
    add_batchnorm(parts, "h", "normal");
    last = "normal";
  }
  parts.nodes.push_back(node("LeakyRelu", {last}, {"a"}, {}, "leaky"));
  parts.initializers.push_back(floats("ratio", {}, {0.3f}));
  parts.nodes.push_back(node("Dropout", {"a", "ratio"}, {"d"}, {}, "drop"));
  add_layer(parts, "second", "d", "score", kHidden, 1, 17);
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

Recipe tiny_gan_recipe(const std::string& folder, const std::string& out,
                       const std::vector<std::string>& lines) {
  RecipeSources sources;
  sources.overrides = {"models.generator.path=\"" + folder + "/generator.onnx\"",
                       "models.discriminator.path=\"" + folder + "/discriminator.onnx\"",
                       "data.train=\"" + folder + "/train.npz\"",
                       "train.out=\"" + folder + "/" + out + "\"",
                       "optimizer.generator.lr=0.01",
                       "optimizer.discriminator.lr=0.01",
                       "data.batch_size=4",
                       "train.steps=20",
                       "train.threads=1",
                       "adversarial.samples_every=7",
                       "adversarial.sample_grid=2",
                       "log.every=3",
                       "log.tensorboard=false"};
  sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
  return read_recipe(sources);
}

GanRecord run_tiny_gan(const Recipe& recipe, bool resume, std::int64_t stop_after,
                       EngineOptions options, std::int64_t late) {
  AdversarialSession session(recipe, std::move(options));
  GanRecord record;
  Watcher watcher(record, stop_after);
  AdversarialTrainer trainer(session, watcher, resume, late);
  watcher.trainer = &trainer;
  record.result = trainer.run();
  record.variables = hash_of_variables(session.store());
  record.log = log_without_speed(record.result.run_directory + "/metrics.jsonl");
  if (record.result.outcome == RunOutcome::kFinished) {
    record.generator = read_bytes(record.result.generator);
    record.discriminator = read_bytes(record.result.discriminator);
  }
  return record;
}

}  // namespace temper::training
