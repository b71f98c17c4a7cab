// A language model that continues a text: it is run over the tokens so far, one of its scores for
// the next one is drawn, and again.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "training/analysis/token_sampling.h"
#include "training/compile/plan_set.h"

namespace temper::training {

struct GeneratorOptions {
  // Most tokens that the model sees at once, the last ones; 0: the length that the file fixes, or
  // as many as it turns out to take, up to kDefaultContext.
  std::int64_t context = 0;
  std::string device = "cpu";
  std::unique_ptr<Backend> opened = {};  // the device, where it is open
  EngineOptions engine;
};
inline constexpr std::int64_t kDefaultContext = 1024;

// Threading: one thread at a time.
class TextGenerator {
 public:
  // A model with one input of whole numbers [batch, sequence] (and, if it takes them, the inputs
  // `attention_mask` and `position_ids`) whose first output is [batch, sequence, vocabulary].
  // THROWS: as OnnxModel::load; kUnsupported for another model.
  TextGenerator(const std::string& model, GeneratorOptions options);
  ~TextGenerator();

  std::int64_t vocabulary() const;
  // Of what comes after `tokens`: a score for each token of the vocabulary. THROWS:
  // kInvalidArgument without tokens or for one outside the vocabulary; kUnsupported where the model
  // takes texts of one length alone, these are fewer, and it does not work from left to right.
  std::vector<float> next_scores(std::span<const std::int64_t> tokens);
  // Appends `count` tokens to `tokens`, each shown to `drawn` (which may be null). THROWS: as
  // next_scores() and check_sampling().
  void continue_text(std::vector<std::int64_t>& tokens, std::int64_t count,
                     const TokenSampling& sampling, const std::function<void(std::int64_t)>& drawn);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace temper::training
