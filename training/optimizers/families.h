// The families of optimizers, one file each. Private to training/optimizers.
#pragma once

#include <vector>

#include "training/optimizers/optimizer.h"

namespace temper::training {

std::vector<Optimizer> sgd_family();
std::vector<Optimizer> adam_family();
std::vector<Optimizer> adam_variants();
std::vector<Optimizer> adaptive_family();
std::vector<Optimizer> trust_ratio_family();
std::vector<Optimizer> matrix_family();
inline constexpr auto kOptimizerFamilies = {sgd_family,      adam_family,        adam_variants,
                                            adaptive_family, trust_ratio_family, matrix_family};

}  // namespace temper::training
