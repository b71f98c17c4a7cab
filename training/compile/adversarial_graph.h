// The graphs of adversarial training: generator and discriminator joined, over one set of variables
// of two models, labelled "generator::NAME" and "discriminator::NAME". A step of one model leaves
// the other's parameters, optimizer state and statistics alone.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graph/ir/graph.h"
#include "runtime/backend/backend.h"
#include "training/compile/training_graph.h"
#include "training/losses/adversarial.h"
#include "training/settings/adversarial_settings.h"

namespace temper::training {

inline constexpr const char* kGeneratorPrefix = "generator::";
inline constexpr const char* kDiscriminatorPrefix = "discriminator::";
// VariableIdentity::model of each.
inline constexpr int kGeneratorModel = 0;
inline constexpr int kDiscriminatorModel = 1;

struct AdversarialCompileSettings {
  AdversarialSettings adversarial;  // the loss's parameters complete; empty latent: see wire()
  CompileSettings generator;        // optimizer, groups, clipping of each model's own step
  CompileSettings discriminator;
};

// How the two models fit together.
struct Wiring {
  std::string latent;                   // generator input that takes noise
  std::string sample;                   // discriminator input that takes samples
  std::size_t generated = 0;            // generator output that is a sample
  std::vector<std::string> conditions;  // further inputs of either: come from the data, by name
};

// The noise input is `latent`, or the only generator input that is no discriminator input. The
// sample is the generator's output whose name the discriminator has as an input, else its first
// output and the discriminator's first input that is no generator input.
// THROWS: kInvalidArgument naming the inputs and outputs there are.
Wiring wire(const graph::Graph& generator, const graph::Graph& discriminator,
            const std::string& latent);

enum class AdversarialGraphKind {
  kDiscriminator,  // inputs: the sample and the conditions; loss, real, fake, penalty
  kGenerator,      // inputs: the conditions; loss, fake
  kSample,         // inputs: the conditions; samples of fixed noise, both models at inference
  kClipWeights,    // no inputs: the discriminator's weights into [-weight_clip, weight_clip]
};

constexpr const char* to_string(AdversarialGraphKind kind) {
  switch (kind) {
    case AdversarialGraphKind::kDiscriminator:
      return "discriminator";
    case AdversarialGraphKind::kGenerator:
      return "generator";
    case AdversarialGraphKind::kSample:
      return "sample";
    case AdversarialGraphKind::kClipWeights:
      return "clip_weights";
  }
  return "";
}

class AdversarialGraphs {
 public:
  // Imported graphs whose inputs have numbers as dimensions, but for the batch and the noise.
  AdversarialGraphs(graph::Graph generator, graph::Graph discriminator,
                    AdversarialCompileSettings settings, const Backend& reference);

  const Wiring& wiring() const { return wiring_; }
  const AdversarialCompileSettings& settings() const { return settings_; }
  // Input 0 is the sample, i + 1 condition i. Steps have also the outputs norm and ok. THROWS:
  // kInvalidArgument, kInvalidModel, kUnsupported (naming what has no second derivative, for
  // penalties).
  graph::Graph make(AdversarialGraphKind kind, std::int64_t batch) const;

 private:
  graph::Graph generator_;
  graph::Graph discriminator_;
  AdversarialCompileSettings settings_;
  const Backend& reference_;
  Wiring wiring_;
};

}  // namespace temper::training
