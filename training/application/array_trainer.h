// Training on arrays that a program has in memory: steps on rows as they come, some steps over a
// set, evaluation, prediction, weights by name, files. What a recipe says of model, loss,
// optimizer, schedule, clipping, precision, averages and threads holds as in a run of `temper
// train`; there is no folder, log or validation set. Threading: one thread at a time; several
// trainers are independent of each other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "training/formats/npz.h"
#include "training/recipe/recipe.h"
#include "training/records/run_observer.h"
#include "training/session/evaluation.h"
#include "training/session/session.h"

namespace temper::training {

// By the names that arrays of an .npz file have: the model's inputs and `target`. Rows first.
using NamedArrays = std::vector<NamedTensor>;

struct ArrayStep {
  std::int64_t number = 0;  // steps tried until and with it
  double loss = 0;          // before its update
  double lr = 0;
  double grad_norm = 0;  // before clipping
  bool applied = true;   // false: something was not finite, and nothing changed
};

struct ModelTensor {
  std::string name;  // the file's
  DType dtype = DType::kUndefined;
  Shape shape;
  bool is_statistic = false;  // of a normalisation, else a parameter
};

// Opening for prediction needs no target, and takes no memory for training.
enum class ArrayUse { kTrain, kPredict };

class ArrayTrainer {
 public:
  // `first`: settles what model and recipe leave open (the loss, shapes, the number of classes
  // where classes are weighed), and is not trained on. Later arrays have rows of the same shapes.
  // `observer` outlives this and hears messages alone. THROWS: as Session; kUnsupported for
  // settings that need files, a validation set or an order of the data.
  ArrayTrainer(Recipe recipe, NamedArrays first, RunObserver& observer,
               ArrayUse use = ArrayUse::kTrain, EngineOptions options = {});
  ~ArrayTrainer();

  // One optimizer step on all rows; train.accumulate cuts them into as many parts. Arrays of the
  // caller need to live for the call only, here and below.
  // THROWS: kInvalidData with array and row; kDiverged as train.on_nonfinite says.
  ArrayStep step(const NamedArrays& rows);
  // Steps over batches of data.batch_size rows, in the order that data.shuffle and data.seed say;
  // each call begins another epoch. `watch` may be null; false ends it. Returns the steps done.
  std::int64_t train(const NamedArrays& set, std::int64_t steps,
                     const std::function<bool(const ArrayStep&)>& watch);
  // Loss and metrics over all rows, in batches of data.batch_size.
  Evaluation evaluate(const NamedArrays& set);
  // Every output of the model for all rows.
  NamedArrays predict(const NamedArrays& set);

  // What training changes, in the order of the file; the rest of the model is constant.
  std::vector<ModelTensor> tensors() const;
  // THROWS: kInvalidArgument for a name that is none of them, or another shape.
  Tensor tensor(const std::string& name) const;
  void set_tensor(const std::string& name, const Tensor& value);

  // The model's file with its tensors as they are now, or their averages (average.export).
  void save_model(const std::string& path);
  // Weights, optimizer and counters into FOLDER/checkpoints, of which checkpoint.keep stay; and
  // back from the newest that is whole: training goes on with the same bits.
  void save_checkpoint(const std::string& folder);
  void load_checkpoint(const std::string& folder);

  // Steps that were tried, and what was inferred when it was opened.
  std::int64_t steps() const;
  const std::vector<std::string>& notes() const;
  const Session& session() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace temper::training
