// Small training runs for the tests: a model of two linear layers, data for it, and a run whose
// every bit is recorded.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "training/recipe/recipe.h"
#include "training/run/trainer.h"

namespace temper::training {

struct TinyModel {
  bool batchnorm = true;
  double dropout = 0.3;  // 0: none
  std::int64_t hidden = 8;
};
inline constexpr std::int64_t kTinyInputs = 6;
inline constexpr std::int64_t kTinyClasses = 3;

// An ONNX file: x[batch, 6] -> w1, b1 -> BatchNormalization (bn.*) -> Relu -> Dropout -> w2, b2 ->
// y[batch, 3].
void write_tiny_model(const std::string& path, const TinyModel& options = {});

// Rows of three classes with some noise. The rows named in `bad` hold `bad_value`: finite, but more
// than the model can take.
void write_tiny_data(const std::string& path, std::int64_t rows, std::uint64_t seed,
                     const std::vector<std::int64_t>& bad = {}, float bad_value = 3e38f);

// Values from a fixed sequence in (-1, 1).
std::vector<float> tiny_values(std::int64_t count, std::uint64_t seed);

// A recipe in code, with the loss cross_entropy, AdamW, a thread, and no TensorBoard files; `lines`
// are further "key=value".
Recipe tiny_recipe(const std::string& model, const std::string& train_data, const std::string& out,
                   const std::vector<std::string>& lines = {});

// What a run left behind.
struct RunRecord {
  RunResult result;
  std::string variables;  // SHA-256 of all variables, names included
  std::string log;        // metrics.jsonl without the keys perf/...
  std::string last_model;
  std::vector<std::string> messages;
  std::vector<double> losses;  // of each step that this process did
};

struct StepView {
  const RunProgress& progress;
  bool skipped = false;  // this very step was
  Session& session;
};
// Called after each step; true ends the run.
using StopWhen = std::function<bool(const StepView&)>;

// `late`: as Trainer's.
RunRecord run_tiny(const Recipe& recipe, bool resume, const StopWhen& stop = nullptr,
                   EngineOptions options = {}, std::int64_t late = 0);

// The bytes of each variable, by name.
std::map<std::string, std::string> bytes_of_variables(const VariableStore& store);
std::string hash_of_variables(const VariableStore& store);
std::string log_without_speed(const std::string& metrics_path);

// Of a log's lines, as RunRecord holds them: the values of those that have the key.
std::vector<double> logged(const std::string& log, const std::string& key);

}  // namespace temper::training
