// Samples of a data set or of a generator as a sheet of pictures.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/memory/tensor.h"
#include "training/records/run_observer.h"

namespace temper::cli {

// The sheet, `columns` in a row (0: about as wide as high); empty for samples that are no pictures,
// that is, not [N, 1 or 3, height, width]. Black to white is 0 to 1, or -1 to 1 where values are
// negative, or, where they leave that too, the smallest to the largest value. `captions`: one per
// sample, or none.
training::DrawnPicture draw_pictures(const std::string& title, const Tensor& samples,
                                     const std::vector<std::string>& captions, int columns = 0);

// What a generator drew after `step` steps.
training::DrawnPicture draw_samples(std::int64_t step, const Tensor& samples, std::int64_t columns);

// Writes RUN/samples/step-N.png and returns its path. THROWS: kIo.
std::string write_samples(const std::string& run_directory, std::int64_t step,
                          const training::DrawnPicture& picture);

}  // namespace temper::cli
