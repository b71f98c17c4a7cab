// `temper convert --embed-preprocessing`, `--embed-postprocessing`: what a run did to its data in
// front of the model, and what people ask it for behind it, so that the file takes bytes and gives
// answers.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/deploy/answers.h"
#include "graph/onnx/deploy/column_front.h"
#include "graph/onnx/deploy/picture_front.h"
#include "training/analysis/trial.h"
#include "training/formats/json.h"

namespace temper::training {

struct EmbedOptions {
  bool preprocessing = false;
  bool answers = false;
  bool class_names = false;     // also as texts in the graph
  bool channels_first = false;  // pictures are [N, channels, height, width] as for the model
  std::string recipe;  // says how data are prepared and what the loss is; empty: the file does

  bool any() const { return preprocessing || answers; }
};

class Embedding {
 public:
  // `path`: of the model as it was given, with what is kept beside it. THROWS: kInvalidArgument
  // where nothing says how its data were prepared, or by which loss it was trained.
  Embedding(const std::string& path, const graph::OnnxModel& model, EmbedOptions options);

  // Puts the nodes into the model, and says so in its metadata and in notes. `model`: as it is
  // before. THROWS: kUnsupported as embed_picture_front(), embed_column_front(), embed_answers(),
  // and for what no node can do (texts of tables, losses without classes).
  void apply(graph::ModelEdit& edit, const graph::OnnxModel& model, TrialRunner& runner);

  // How data of the new model are prepared. REQUIRES: apply().
  const JsonValue& stored() const { return stored_; }

  // Both on made-up data: what the new one computes of them as they are against what the old one
  // computes of them once Temper's own data sets have prepared them. In a row per output, and one
  // for the values of the input. THROWS: kUnsupported when they differ by more than the rounding of
  // resized pictures.
  std::vector<TrialOutput> check(const graph::OnnxModel& before, const graph::OnnxModel& after,
                                 TrialRunner& runner) const;

 private:
  void take_recipe(const std::string& path);
  void plan_pictures(const JsonValue& images);
  void plan_columns(const JsonValue& table);
  void plan_answers(const graph::OnnxModel& model, TrialRunner& runner);
  struct Samples {
    std::map<std::string, Tensor> raw, prepared;
    double rounding = 0;  // that prepared values may differ by
  };
  Samples pictures(const graph::OnnxModel& before, bool of_any_size) const;
  Samples rows(const graph::OnnxModel& before) const;
  void check_input(const graph::OnnxModel& after, const Samples& samples, TrialRunner& runner,
                   std::vector<TrialOutput>& checked) const;
  TrialResult expected(TrialResult before) const;

  EmbedOptions options_;
  JsonValue preparation_;  // as Dataset::preprocessing() gives it
  JsonValue stored_;
  std::vector<std::string> classes_;
  std::string loss_;
  double threshold_ = 0.5;
  graph::PictureFront picture_;
  graph::ColumnFront columns_;
  bool is_table_ = false;
  graph::Answers answers_;
  graph::PreparedInput prepared_;
};

}  // namespace temper::training
