// Processors without the SHA instructions of x86.
#include "training/formats/sha256_blocks.h"

namespace temper::training {

bool has_sha_instructions() { return false; }

void sha256_blocks_x86(std::uint32_t* state, const std::uint8_t* data, std::size_t count) {
  sha256_blocks_portable(state, data, count);
}

}  // namespace temper::training
