// Samples of a generator as a sheet of pictures.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/memory/tensor.h"
#include "training/run_observer.h"

namespace temper::cli {

// The sheet, `columns` in a row; empty for samples that are no pictures, that is, not
// [N, 1 or 3, height, width]. Black to white is 0 to 1, or -1 to 1 where values are negative, or,
// where they leave that too, the smallest to the largest value.
training::DrawnPicture draw_samples(std::int64_t step, const Tensor& samples, std::int64_t columns);

// Writes RUN/samples/step-N.png and returns its path. THROWS: kIo.
std::string write_samples(const std::string& run_directory, std::int64_t step,
                          const training::DrawnPicture& picture);

}  // namespace temper::cli
