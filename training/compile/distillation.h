// Distillation: the model also learns what a teacher, another model, says of the same inputs.
#pragma once

#include <vector>

#include "graph/ir/graph.h"
#include "training/compile/loss_graph.h"
#include "training/compile/training_graph.h"

namespace temper::training {

// Begins the labels of the teacher's variables, which nothing trains.
inline constexpr const char* kTeacherPrefix = "teacher::";

// The loss with the teacher's part (Hinton, Vinyals, Dean 2015, and PyTorch's tutorial):
//   (1 - alpha) loss + alpha T^2 mean KL(softmax(teacher / T) || softmax(output / T))
// along the axis of the classes, the mean over everything else. The output is the first loss's;
// `model_inputs` are the joint graph's without targets. Parts "hard" and "distillation" are named.
// REQUIRES: settings.teacher_graph. THROWS: kInvalidArgument when the teacher has other
// inputs or another output.
LossParts add_distillation(graph::Graph& graph, const CompileSettings& settings,
                           const GraphRequest& request, const Backend& reference,
                           const std::vector<graph::ValueId>& model_inputs,
                           const std::vector<graph::Graph::Output>& outputs, LossParts loss);

}  // namespace temper::training
