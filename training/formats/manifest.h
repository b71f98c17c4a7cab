// Raw arrays described by a JSON manifest: which file holds which field, from where, of what type.
// docs/raw_data.md describes the format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/memory/tensor.h"
#include "training/formats/json.h"

namespace temper::training {

class Manifest {
 public:
  // Reads and checks the manifest; data files are opened by read().
  // THROWS: kIo; kInvalidData naming the key that is wrong, kUnsupported for types that are none.
  explicit Manifest(const std::string& path);

  // One per field; a target's is "target", or "target:NAME" when it has another name.
  std::vector<std::string> names() const;
  // The rows of a field: a view of the mapped file where rows follow each other and elements are
  // aligned, a copy otherwise. REQUIRES: one of names(). THROWS: kIo, also for a file outside of
  // the manifest's folder; kInvalidData when the file is too short.
  Tensor read(const std::string& name) const;
  const std::vector<std::string>& classes() const { return classes_; }
  // The manifest, then the data files, each once.
  std::vector<std::string> files() const;

 private:
  struct Field {
    std::string name;
    DType dtype = DType::kUndefined;
    Shape shape;  // [rows, ...]
    std::string file;
    std::uint64_t offset = 0;
    std::uint64_t row_bytes = 0;
    std::uint64_t stride = 0;  // from a row's first byte to the next row's
  };
  Field parse_field(const JsonValue& json, const std::string& where) const;

  std::string path_;
  std::int64_t rows_ = 0;
  std::vector<Field> fields_;
  std::vector<std::string> classes_;
};

}  // namespace temper::training
