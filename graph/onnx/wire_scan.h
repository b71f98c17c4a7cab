// Walks the tags of an ONNX file before protobuf does: every length inside its parent, nesting
// bounded, and what parsing would take in memory bounded by the file's size (an empty message costs
// 2 bytes there and up to 256 here). Allocates nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace temper::graph {

// THROWS: kInvalidModel saying what is wrong at which byte; `path` is for the message.
void scan_wire(std::span<const std::byte> file, const std::string& path);

// What a file that is no ONNX file seems to be ("a PNG picture"), or "".
const char* foreign_format(std::span<const std::byte> file);

}  // namespace temper::graph
