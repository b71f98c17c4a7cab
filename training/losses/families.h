// The families of losses, one file each, and what their formulas share. Private to
// training/losses.
#pragma once

#include <string>
#include <vector>

#include "training/losses/loss.h"

namespace temper::training {

std::vector<Loss> classification_losses();  // cross_entropy, nll, focal, multi_margin
std::vector<Loss> regression_losses();      // mse, l1, smooth_l1, huber, rmse, msle
std::vector<Loss> binary_losses();          // bce, bce_with_logits, multi_label, margins
std::vector<Loss> segmentation_losses();    // dice, jaccard
std::vector<Loss> probability_losses();     // kl_div, poisson_nll, gaussian_nll
std::vector<Loss> distance_losses();        // cosine_embedding, triplet_margin, margin_ranking
std::vector<Loss> sequence_losses();        // ctc
inline constexpr auto kLossFamilies = {
    classification_losses, binary_losses,   segmentation_losses, regression_losses,
    probability_losses,    distance_losses, sequence_losses};

// "mean" or "sum", and "batchmean" for kl_div.
ParameterSpec reduction_spec(bool batchmean = false);
ParameterSpec number_spec(std::string name, double fallback, std::string help,
                          std::string (*check)(const AttrValue&) = nullptr);
ParameterSpec list_spec(std::string name, std::string help);
ParameterSpec switch_spec(std::string name, bool fallback, std::string help);
ParameterSpec ignore_index_spec();
ParameterSpec class_axis_spec();

// Of elements [N, ...], weighted per sample: their sum, and their number for the mean (with
// reduction = "batchmean" the batch's rows).
LossSums reduce_loss(const LossInputs& in, graph::ValueId elements);
// Of elements that are 0 where the class index is ignored: their sum, weighted per sample, and how
// many class indices count, each as the parameter `weight` has it when `class_weights`.
LossSums reduce_counted(const LossInputs& in, graph::ValueId elements, bool class_weights);
// The same elements, weighted per sample.
graph::ValueId weigh_samples(const LossInputs& in, graph::ValueId elements);
graph::ValueId sum_all(graph::Builder& b, graph::ValueId value);
graph::ValueId mean_over(graph::Builder& b, graph::ValueId value, std::vector<std::int64_t> axes);

// The numbers of a list parameter, shaped to broadcast along `axis` of a tensor of `like`'s shape:
// one number, or one per entry of the axis. Invalid when the list is empty.
graph::ValueId list_along(const LossInputs& in, const char* name, graph::ValueId like, int axis);

// Class indices [N, d...] as 0 and 1 of the output's shape and dtype; an index equal to
// `ignore_index` has no 1. `counted` (bool [N, d...]) is where the index is another.
struct ClassMask {
  graph::ValueId one_hot, counted;
};
bool has_class_target(const LossInputs& in);
ClassMask class_mask(const LossInputs& in);

// max(a, number) and |a|
graph::ValueId at_least(graph::Builder& b, graph::ValueId a, double number);
graph::ValueId absolute(graph::Builder& b, graph::ValueId a);
// a as a constant: no gradient flows into it.
graph::ValueId stop_gradient(graph::Builder& b, graph::ValueId a);
// 1 - a
graph::ValueId complement(graph::Builder& b, graph::ValueId a);

}  // namespace temper::training
