// A model that gives gradients beside its outputs, in operators of the standard:
// `temper convert --gradient`.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "training/analysis/gradients.h"
#include "training/recipe/recipe.h"

namespace temper::training {

struct GradientModelReport {
  std::int64_t opset = 0;
  std::int64_t nodes = 0;
  std::int64_t batch = 0;
  std::vector<std::string> inputs, outputs;
  std::vector<std::string> notes;
};

// The loss of `recipe` and its gradients, for batches of `rows` samples (0:
// recipe.data.batch_size), in training mode without Dropout, as compute_gradients(). THROWS: as
// that; kUnsupported listing what has no form in standard operators.
GradientModelReport write_loss_gradient(const Recipe& recipe, const GradientOptions& options,
                                        std::int64_t rows, const std::string& out);

struct ProductOptions {
  GradientOptions of;
  std::int64_t rows = 1;                        // of a batch
  std::map<std::string, std::int64_t> symbols;  // sizes of other symbolic dimensions
  std::string external_data_root;
};

// The vector-Jacobian product of the model in inference form: for each float output an input
// "cotangent.NAME" of its shape, and the gradients of sum(output * cotangent) over all of them.
// THROWS: as write_loss_gradient().
GradientModelReport write_jacobian_product(const std::string& model, const ProductOptions& options,
                                           const std::string& out);

}  // namespace temper::training
