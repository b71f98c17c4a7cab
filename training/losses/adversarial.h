// Adversarial losses by name: what a discriminator and a generator minimise, given the
// discriminator's scores (logits) of real and of generated samples.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "graph/ir/builder.h"
#include "training/settings/component.h"

namespace temper::training {

// The parameters that ask for more than scores; the training graph adds what they mean.
inline constexpr const char* kGradientPenalty = "gradient_penalty";  // lambda of the penalty
inline constexpr const char* kR1Penalty = "r1_penalty";              // gamma of the R1 penalty
inline constexpr const char* kWeightClip = "weight_clip";  // bound of the discriminator's weights

struct AdversarialLoss {
  std::string name;
  std::string help;
  std::vector<ParameterSpec> parameters;
  // Scalars. real, fake: scores of any shape, the batch first.
  graph::ValueId (*discriminator)(graph::Builder& builder, graph::ValueId real,
                                  graph::ValueId fake);
  graph::ValueId (*generator)(graph::Builder& builder, graph::ValueId fake);
};

const std::vector<AdversarialLoss>& adversarial_losses();

// THROWS: kInvalidArgument with the nearest name.
const AdversarialLoss& find_adversarial_loss(std::string_view name);

}  // namespace temper::training
