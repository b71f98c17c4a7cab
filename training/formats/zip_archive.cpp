// Zip archives through libzip. What it does not check by itself is checked here: the size of a
// member is capped by what deflate can expand to, and the checksum is seen only by reading one byte
// past the end.
#include "training/formats/zip_archive.h"

#include <zip.h>

#include <utility>

#include "runtime/base/error.h"
#include "runtime/platform/files.h"
#include "training/formats/mapped_buffer.h"

namespace temper::training {
namespace {

constexpr std::uint64_t kMaxExpansion = 1032;     // of deflate
constexpr zip_uint16_t kDosDay1980 = 1 << 5 | 1;  // 1 January of year 0, which is 1980

struct ZipError {
  zip_error_t error;
  ZipError() { zip_error_init(&error); }
  ~ZipError() { zip_error_fini(&error); }
  ZipError(const ZipError&) = delete;
  ZipError& operator=(const ZipError&) = delete;
  std::string text() { return zip_error_strerror(&error); }
};

}  // namespace

struct ZipArchive::Handle {
  std::shared_ptr<Buffer> file;
  zip_t* archive = nullptr;

  explicit Handle(const std::string& path) : file(map_buffer(path)) {}
  ~Handle() {
    if (archive != nullptr) {
      zip_discard(archive);
    }
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

ZipArchive::ZipArchive(std::string path)
    : path_(std::move(path)), handle_(std::make_unique<Handle>(path_)) {
  ZipError error;
  TEMPER_CHECK(handle_->file->bytes() > 0, ErrorCode::kInvalidData, path_, " is empty");
  zip_source_t* source =
      zip_source_buffer_create(handle_->file->data(), handle_->file->bytes(), 0, &error.error);
  TEMPER_CHECK(source != nullptr, ErrorCode::kInvalidData, path_, ": ", error.text());
  handle_->archive = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error.error);
  if (handle_->archive == nullptr) {
    zip_source_free(source);
    fail(ErrorCode::kInvalidData, path_, " is no sound zip archive: ", error.text(),
         ". Is the file cut off?");
  }
  const zip_int64_t count = zip_get_num_entries(handle_->archive, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t stat;
    zip_stat_init(&stat);
    const zip_uint64_t wanted = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
    const bool good =
        zip_stat_index(handle_->archive, static_cast<zip_uint64_t>(i), 0, &stat) == 0 &&
        (stat.valid & wanted) == wanted;
    TEMPER_CHECK(good, ErrorCode::kInvalidData, path_, ": member ", i,
                 " of the zip archive has no name or size");
    entries_.push_back({stat.name, stat.size, stat.comp_size});
  }
}

ZipArchive::~ZipArchive() = default;

std::shared_ptr<Buffer> ZipArchive::read(std::size_t entry) const {
  const ZipEntry& info = entries_.at(entry);
  const std::string where = concat(path_, ", member '", info.name, "'");
  TEMPER_CHECK(info.compressed_bytes <= handle_->file->bytes() &&
                   info.bytes / kMaxExpansion <= info.compressed_bytes,
               ErrorCode::kInvalidData, where, " claims ", info.bytes, " bytes from ",
               info.compressed_bytes, " compressed ones, in a file of ", handle_->file->bytes());
  zip_file_t* file = zip_fopen_index(handle_->archive, entry, 0);
  if (file == nullptr) {
    const int code = zip_error_code_zip(zip_get_error(handle_->archive));
    const bool unknown =
        code == ZIP_ER_COMPNOTSUPP || code == ZIP_ER_ENCRNOTSUPP || code == ZIP_ER_NOPASSWD;
    fail(unknown ? ErrorCode::kUnsupported : ErrorCode::kInvalidData, where, ": ",
         zip_strerror(handle_->archive));
  }
  std::shared_ptr<Buffer> buffer;
  std::string problem;
  try {
    buffer = Buffer::allocate(static_cast<std::size_t>(info.bytes), "a member of a zip archive");
    std::uint64_t done = 0;
    zip_int64_t got = 1;
    while (done < info.bytes && got > 0) {
      got = zip_fread(file, buffer->data() + done, info.bytes - done);
      done += got > 0 ? static_cast<std::uint64_t>(got) : 0;
    }
    char beyond = 0;
    const zip_int64_t more = got < 0 ? got : zip_fread(file, &beyond, 1);
    if (more < 0) {
      problem = zip_file_strerror(file);
    } else if (more > 0 || done != info.bytes) {
      problem = concat("the directory says ", info.bytes, " bytes, there are ",
                       more > 0 ? "more" : "fewer");
    }
  } catch (...) {
    zip_fclose(file);
    throw;
  }
  const int closed = zip_fclose(file);
  TEMPER_CHECK(problem.empty() && closed == 0, ErrorCode::kInvalidData, where,
               " is damaged: ", problem.empty() ? "wrong checksum" : problem);
  return buffer;
}

namespace {

// Owns the archive being written and the memory it is written to.
struct Output {
  zip_source_t* memory = nullptr;
  zip_t* archive = nullptr;
  ~Output() {
    if (archive != nullptr) {
      zip_discard(archive);
    }
    if (memory != nullptr) {
      zip_source_free(memory);
    }
  }
};

void add_member(zip_t* archive, const ZipMember& member, bool compress) {
  ZipError error;
  std::vector<zip_buffer_fragment_t> fragments;
  for (const std::span<const std::byte> piece : member.pieces) {
    // libzip does not write through this pointer; its type serves both directions.
    auto* data = reinterpret_cast<zip_uint8_t*>(const_cast<std::byte*>(piece.data()));
    if (!piece.empty()) {
      fragments.push_back({data, piece.size()});
    }
  }
  zip_source_t* source =
      zip_source_buffer_fragment_create(fragments.data(), fragments.size(), 0, &error.error);
  TEMPER_CHECK(source != nullptr, ErrorCode::kIo, "zip member '", member.name, "': ", error.text());
  const zip_int64_t index = zip_file_add(archive, member.name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (index < 0) {
    const std::string reason = zip_strerror(archive);
    zip_source_free(source);
    fail(ErrorCode::kInvalidArgument, "cannot add the zip member '", member.name, "': ", reason);
  }
  const auto position = static_cast<zip_uint64_t>(index);
  zip_file_set_dostime(archive, position, 0, kDosDay1980, 0);
  zip_set_file_compression(archive, position, compress ? ZIP_CM_DEFLATE : ZIP_CM_STORE, 0);
}

}  // namespace

void write_zip(const std::string& path, const std::vector<ZipMember>& members, bool compress) {
  ZipError error;
  Output out;
  out.memory = zip_source_buffer_create(nullptr, 0, 0, &error.error);
  TEMPER_CHECK(out.memory != nullptr, ErrorCode::kOutOfMemory, "writing ", path, ": ",
               error.text());
  zip_source_keep(out.memory);
  out.archive = zip_open_from_source(out.memory, ZIP_TRUNCATE, &error.error);
  if (out.archive == nullptr) {
    zip_source_free(out.memory);  // the reference the archive would have taken
    fail(ErrorCode::kIo, "writing ", path, ": ", error.text());
  }
  for (const ZipMember& member : members) {
    add_member(out.archive, member, compress);
  }
  TEMPER_CHECK(zip_close(out.archive) == 0, ErrorCode::kIo, "writing ", path, ": ",
               zip_strerror(out.archive));
  out.archive = nullptr;
  TEMPER_CHECK(zip_source_open(out.memory) == 0, ErrorCode::kIo, "writing ", path,
               ": an archive without members");
  AtomicFile file(path);
  std::vector<std::byte> chunk(std::size_t{1} << 20);
  zip_int64_t got = 0;
  while ((got = zip_source_read(out.memory, chunk.data(), chunk.size())) > 0) {
    file.write(std::span<const std::byte>(chunk.data(), static_cast<std::size_t>(got)));
  }
  zip_source_close(out.memory);
  TEMPER_CHECK(got == 0, ErrorCode::kIo, "writing ", path, ": cannot read the archive back");
  file.commit();
}

}  // namespace temper::training
