// JPEG through libjpeg. Its errors leave by longjmp, so what they jump over holds no objects with
// destructors: the library's state and the message lie in JpegReader, whose destructor frees both.
#include <csetjmp>
#include <cstddef>
#include <cstdio>

// clang-format off: the second needs what the first declares
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include "runtime/base/error.h"
#include "training/formats/image_codecs.h"

namespace temper::training {
namespace {

// A file of a few bytes per scan could ask for hours of decoding.
constexpr int kMostScans = 500;

class JpegReader {
 public:
  JpegReader() {
    state_.err = jpeg_std_error(&errors_);
    state_.client_data = this;
    errors_.error_exit = [](j_common_ptr state) { of(state).leave(); };
    errors_.emit_message = [](j_common_ptr state, int level) { of(state).note(level); };
    errors_.output_message = [](j_common_ptr) {};
    progress_.progress_monitor = [](j_common_ptr state) { of(state).limit_scans(); };
  }
  ~JpegReader() { jpeg_destroy_decompress(&state_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  // Each false: see message().
  bool read_header(std::span<const std::byte> bytes) {
    if (setjmp(jump_) != 0) {
      return false;
    }
    jpeg_create_decompress(&state_);
    state_.progress = &progress_;
    jpeg_mem_src(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&state_, TRUE);
    return true;
  }

  bool read_pixels(std::uint8_t* pixels, std::size_t row_bytes) {
    if (setjmp(jump_) != 0) {
      return false;
    }
    state_.out_color_space = output_space();
    jpeg_start_decompress(&state_);
    while (state_.output_scanline < state_.output_height) {
      JSAMPROW row = pixels + state_.output_scanline * row_bytes;
      jpeg_read_scanlines(&state_, &row, 1);
    }
    jpeg_finish_decompress(&state_);
    return true;
  }

  PixelKind kind() const {
    return state_.num_components == 1   ? PixelKind::kGrey
           : state_.num_components == 4 ? PixelKind::kInvertedCmyk
                                        : PixelKind::kRgb;
  }
  int components() const { return state_.num_components; }
  std::int64_t height() const { return state_.image_height; }
  std::int64_t width() const { return state_.image_width; }
  const char* message() const { return message_; }

 private:
  static JpegReader& of(j_common_ptr state) {
    return *static_cast<JpegReader*>(state->client_data);
  }

  J_COLOR_SPACE output_space() const {
    return kind() == PixelKind::kGrey  ? JCS_GRAYSCALE
           : kind() == PixelKind::kRgb ? JCS_RGB
                                       : JCS_CMYK;
  }

  [[noreturn]] void leave() {
    errors_.format_message(reinterpret_cast<j_common_ptr>(&state_), message_);
    std::longjmp(jump_, 1);
  }

  void limit_scans() {
    if (state_.input_scan_number > kMostScans) {
      std::snprintf(message_, sizeof message_, "it has more than %d scans", kMostScans);
      std::longjmp(jump_, 1);
    }
  }

  // Warnings (level -1) after which pixels are made up are errors; odd bytes between segments are
  // not, as many cameras and tools leave some.
  void note(int level) {
    const int code = errors_.msg_code;
    if (level == -1 &&
        (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
         code == JWRN_ARITH_BAD_CODE || code == JWRN_MUST_RESYNC)) {
      leave();
    }
  }

  jpeg_decompress_struct state_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf jump_;
  char message_[JMSG_LENGTH_MAX] = {};
};

}  // namespace

StoredPicture read_jpeg(std::span<const std::byte> bytes, std::string_view where) {
  const auto check = [&](bool done, const JpegReader& reader) {
    TEMPER_CHECK(done, ErrorCode::kInvalidData, where,
                 " cannot be read as a JPEG picture: ", reader.message());
  };
  JpegReader reader;
  check(reader.read_header(bytes), reader);
  StoredPicture stored;
  stored.kind = reader.kind();
  TEMPER_CHECK(reader.components() == 1 || reader.components() >= 3, ErrorCode::kInvalidData, where,
               " has ", reader.components(), " channels; a JPEG picture has 1, 3 or 4");
  const std::int64_t samples = stored.kind == PixelKind::kGrey  ? 1
                               : stored.kind == PixelKind::kRgb ? 3
                                                                : 4;
  set_size(stored.picture, reader.height(), reader.width(), samples, where);
  check(reader.read_pixels(stored.picture.pixels.data(), stored.picture.row_bytes()), reader);
  return stored;
}

}  // namespace temper::training
