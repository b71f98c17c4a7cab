// Writes a new data file from an old one with some ranges replaced, named after its content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>

#include "runtime/memory/plain_pieces.h"

namespace temper::graph {

// Bytes that are made when they are written, a piece at a time.
struct StreamedBytes {
  std::uint64_t bytes = 0;
  std::function<void(const TakePiece&)> for_each_piece;  // may be called more than once
};

// Byte ranges of one data file and what comes there. Ranges do not overlap; one that starts at or
// after the old end is appended.
using DataPatches = std::map<std::uint64_t, StreamedBytes>;  // by offset

// A file as it was: read(offset, what to fill).
struct OriginalData {
  std::uint64_t bytes = 0;
  std::function<void(std::uint64_t, std::span<std::byte>)> read;
};

// "net" for "folder/net.onnx": what the data file beside a model is named after.
std::string stem_of_model(const std::string& path);

// Writes "<stem>-<8 hex>.onnx.data" into `folder`, synced, and returns that name. Holds a piece of
// the data at a time.
std::string write_patched_data(const OriginalData& original, const DataPatches& patches,
                               const std::string& folder, const std::string& stem);

// A data file of these ranges alone, under the name it is given.
void write_data_file(const DataPatches& patches, const std::string& path);

// Whether both are the same bytes, by a hash of 64 bits and their number.
bool same_content(const StreamedBytes& a, const StreamedBytes& b);

// Calls `take` with the bytes from `begin` to `end` of a file, a piece at a time.
void for_each_piece(const OriginalData& file, std::uint64_t begin, std::uint64_t end,
                    const TakePiece& take);

// Removes data files of that form and stem which no .onnx file of the folder names. Never throws: a
// file that cannot be removed is only waste.
void remove_stale_data(const std::string& folder, const std::string& stem);

}  // namespace temper::graph
