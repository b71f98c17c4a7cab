// Files of trained tensors, of PyTorch and others, as one list of names: nothing of a file is run,
// and values are read when they are asked for.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "runtime/memory/unread_tensor.h"

namespace temper::training {

struct CheckpointFile {
  std::string format;  // for people: "PyTorch checkpoint (zip)"
  // Names are paths: "state_dict.layer1.0.conv1.weight".
  std::vector<UnreadTensor> tensors;
  // Of modules that say theirs, by the module's path: a state dict does not.
  std::map<std::string, double> epsilons;
  std::vector<std::string> notes;
};

// By its content: PyTorch's zip files and those before 1.6, safetensors (also FILE.index.json with
// its shards), .npz, GGUF. THROWS: kIo; kInvalidModel (damaged), kUnsupported (no such file, or one
// that would run code).
CheckpointFile read_checkpoint_file(const std::string& path);

// What each format's reader gives; parts of read_checkpoint_file().
CheckpointFile read_torch_zip(const std::string& path);
CheckpointFile read_torch_legacy(const std::string& path);
CheckpointFile read_gguf(const std::string& path);

}  // namespace temper::training
