// Maps a file and hands the mapping to a Buffer as its owner.
#include "training/formats/mapped_buffer.h"

#include <utility>

#include "runtime/platform/files.h"
#include "runtime/platform/folders.h"

namespace temper::training {

namespace {

std::shared_ptr<Buffer> as_buffer(std::shared_ptr<const MappedFile> file) {
  void* data = file->writable_data_for_views();
  const std::size_t size = file->size();
  return Buffer::wrap(data, size, std::move(file));
}

}  // namespace

std::shared_ptr<Buffer> map_buffer(const std::string& path) {
  return as_buffer(std::make_shared<const MappedFile>(path));
}

std::shared_ptr<Buffer> map_buffer(const FileDescriptor& file, const std::string& path) {
  return as_buffer(std::make_shared<const MappedFile>(file, path));
}

std::shared_ptr<Buffer> map_buffer_beneath(const std::string& folder, const std::string& relative) {
  return as_buffer(std::make_shared<const MappedFile>(open_beneath(folder, relative),
                                                      join_path(folder, relative)));
}

}  // namespace temper::training
