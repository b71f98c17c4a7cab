// Penalties on the gradient of a discriminator with respect to its input. The inner reverse pass is
// part of the forward graph; training differentiates it a second time.
#pragma once

#include <functional>

#include "graph/ir/builder.h"

namespace temper::training {

// Scores of a batch of samples, one or several per sample.
using Discriminator = std::function<graph::ValueId(graph::ValueId samples)>;

// mean over the batch of (|gradient of sum D at x| - 1)^2, x = e real + (1 - e) fake with one
// coefficient e [N, 1...] per sample (Gulrajani et al. 2017, algorithm 1). A norm of 0 has the
// gradient 0, as torch.linalg.vector_norm's. Scalar. THROWS: kUnsupported naming the
// discriminator's ops without a second derivative.
graph::ValueId gradient_penalty(graph::Builder& builder, const Discriminator& discriminator,
                                graph::ValueId real, graph::ValueId fake,
                                graph::ValueId coefficients);

// mean over the batch of |gradient of sum D at real|^2 / 2 (Mescheder et al. 2018, R1). Scalar.
graph::ValueId r1_penalty(graph::Builder& builder, const Discriminator& discriminator,
                          graph::ValueId real);

}  // namespace temper::training
