// gzip through zlib; the output grows with what was really decompressed, never by a claimed size.
#include "training/formats/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "runtime/base/error.h"

namespace temper::training {
namespace {

class Inflater {
 public:
  explicit Inflater(std::string_view where) {
    constexpr int kGzipOnly = 15 + 16;
    TEMPER_CHECK(inflateInit2(&stream_, kGzipOnly) == Z_OK, ErrorCode::kOutOfMemory,
                 "cannot start decompressing ", where);
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
};

constexpr std::size_t kChunk = std::size_t{1} << 20;

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) {
  return bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b};
}

std::shared_ptr<Buffer> gunzip(std::span<const std::byte> bytes, std::string_view where) {
  TEMPER_CHECK(is_gzip(bytes), ErrorCode::kInvalidData, where, " is no gzip file");
  Inflater inflater(where);
  z_stream& stream = inflater.stream();
  auto out = std::make_shared<std::vector<std::byte>>();
  std::size_t used = 0;
  std::size_t read = 0;
  while (read < bytes.size()) {
    if (out->size() - used < kChunk / 4) {
      out->resize(std::max(out->size() + out->size() / 2, kChunk));
    }
    const std::size_t room = std::min<std::size_t>(out->size() - used, 1u << 30);
    const std::size_t give = std::min<std::size_t>(bytes.size() - read, 1u << 30);
    // zlib does not write through next_in; its type is not const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data() + read));
    stream.avail_in = static_cast<uInt>(give);
    stream.next_out = reinterpret_cast<Bytef*>(out->data() + used);
    stream.avail_out = static_cast<uInt>(room);
    const int status = inflate(&stream, Z_NO_FLUSH);
    read += give - stream.avail_in;
    used += room - stream.avail_out;
    if (status == Z_STREAM_END) {
      if (read == bytes.size()) {
        out->resize(used);
        return Buffer::wrap(out->data(), used, out);
      }
      TEMPER_CHECK(is_gzip(bytes.subspan(read)), ErrorCode::kInvalidData, where,
                   " has foreign bytes after its compressed data, at ", read);
      inflateReset(&stream);
      continue;
    }
    const bool moved = stream.avail_in < give || stream.avail_out < room;
    TEMPER_CHECK((status == Z_OK || status == Z_BUF_ERROR) && moved, ErrorCode::kInvalidData, where,
                 ": damaged compressed data near byte ", read, ": ",
                 stream.msg != nullptr ? stream.msg : "the data ends too early");
  }
  fail(ErrorCode::kInvalidData, where, " ends in the middle of its compressed data after ", used,
       " bytes. Is the file cut off?");
}

}  // namespace temper::training
