// Tensors of a checkpoint for whoever compares, averages or converts: of a file, or of a run.
#pragma once

#include <string>

#include "training/formats/checkpoint_file.h"

namespace temper::training {

// A file (formats/checkpoint_file.h), or the folder of a run, whose newest checkpoint counts, its
// averages under "average.". THROWS: as read_checkpoint_file() and read_newest_checkpoint().
CheckpointFile read_checkpoint(const std::string& path);

}  // namespace temper::training
