// [loss] of a recipe: which losses, penalties on weights, a teacher.
#pragma once

#include <string>
#include <vector>

#include "training/settings/component.h"

namespace temper::training {

// One loss of those that a run adds up: [loss] or [[loss.term]].
struct LossTermSettings {
  ComponentSettings loss;
  std::string file;                  // an ONNX file in place of `loss`
  std::vector<std::string> outputs;  // empty: the model's first ones, as many as the loss takes
  std::string target;        // its array or column in the data; empty: the data's only target
  double loss_weight = 1;    // factor in the sum
  std::string label;         // its name in the log; empty: the loss's name, or "file"
  std::string class_weight;  // "balanced": the loss's `weight` from the counts of the labels

  bool is_file() const { return !file.empty(); }
};

// l1 sum |w| + l2 sum w^2, added to the loss that is differentiated.
struct PenaltySettings {
  double l1 = 0;
  double l2 = 0;
  std::vector<std::string> match;  // patterns; empty: tensors of two or more dimensions

  bool is_on() const { return l1 > 0 || l2 > 0; }
};

// A second model whose answers the first learns beside the targets: [loss.teacher].
struct TeacherSettings {
  std::string model;       // path; empty: there is none
  double temperature = 2;  // scores are divided by it before the softmax
  double alpha = 0.5;      // the teacher's share of the loss
  std::string output;      // empty: its first
};

}  // namespace temper::training
