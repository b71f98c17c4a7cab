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
  bool in_model = false;  // in the model's own file, and there is no location
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

// Parses the external_data entries. THROWS: kInvalidModel (no location, unreadable numbers, a
// length that is not `bytes`).
ExternalRange external_range(const wire::TensorProto& proto, std::uint64_t bytes,
                             const std::string& what);
// Of a tensor whose raw data was left in the model's own file (left_in_file.h).
ExternalRange held_range(const wire::TensorProto& proto);

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
  // The model's own file, where tensors were left in it.
  void keep_model_file(FileDescriptor file, const std::string& path);

  bool empty() const { return sizes_.empty(); }
  std::shared_ptr<const FileDescriptor> open(const std::string& location) const;
  // Bytes of a range from `skip` on, as many as fill `out`. THROWS: kInvalidModel when the file has
  // become too short. Threading: several threads may read.
  void read(const ExternalRange& range, std::uint64_t skip, std::span<std::byte> out) const;
  std::uint64_t size(const std::string& location) const;
  std::string shown_path(const std::string& location) const;
  // The same of either kind of range.
  std::shared_ptr<const FileDescriptor> open(const ExternalRange& range) const;
  std::string shown_path(const ExternalRange& range) const;
  // As shown_path(), of all files.
  std::vector<std::string> paths() const;

 private:
  std::string root_;
  std::string prefix_;  // from the root to the model's folder, "" or with a slash at its end
  std::string folder_;
  std::string model_path_;
  std::shared_ptr<const FileDescriptor> model_file_;
  std::map<std::string, std::uint64_t> sizes_;
  std::map<std::string, std::shared_ptr<const FileDescriptor>> kept_;
  std::uint64_t total_ = 0;
};

// The graphs made from a model share its files with it: they may outlive it.
using SharedFiles = std::shared_ptr<const ExternalFiles>;
SharedFiles share(ExternalFiles files);

// Maps one file at a time, the model's own as well.
class ExternalReader {
 public:
  explicit ExternalReader(const ExternalFiles& files) : files_(files) {}
  // Valid until the next call. THROWS: kInvalidModel when the file has become too short.
  std::span<const std::byte> bytes(const ExternalRange& range, const std::string& what);

 private:
  std::span<const std::byte> whole(const ExternalRange& range);

  const ExternalFiles& files_;
  ExternalRange mapped_;
  std::unique_ptr<MappedFile> map_;
};

}  // namespace temper::graph
