// A model of `temper new`, or of a file that PyTorch exported, compiled for training with AdamW.
#pragma once

#include <memory>
#include <ostream>
#include <string>

#include "runtime/base/attrs.h"
#include "runtime/base/dtype.h"
#include "tests/runtime/platform/temporary_folder.h"
#include "training/compile/engine.h"

namespace temper {

struct PlannedModel {
  const char* name;    // of an architecture, of a file of tests/models/expected, or "digits"
  Attrs options = {};  // of an architecture
  const char* loss = "cross_entropy";
  bool sequence_of_classes = false;
  const char* expected = "";  // of a file: what its weights are made by
  DType precision = DType::kFloat32;
  std::int64_t memory_limit = 0;
};

inline void PrintTo(const PlannedModel& model, std::ostream* out) { *out << model.name; }

// As the name of a test; with the precision where it is not f32.
std::string test_name(const PlannedModel& model);
// "gpt", "gpt/bf16": its name on pages of counts.
std::string row_name(const PlannedModel& model);

class CompiledModel {
 public:
  CompiledModel(const PlannedModel& model, const char* device, int threads);

  // Of batches of 4, texts of 64.
  static training::GraphRequest request(training::GraphKind kind);
  training::Engine& engine() { return *engine_; }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<Backend> backend_, reference_;
  std::unique_ptr<training::Engine> engine_;
};

}  // namespace temper
