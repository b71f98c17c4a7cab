// The mean of several files' weights in one: a round of federated learning, a soup of runs.
#pragma once

#include <string>
#include <vector>

namespace temper::training {

// Writes `paths.front()` to `out` with each parameter and statistic replaced by its mean over all
// files, sum(weight * value) / sum(weight), summed in double; all else stays as the first file has
// it. `weights`: one per file, not negative, such as the samples each was trained on; empty: all
// alike. THROWS: kInvalidArgument naming the tensor where the files are not of one model.
void average_models(const std::vector<std::string>& paths, const std::vector<double>& weights,
                    const std::string& out);

}  // namespace temper::training
