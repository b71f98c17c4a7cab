// A model out of a run's newest checkpoint, in the place of the best.onnx and last.onnx it wrote
// itself: other weights, or those of a run that was stopped.
#pragma once

#include <string>
#include <vector>

namespace temper::training {

// Writes the weights of the newest whole checkpoint of a run into a copy of its model. `averages`:
// the averages of [average] instead. Returns what a person should know (damaged checkpoints).
// THROWS: kInvalidArgument for no run, or one without averages; as load_newest_checkpoint.
std::vector<std::string> export_run(const std::string& run_directory, const std::string& model_path,
                                    bool averages);

}  // namespace temper::training
