#include "training/losses/adversarial.h"

#include <numeric>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

using graph::Builder;
using graph::ValueId;

ValueId mean(Builder& b, ValueId value) {
  std::vector<std::int64_t> axes(static_cast<std::size_t>(b.shape(value).rank()));
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  return axes.empty()
             ? value
             : b.op("ReduceMean", {value}, {{"axes", axes}, {"keepdims", std::int64_t{0}}});
}

ValueId mean_softplus(Builder& b, ValueId value) { return mean(b, b.op("Softplus", {value})); }

ValueId mean_square(Builder& b, ValueId value) { return mean(b, b.mul(value, value)); }

// With s the sigmoid, -log s(x) = softplus(-x) and -log(1 - s(x)) = softplus(x):
// -mean log s(real) - mean log(1 - s(fake))  (Goodfellow et al. 2014, equation 1)
ValueId cross_entropy_discriminator(Builder& b, ValueId real, ValueId fake) {
  return b.add(mean_softplus(b, b.neg(real)), mean_softplus(b, fake));
}

// mean log(1 - s(fake))
ValueId minimax_generator(Builder& b, ValueId fake) { return b.neg(mean_softplus(b, fake)); }

// -mean log s(fake)
ValueId non_saturating_generator(Builder& b, ValueId fake) { return mean_softplus(b, b.neg(fake)); }

// mean (real - 1)^2 / 2 + mean fake^2 / 2  (Mao et al. 2017, equation 9)
ValueId least_squares_discriminator(Builder& b, ValueId real, ValueId fake) {
  const ValueId off = b.sub(real, b.scalar(b.dtype(real), 1));
  return b.scale(b.add(mean_square(b, off), mean_square(b, fake)), 0.5);
}

// mean (fake - 1)^2 / 2
ValueId least_squares_generator(Builder& b, ValueId fake) {
  return b.scale(mean_square(b, b.sub(fake, b.scalar(b.dtype(fake), 1))), 0.5);
}

// mean max(0, 1 - real) + mean max(0, 1 + fake)  (Lim and Ye 2017)
ValueId hinge_discriminator(Builder& b, ValueId real, ValueId fake) {
  const ValueId one = b.scalar(b.dtype(real), 1);
  return b.add(mean(b, b.op("Relu", {b.sub(one, real)})),
               mean(b, b.op("Relu", {b.add(one, fake)})));
}

// mean fake - mean real  (Arjovsky et al. 2017)
ValueId wasserstein_discriminator(Builder& b, ValueId real, ValueId fake) {
  return b.sub(mean(b, fake), mean(b, real));
}

// -mean fake
ValueId critic_generator(Builder& b, ValueId fake) { return b.neg(mean(b, fake)); }

std::vector<AdversarialLoss> make_losses() {
  const ParameterSpec r1{kR1Penalty, 0.0,
                         "gamma of R1, gamma / 2 times the mean squared gradient at real samples",
                         require_not_negative};
  return {
      {"non_saturating",
       "cross entropy; the generator maximises log s(fake), with s the sigmoid: a good first "
       "choice",
       {r1},
       cross_entropy_discriminator,
       non_saturating_generator},
      {"standard",
       "the minimax game: the generator minimises log(1 - s(fake)), which is flat where the "
       "discriminator wins",
       {r1},
       cross_entropy_discriminator,
       minimax_generator},
      {"least_squares",
       "squares of the distance to 1 (real) and 0 (fake)",
       {r1},
       least_squares_discriminator,
       least_squares_generator},
      {"hinge",
       "margins at 1 and -1; the generator maximises its score",
       {r1},
       hinge_discriminator,
       critic_generator},
      {"wasserstein",
       "difference of mean scores, the discriminator's weights clipped; use ratio = 5",
       {{kWeightClip, 0.01, "largest absolute weight of the discriminator", require_positive}},
       wasserstein_discriminator,
       critic_generator},
      {"wasserstein_gp",
       "difference of mean scores with a gradient penalty at random interpolates; use ratio = 5",
       {{kGradientPenalty, 10.0, "lambda, the weight of the mean of (gradient norm - 1)^2",
         require_not_negative}},
       wasserstein_discriminator,
       critic_generator},
  };
}

}  // namespace

const std::vector<AdversarialLoss>& adversarial_losses() {
  static const std::vector<AdversarialLoss> kLosses = make_losses();
  return kLosses;
}

const AdversarialLoss& find_adversarial_loss(std::string_view name) {
  std::vector<std::string> names;
  for (const AdversarialLoss& loss : adversarial_losses()) {
    if (loss.name == name) {
      return loss;
    }
    names.push_back(loss.name);
  }
  const std::string hint = nearest(name, names);
  fail(ErrorCode::kInvalidArgument, "unknown adversarial loss '", name, "'",
       hint.empty() ? concat(" (there are ", join(names, ", "), ")")
                    : concat("; did you mean ", hint, "?"));
}

}  // namespace temper::training
