// What an input or an output of a graph or plan is, told by role and number. Its name is for
// people.
#pragma once

#include <compare>

namespace temper {

enum class PortRole {
  // Inputs.
  kModelInput,    // input `index` of the model; of two models: see AdversarialGraphs
  kTarget,        // target `index` of the run's losses
  kSampleWeight,  // a weight per sample
  kInputLengths,  // frames that count, of the losses' array `index`
  kContinues,     // which rows go on with the state that their row of the batch before left
  // Of an imported graph: carried state `index`, as an input what it is before the batch and as an
  // output what it is afterwards.
  kCarriedState,
  // Outputs.
  kModelOutput,  // output `index` of the model
  kLoss,
  kLossSums,     // of part `index` of the loss
  kNorm,         // of all gradients, before anything is clipped
  kClippedNorm,  // after clipping by value, unit or tensor
  kOk,           // whether the step was applied
  kSpike,        // whether the spike guard kept it from being applied
  kLossScale,    // that coming steps use
  kAccuracy,     // predictions of a step's batch that are right, and that count
  kGradient,     // of the variable that is number `index` of the model, or of GraphRequest::wrt
  kStatistic,    // of the variable that is number `index` of the model
  kActivation,   // of layer `index` of the watched ones
  kReal,         // of a discriminator's step: the mean score of real samples
  kFake,         // and of generated ones
  kPenalty,
  kSamples,  // a generator's
};

struct Port {
  PortRole role = PortRole::kModelInput;
  int index = 0;

  friend auto operator<=>(const Port&, const Port&) = default;
};

}  // namespace temper
