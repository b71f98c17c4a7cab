// NumPy's .npz: a zip archive with one .npy file per array.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/memory/tensor.h"
#include "training/formats/zip_archive.h"

namespace temper::training {

using NamedTensor = std::pair<std::string, Tensor>;
// An array of texts.
using NamedTexts = std::pair<std::string, std::vector<std::string>>;

// Threading: one thread at a time.
class NpzFile {
 public:
  // THROWS: kIo, kInvalidData (no zip archive).
  explicit NpzFile(std::string path);

  // Array names, in the order of the file, without ".npy".
  const std::vector<std::string>& names() const { return names_; }
  bool has(std::string_view name) const;

  // An array of texts with one dimension; nothing when it is another array, or not there.
  // THROWS: kInvalidData when it is damaged.
  std::optional<std::vector<std::string>> read_texts(std::string_view name) const;
  // Reads one array into memory. THROWS: kInvalidData (no such array, damaged), kUnsupported.
  Tensor read(std::string_view name) const;

 private:
  std::string path_;
  ZipArchive archive_;
  std::vector<std::string> names_;
  std::vector<std::size_t> entries_;
};

// Writes atomically; equal arrays give equal files. bf16, which NumPy lacks, is written as f32.
void write_npz(const std::string& path, const std::vector<NamedTensor>& arrays,
               bool compress = false, const std::vector<NamedTexts>& texts = {});

}  // namespace temper::training
