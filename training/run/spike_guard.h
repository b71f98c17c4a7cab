// When a loss or a gradient norm counts as a spike: what is far above the median of the last good
// steps.
#pragma once

#include <cstdint>
#include <vector>

#include "training/recipe/recipe.h"

namespace temper::training {

// The median of some numbers; of an even count the mean of the two in the middle.
double median(std::vector<double> values);

// The largest number that is no spike after these good ones: median + (factor - 1) |median|, which
// is factor times a positive median. Infinity until the window is full.
double spike_limit(const SpikeSettings& settings, const std::vector<double>& window);

// Adds a good step's number and drops the oldest of more than settings.window.
void remember_good(const SpikeSettings& settings, std::vector<double>& window, double value);

}  // namespace temper::training
