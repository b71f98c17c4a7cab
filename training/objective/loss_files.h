// The loss files of a recipe (loss.file), loaded, and what of the model and the data they name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "training/compile/loss_file.h"
#include "training/data/dataset.h"
#include "training/losses/loss.h"
#include "training/objective/side_files.h"
#include "training/recipe/recipe.h"

namespace temper::training {

// The terms that a recipe adds up: [[loss.term]], else [loss] alone.
std::vector<LossTermSettings> written_terms(const Recipe& recipe);

class LossFiles {
 public:
  // None.
  LossFiles() = default;
  // Loads and checks them. THROWS: kIo, kInvalidModel, kUnsupported, kInvalidArgument for a file
  // that names no output of the model.
  LossFiles(const Recipe& recipe, const graph::Graph& model);

  // Of a term; null where it is no file.
  const graph::Graph* graph(std::size_t term) const { return graphs_.at(term).get(); }
  // The inputs of a term's file that must be in the data.
  std::vector<std::string> wanted_targets(std::size_t term) const;
  // What to tell beside an error about the data: every input of each file and what it is.
  std::vector<std::string> explain() const;

  const std::vector<SideFile>& side_files() const { return side_files_; }

  // What the file of a term is given, settled for these data.
  struct Reading {
    std::vector<LossFileTarget> targets;  // their `target` is left out
    std::vector<const Field*> fields;     // of each target
    std::string output;                   // the output that metrics read
    std::size_t target = 0;               // and the target they compare it with
    PredictionKind prediction = PredictionKind::kOther;
  };
  // `forward`: the model for a batch of two, its outputs as the model names them. THROWS:
  // kInvalidArgument saying what of the data does not fit, kInvalidModel when the loss is not one
  // number.
  Reading read(std::size_t term, const graph::Graph& forward, const Dataset& probe,
               const Backend& reference) const;
  // For people: what each input of a term's file is.
  std::string describe(std::size_t term, const Reading& reading) const;

 private:
  // What the named inputs of the file take of the model; their symbols.
  LossSymbols check_model_values(std::size_t term, const graph::Graph& forward) const;
  void try_out(std::size_t term, const graph::Graph& forward, const Reading& reading,
               const Backend& reference) const;

  std::vector<std::unique_ptr<graph::Graph>> graphs_;  // one for each term
  std::vector<SideFile> side_files_;
  std::vector<std::string> paths_;
  std::vector<std::string> model_inputs_;
  std::vector<std::string> model_outputs_;
  bool sample_weight_ = false;
};

}  // namespace temper::training
