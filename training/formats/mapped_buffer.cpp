// Maps a file and hands the mapping to a Buffer as its owner.
#include "training/formats/mapped_buffer.h"

#include "runtime/platform/files.h"

namespace temper::training {

std::shared_ptr<Buffer> map_buffer(const std::string& path) {
  auto file = std::make_shared<const MappedFile>(path);
  return Buffer::wrap(file->writable_data_for_views(), file->size(), file);
}

}  // namespace temper::training
