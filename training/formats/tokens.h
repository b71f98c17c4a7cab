// Files of tokens for language models: nothing but whole numbers, one after the other, as nanoGPT
// writes them; with llm.c's header of 1024 bytes; or a .npy array with one dimension.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "runtime/memory/tensor.h"

namespace temper::training {

// Whether the bytes begin with llm.c's header, of 16-bit tokens (GPT-2) or 32-bit ones (Llama 3).
bool has_token_header(std::span<const std::byte> bytes);

// The tokens of a file as an array [count], which is a view of the mapped file.
// `dtype`: kUInt16 or kUInt32; kUndefined: as the file says, else kUInt16.
// THROWS: kIo; kInvalidData for sizes that do not fit, kUnsupported for arrays of another kind.
Tensor read_tokens(const std::string& path, DType dtype);

}  // namespace temper::training
