// The tensors inside a pickle of PyTorch's: state dicts at any depth, whole modules, what is
// around them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/memory/buffer.h"
#include "training/formats/checkpoint_file.h"
#include "training/formats/pickle.h"

namespace temper::training {

// Where the bytes of tensors are, by the keys of the pickle.
class TorchStorages {
 public:
  TorchStorages() = default;
  TorchStorages(const TorchStorages&) = delete;
  TorchStorages& operator=(const TorchStorages&) = delete;
  virtual ~TorchStorages() = default;
  // THROWS: kInvalidModel when there is none.
  virtual std::uint64_t bytes(const std::string& key) const = 0;
  // The storage's bytes begin at `offset` of the buffer.
  virtual std::shared_ptr<Buffer> read(const std::string& key, std::uint64_t& offset) const = 0;
};

// What reading a checkpoint of this size may take: what is in it, and the objects of its pickle.
constexpr std::uint64_t checkpoint_memory(std::uint64_t file_bytes) {
  return 4 * file_bytes + (std::uint64_t{1} << 19);
}

// Adds the tensors of `pickle` to `file`. `where` is for messages; `memory` bounds what the pickle
// and the list of its tensors take, and each tensor with its storage. THROWS: kInvalidModel for a
// tensor that does not fit its storage, and for more of them than fit.
void add_torch_tensors(const Pickle& pickle, const std::shared_ptr<const TorchStorages>& storages,
                       const std::string& where, std::uint64_t memory, CheckpointFile& file);

}  // namespace temper::training
