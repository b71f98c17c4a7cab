// Model, data and recorded runs of the tests of training/.
#include "tests/training/support/tiny_run.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include "runtime/base/error.h"
#include "runtime/base/low_copy.h"
#include "tests/graph/onnx/wire_writer.h"
#include "training/formats/json.h"
#include "training/formats/npz.h"
#include "training/formats/sha256.h"
#include "training/records/run_directory.h"

namespace temper::training {
namespace {

class Watcher : public RunObserver {
 public:
  Watcher(Session& session, RunRecord& record, StopWhen stop)
      : session_(session), record_(record), stop_(std::move(stop)) {}

  void stepped(const RunProgress& progress) override {
    record_.losses.push_back(progress.loss);
    const StepView view{progress, skipped_, session_};
    if (stop_ && stop_(view)) {
      trainer->request_stop();
    }
    skipped_ = false;
  }
  void message(std::string_view text) override {
    record_.messages.emplace_back(text);
    skipped_ = skipped_ || text.find("was skipped") != std::string_view::npos;
  }
  Trainer* trainer = nullptr;

 private:
  Session& session_;
  RunRecord& record_;
  StopWhen stop_;
  bool skipped_ = false;
};

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::vector<float> tiny_values(std::int64_t count, std::uint64_t seed) {
  std::vector<float> values;
  std::uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (std::int64_t i = 0; i < count; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    values.push_back(static_cast<float>(state >> 40) / static_cast<float>(1 << 23) - 1.0f);
  }
  return values;
}

void write_tiny_model(const std::string& path, const TinyModel& options) {
  using namespace temper::test;
  const std::int64_t hidden = options.hidden;
  ModelParts parts;
  parts.inputs = {value_info("x", {-1, kTinyInputs})};
  parts.outputs = {value_info("y", {-1, kTinyClasses})};
  parts.initializers = {floats("w1", {hidden, kTinyInputs}, tiny_values(hidden * kTinyInputs, 1)),
                        floats("b1", {hidden}, tiny_values(hidden, 2)),
                        floats("w2", {kTinyClasses, hidden}, tiny_values(hidden * kTinyClasses, 3)),
                        floats("b2", {kTinyClasses}, tiny_values(kTinyClasses, 4))};
  const std::vector<Message> transposed = {int_attribute("transB", 1)};
  const char* last = "h";
  parts.nodes = {node("Gemm", {"x", "w1", "b1"}, {last}, transposed, "first")};
  if (options.batchnorm) {
    const auto count = static_cast<std::size_t>(hidden);
    parts.initializers.push_back(floats("bn.weight", {hidden}, std::vector<float>(count, 1.0f)));
    parts.initializers.push_back(floats("bn.bias", {hidden}, std::vector<float>(count, 0.0f)));
    parts.initializers.push_back(floats("bn.mean", {hidden}, std::vector<float>(count, 0.0f)));
    parts.initializers.push_back(floats("bn.var", {hidden}, std::vector<float>(count, 1.0f)));
    parts.nodes.push_back(node("BatchNormalization",
                               {last, "bn.weight", "bn.bias", "bn.mean", "bn.var"}, {"normal"}, {},
                               "norm"));
    last = "normal";
  }
  parts.nodes.push_back(node("Relu", {last}, {"a"}, {}, "relu"));
  last = "a";
  if (options.dropout > 0) {
    parts.initializers.push_back(floats("ratio", {}, {static_cast<float>(options.dropout)}));
    parts.nodes.push_back(node("Dropout", {last, "ratio"}, {"d"}, {}, "drop"));
    last = "d";
  }
  parts.nodes.push_back(node("Gemm", {last, "w2", "b2"}, {"y"}, transposed, "second"));
  std::ofstream(path, std::ios::binary) << parts.bytes();
}

void write_tiny_data(const std::string& path, std::int64_t rows, std::uint64_t seed,
                     const std::vector<std::int64_t>& bad, float bad_value) {
  std::vector<float> x = tiny_values(rows * kTinyInputs, seed);
  std::vector<std::int64_t> target;
  for (std::int64_t row = 0; row < rows; ++row) {
    target.push_back(row % kTinyClasses);
    x[static_cast<std::size_t>(row * kTinyInputs + row % kTinyClasses)] += 1.0f;
  }
  for (const std::int64_t row : bad) {
    for (std::int64_t i = 0; i < kTinyInputs; ++i) {
      x[static_cast<std::size_t>(row * kTinyInputs + i)] = bad_value;
    }
  }
  write_npz(path, {{"x", Tensor::from<float>(DType::kFloat32, {rows, kTinyInputs}, x)},
                   {"target", Tensor::from<std::int64_t>(DType::kInt64, {rows}, target)}});
}

Recipe tiny_recipe(const std::string& model, const std::string& train_data, const std::string& out,
                   const std::vector<std::string>& lines) {
  RecipeSources sources;
  sources.overrides = {"model.path=\"" + model + "\"",
                       "data.train=\"" + train_data + "\"",
                       "train.out=\"" + out + "\"",
                       "loss.name=\"cross_entropy\"",
                       "optimizer.name=\"adamw\"",
                       "optimizer.lr=0.01",
                       "data.batch_size=4",
                       "train.epochs=3",
                       "train.threads=1",
                       "log.every=1",
                       "log.tensorboard=false"};
  sources.overrides.insert(sources.overrides.end(), lines.begin(), lines.end());
  return read_recipe(sources);
}

std::map<std::string, std::string> bytes_of_variables(const VariableStore& store) {
  std::map<std::string, std::string> all;
  for (int i = 0; i < store.count(); ++i) {
    const Tensor value = store.get(i);
    all[store.variable(i).name] = std::string(static_cast<const char*>(value.data()),
                                              static_cast<std::size_t>(value.bytes()));
  }
  return all;
}

std::string hash_of_variables(const VariableStore& store) {
  Sha256 hash;
  for (int i = 0; i < store.count(); ++i) {
    if (is_low_copy(store.variable(i).identity)) {
      continue;  // a device has some that the host has not; low_copies_test.cpp looks at them
    }
    const Tensor value = store.get(i);
    hash.update(store.variable(i).name + ";");
    hash.update(std::span(static_cast<const std::byte*>(value.data()),
                          static_cast<std::size_t>(value.bytes())));
  }
  return hash.finish();
}

std::string log_without_speed(const std::string& metrics_path) {
  std::istringstream lines(file_text(metrics_path));
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    JsonValue shorter = JsonValue::object();
    const JsonValue whole = parse_json(line, metrics_path);
    for (const JsonMember& member : whole.as_object("a line")) {
      if (!member.key.starts_with("perf/")) {
        shorter.set(member.key, member.value);
      }
    }
    kept += shorter.text() + "\n";
  }
  return kept;
}

RunRecord run_tiny(const Recipe& recipe, bool resume, const StopWhen& stop, EngineOptions options,
                   std::int64_t late) {
  Session session(recipe, std::move(options));
  RunRecord record;
  Watcher watcher(session, record, stop);
  Trainer trainer(session, watcher, resume, late);
  watcher.trainer = &trainer;
  record.result = trainer.run();
  record.variables = hash_of_variables(session.engine().store());
  record.log = log_without_speed(record.result.run_directory + "/metrics.jsonl");
  record.last_model = file_text(record.result.last_model);
  return record;
}

std::vector<double> logged(const std::string& log, const std::string& key) {
  std::vector<double> found;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    const JsonValue value = parse_json(line, "log");
    if (const JsonValue* number = value.find(key)) {
      found.push_back(number->as_double(key));
    }
  }
  return found;
}

}  // namespace temper::training
