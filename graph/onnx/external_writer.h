// Writes a new data file from an old one with some ranges replaced, named after its content.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>

namespace temper::graph {

// Byte ranges of one data file and what comes there. Ranges do not overlap; one that starts at or
// after the old end is appended.
using DataPatches = std::map<std::uint64_t, std::string>;  // offset -> bytes

// Writes "<stem>-<8 hex>.onnx.data" into `folder`, synced, and returns that name.
std::string write_patched_data(std::span<const std::byte> original, const DataPatches& patches,
                               const std::string& folder, const std::string& stem);

// Removes data files of that form and stem which no .onnx file of the folder names. Never throws: a
// file that cannot be removed is only waste.
void remove_stale_data(const std::string& folder, const std::string& stem);

}  // namespace temper::graph
