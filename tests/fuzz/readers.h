// The readers of files that anybody may have made, one function each: tools/fuzz.sh mutates their
// input, corpus_test.cpp replays what is committed below corpus/.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace temper::test {

// What a reader is given: the bytes, and on demand a file that holds them.
class FuzzInput {
 public:
  // `folder` is written to and may hold files from before.
  FuzzInput(std::span<const std::byte> bytes, std::string folder)
      : bytes_(bytes), folder_(std::move(folder)) {}

  std::span<const std::byte> bytes() const { return bytes_; }
  std::string_view text() const {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  // The bytes as this file of the folder.
  std::string file(std::string_view name) const;
  // A file beside it, that the input may name.
  void put_beside(std::string_view name, std::string_view content) const;

 private:
  std::span<const std::byte> bytes_;
  std::string folder_;
};

struct FuzzedReader {
  std::string_view name;  // also its folder below corpus/
  // Reads all there is. THROWS: Error, as it likes.
  void (*read)(const FuzzInput& input);
  // What reading may take: so many times the file, and so many bytes for any file (libraries' own
  // state, such as a window of zlib's).
  std::uint64_t memory_factor = 4;
  std::uint64_t memory_bytes = std::uint64_t{1} << 20;

  std::uint64_t memory_of(std::uint64_t file_bytes) const {
    return memory_factor * file_bytes + memory_bytes;
  }
};

// Checkpoints, arrays, tables, pictures: training/formats.
std::span<const FuzzedReader> format_readers();
// ONNX files: graph/onnx.
std::span<const FuzzedReader> model_readers();

// Whether reading ends as it may: with nothing thrown, or an Error about the file. `problem` says
// what it was otherwise.
bool reads_soundly(const FuzzedReader& reader, const FuzzInput& input, std::string& problem);

}  // namespace temper::test
