// Tensor data in files beside the model: opened below one folder only, checked against the file's
// size. Threading: ExternalFiles is immutable after the last add(); a reader belongs to one thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/platform/files.h"

namespace temper::wire {
class TensorProto;
}

namespace temper::graph {

// Where a tensor's bytes are.
struct ExternalRange {
  std::string location;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

// Parses the external_data entries. THROWS: kInvalidModel (no location, unreadable numbers, a
// length that is not `bytes`).
ExternalRange external_range(const wire::TensorProto& proto, std::uint64_t bytes,
                             const std::string& what);

class ExternalFiles {
 public:
  // `wider_root` as ImportOptions::external_data_root. THROWS: kInvalidArgument when the model lies
  // outside of it.
  ExternalFiles(const std::string& model_path, const std::string& wider_root);

  // Opens the file of a range (once) and checks the range against its size. The first files stay
  // open, so that export finds them even when they were renamed meanwhile. THROWS: kInvalidModel:
  // outside the folder, missing, no regular file, too short.
  void add(const ExternalRange& range, const std::string& what);
  // After the last add(): all ranges together may not be much larger than the files (one range
  // named a million times).
  void check_total() const;

  bool empty() const { return sizes_.empty(); }
  std::shared_ptr<const FileDescriptor> open(const std::string& location) const;
  std::string shown_path(const std::string& location) const;
  // As shown_path(), of all files.
  std::vector<std::string> paths() const;

 private:
  std::string root_;
  std::string prefix_;  // from the root to the model's folder, "" or with a slash at its end
  std::string folder_;
  std::map<std::string, std::uint64_t> sizes_;
  std::map<std::string, std::shared_ptr<const FileDescriptor>> kept_;
  std::uint64_t total_ = 0;
};

// Maps one file at a time.
class ExternalReader {
 public:
  explicit ExternalReader(const ExternalFiles& files) : files_(files) {}
  // Valid until the next call. THROWS: kInvalidModel when the file has become too short.
  std::span<const std::byte> bytes(const ExternalRange& range, const std::string& what);
  std::span<const std::byte> whole(const std::string& location);

 private:
  const ExternalFiles& files_;
  std::string location_;
  std::unique_ptr<MappedFile> map_;
};

}  // namespace temper::graph
